//! What a server lists: its tools, resources and prompts, page by page and as far as the limits go.

use super::{Behalf, Fault, Session};
use crate::carry::{TREE_MAX_BYTES, list_text};
use crate::catalog::{MAX_TOOLS, read_tools};
use crate::freshness;
use crate::provider::ToolProvider;
use crate::spec::ServerSpec;
use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest,
    PaginatedRequestParams, ServerResult,
};
use rmcp::service::{PeerRequestOptions, ServiceError};
use serde::Deserialize;
use serde_json::{Map, Value};
use tollgate_core::json::tree_bytes;
use tollgate_core::{ListKind, Tool};
use tollgate_route::Freshness;

/// The most pages of one list.
const MAX_PAGES: usize = 256;
/// The most pages of one list take together, in bytes: each as text and as a tree.
const MAX_LIST_BYTES: usize = TREE_MAX_BYTES;
/// The most items of one list of resources or prompts.
const MAX_ITEMS: usize = 10_000;

/// Which lists a server has beside its tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    pub(crate) resources: bool,
    pub(crate) prompts: bool,
}

impl Lists {
    /// Those that have an item.
    pub(crate) async fn of(provider: &dyn ToolProvider) -> Result<Self, String> {
        let mut lists = Self::default();
        for kind in [ListKind::Resources, ListKind::ResourceTemplates] {
            lists.resources |= !provider.list(kind).await?.is_empty();
        }
        lists.prompts = !provider.list(ListKind::Prompts).await?.is_empty();
        Ok(lists)
    }

    pub(crate) fn has(self, kind: ListKind) -> bool {
        match kind {
            ListKind::Resources | ListKind::ResourceTemplates => self.resources,
            ListKind::Prompts => self.prompts,
        }
    }
}

impl Session {
    /// Which lists it may be asked for.
    pub(crate) fn lists(&self) -> Lists {
        Lists { resources: self.capabilities.resources.is_some(), prompts: self.capabilities.prompts.is_some() }
    }

    /// The items of a list, as far as the limits go, and how long they may be kept.
    pub(crate) async fn list(&self, kind: ListKind) -> Result<(Vec<Map<String, Value>>, Option<Freshness>), Fault> {
        let (mut items, mut fresh) = (Vec::new(), None);
        let (mut cursor, mut bytes) = (None, 0);
        for _ in 0..MAX_PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = match kind {
                ListKind::Resources => ClientRequest::ListResourcesRequest(ListResourcesRequest::with_param(params)),
                ListKind::ResourceTemplates => {
                    ClientRequest::ListResourceTemplatesRequest(ListResourceTemplatesRequest::with_param(params))
                }
                ListKind::Prompts => ClientRequest::ListPromptsRequest(ListPromptsRequest::with_param(params)),
            };
            let text = match self.request(request, Behalf::default()).await {
                Err(Fault::Rpc(error)) if error.code.0 == -32601 => return Ok((items, fresh)),
                answer => answer?,
            };
            bytes += tree_bytes(text.as_bytes());
            within(bytes, items.len(), kind.method())?;
            fresh = freshness::least(fresh, freshness::of(&text));
            let mut page: Map<String, Value> = serde_json::from_str(&text)
                .map_err(|error| Fault::Invalid(format!("answered {} with something else: {error}", kind.method())))?;
            if let Some(Value::Array(listed)) = page.remove(kind.member()) {
                items.extend(listed.into_iter().filter_map(|item| match item {
                    Value::Object(item) => Some(item),
                    _ => None,
                }));
            }
            within(bytes, items.len(), kind.method())?;
            match page.remove("nextCursor") {
                Some(Value::String(next)) if !next.is_empty() => cursor = Some(next),
                _ => return Ok((items, fresh)),
            }
        }
        Err(Fault::TooLarge(format!("its answer to {} has over {MAX_PAGES} pages", kind.method())))
    }

    /// Every tool of the server.
    pub(crate) async fn tools(&self, spec: &ServerSpec) -> Result<Vec<Tool>, Fault> {
        let mut tools = Vec::new();
        let (mut cursor, mut bytes) = (None, 0);
        for _ in 0..MAX_PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ListToolsRequest::with_param(params);
            // Past rmcp's cache of responses: ours is the catalog.
            let handle = self
                .peer
                .send_cancellable_request(ClientRequest::ListToolsRequest(request), PeerRequestOptions::no_options())
                .await
                .map_err(|error| self.fault(error))?;
            let result = match handle.await_response().await {
                Ok(ServerResult::ListToolsResult(result)) => result,
                Ok(_) => return Err(Fault::Invalid("answered tools/list with something else".to_owned())),
                // -32601: a server that has no tools need not know the method.
                Err(ServiceError::McpError(error)) if error.code.0 == -32601 => return Ok(tools),
                Err(error) => return Err(self.fault(error)),
            };
            let Some((page, passed)) = list_text(result) else {
                return Err(Fault::Invalid("answered tools/list past the transport".to_owned()));
            };
            bytes += tree_bytes(page.as_bytes());
            within(bytes, 0, "tools/list")?;
            let next = next_cursor(&page)?;
            tools.extend(read_tools(spec, &page, &passed));
            if tools.len() > MAX_TOOLS {
                return Err(Fault::TooLarge(format!("it has over {MAX_TOOLS} tools")));
            }
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(tools),
            }
        }
        Err(Fault::TooLarge(format!("its list of tools has over {MAX_PAGES} pages")))
    }
}

/// # Errors
/// The pages of a list are too much together.
fn within(bytes: usize, items: usize, method: &str) -> Result<(), Fault> {
    if bytes <= MAX_LIST_BYTES && items <= MAX_ITEMS {
        return Ok(());
    }
    let limit = crate::bytes_text(MAX_LIST_BYTES);
    Err(Fault::TooLarge(format!("its answer to {method} takes over {limit} of memory, or has over {MAX_ITEMS} items")))
}

fn next_cursor(page: &str) -> Result<Option<String>, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(rename = "tools")]
        _tools: Vec<serde::de::IgnoredAny>,
        #[serde(default)]
        next_cursor: Option<String>,
    }
    let page: Page = serde_json::from_str(page)
        .map_err(|error| Fault::Invalid(format!("answered tools/list with something else: {error}")))?;
    Ok(page.next_cursor.filter(|c| !c.is_empty()))
}
