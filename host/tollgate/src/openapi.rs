//! APIs as servers: a document, read once in the sandbox, becomes a catalog of tools that the host keeps.

use crate::outside::{Credential, Secrets, bindings};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tollgate_config::model::{Category, Document, OpenApi};
use tollgate_core::address::{AddressKind, is_loopback_host};
use tollgate_core::json;
use tollgate_core::{CallError, Claimed, Configured, EffectClass, Grants, Host as UrlHost, HttpUrl, Tool, ToolResult};
use tollgate_outbound::Outbound;

/// How much of an API's words stands in an error, in characters.
const REFUSAL_MAX_CHARS: usize = 500;
/// The most that what was read of a document takes as a tree, in bytes.
const CATALOG_TREE_MAX_BYTES: usize = 512 << 20;
/// The largest document that is fetched or read, in bytes.
pub const DOCUMENT_MAX_BYTES: usize = 64 << 20;

/// What a document's tools are, and what calls of them need.
pub(crate) struct Catalog {
    pub(crate) tools: Vec<Tool>,
    operations: HashMap<String, Box<str>>,
    /// The requests that the API's operations make.
    pub(crate) grants: Grants,
    /// What goes with them.
    pub(crate) secrets: Secrets,
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    tools: Vec<Entry<'a>>,
    servers: Vec<Claimed<String>>,
    #[serde(default)]
    security: BTreeMap<String, Scheme>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    skipped: Vec<Skipped>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    tool: Described,
    #[serde(borrow)]
    operation: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    name: String,
    title: Option<String>,
    #[serde(default)]
    description: String,
    input_schema: serde_json::Value,
    output_schema: Option<serde_json::Value>,
    annotations: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Skipped {
    operation: String,
    reason: String,
}

/// A security scheme of a document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Scheme {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(rename = "in")]
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) scheme: String,
    /// Shown, and never asked.
    pub(crate) token_url: Option<Claimed<String>>,
}

/// The options of the adapter, as the configuration has them.
pub(crate) fn options(api: &OpenApi) -> String {
    let mut options = serde_json::Map::new();
    let mut set = |key: &str, value: serde_json::Value| {
        if !matches!(&value, serde_json::Value::Array(list) if list.is_empty()) {
            options.insert(key.to_owned(), value);
        }
    };
    if let Some(server) = &api.server {
        set("server", server.as_str().into());
    }
    if !api.variables.is_empty() {
        set("variables", api.variables.iter().cloned().collect::<BTreeMap<_, _>>().into_iter().collect());
    }
    for (key, list) in
        [("tags", &api.tags), ("paths", &api.paths), ("methods", &api.methods), ("operations", &api.operations)]
    {
        set(key, list.clone().into());
    }
    if let Some(category) = api.category {
        set("category", if category == Category::Read { "read" } else { "write" }.into());
    }
    serde_json::Value::Object(options).to_string()
}

impl Catalog {
    /// Takes in what the adapter read. `server` is the name of the server that it becomes.
    ///
    /// # Errors
    /// What is wrong with it, for the person who configured the document.
    pub(crate) fn new(
        text: &str,
        server: &str,
        api: &OpenApi,
        credentials: &[Credential],
        outbound: &Outbound,
    ) -> Result<Self, String> {
        json::check_tree(text.as_bytes(), CATALOG_TREE_MAX_BYTES)
            .map_err(|error| format!("the document has too many operations, or too large ones: {error}"))?;
        let read: Read<'_> =
            serde_json::from_str(text).map_err(|error| format!("the adapter's catalog is none: {error}"))?;
        for warning in &read.warnings {
            tracing::warn!(server, "the OpenAPI document: {warning}");
        }
        for Skipped { operation, reason } in &read.skipped {
            tracing::info!(server, "the operation {operation} is no tool: {reason}");
        }
        let grants = grants(&read.servers, api)?;
        let secrets = bindings(credentials, &read.servers, &read.security, outbound)?;
        let (mut tools, mut operations) = (Vec::new(), HashMap::new());
        for Entry { tool, operation } in read.tools {
            tollgate_core::name::check_tool_name(&tool.name).map_err(|error| error.to_string())?;
            operations.insert(tool.name.clone(), operation.get().into());
            tools.push(Tool {
                server: server.to_owned(),
                name: tool.name,
                title: tool.title,
                description: tool.description,
                input_schema: tool.input_schema,
                output_schema: tool.output_schema,
                effect: EffectClass::from_annotations(tool.annotations.as_ref()),
                annotations: tool.annotations,
                other: serde_json::Map::new(),
            });
        }
        Ok(Self { tools, operations, grants, secrets })
    }

    /// What a call of a tool gives the adapter.
    pub(crate) fn operation(&self, tool: &str) -> Option<&str> {
        self.operations.get(tool).map(|operation| &**operation)
    }
}

/// What the adapter tells of an API's response: in `_meta`, beside what the API says.
#[derive(Deserialize)]
struct Response {
    #[serde(rename = "_meta")]
    meta: ResponseMeta,
    #[serde(default)]
    content: Vec<Block>,
}

#[derive(Deserialize)]
struct ResponseMeta {
    #[serde(rename = "tollgate/http")]
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    status: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    text: String,
}

/// The HTTP status of a failed result.
pub(crate) fn http_status(result: &ToolResult) -> Option<u16> {
    serde_json::from_str::<Response>(&result.json).ok().map(|response| response.meta.http.status)
}

impl Catalog {
    /// What a failed result is to its caller: the error that an MCP server's answer with the same status is, where the caller can
    /// do something else about it than about a failure.
    pub(crate) fn refusal(&self, server: &str, result: ToolResult) -> CallError {
        let Ok(Response { meta: ResponseMeta { http }, content }) = serde_json::from_str(&result.json) else {
            return CallError::Failed(result);
        };
        let header = |name: &str| http.headers.get(name).map(|value| value.trim());
        let wait_ms =
            header("retry-after").and_then(|value| value.parse::<u64>().ok()).map(|s| s.saturating_mul(1_000));
        // GitHub says by 403 that an hour's requests are used up.
        let is_used_up = header("x-ratelimit-remaining") == Some("0");
        match http.status {
            429 => CallError::RateLimited(wait_ms),
            503 if wait_ms.is_some() => CallError::RateLimited(wait_ms),
            403 if wait_ms.is_some() || is_used_up => CallError::RateLimited(wait_ms),
            401 => {
                let said = content.first().map(|block| block.text.as_str()).unwrap_or_default();
                let said: String = said.chars().take(REFUSAL_MAX_CHARS).collect();
                CallError::AuthRequired(format!("`{server}`: {said}; {}", self.sent_secrets()))
            }
            _ => CallError::Failed(result),
        }
    }

    /// Where the API's secrets go, for who looks why one was missing.
    fn sent_secrets(&self) -> String {
        let hosts: BTreeSet<String> = self.secrets.iter().flat_map(|s| s.hosts()).map(ToString::to_string).collect();
        if hosts.is_empty() {
            return "the configuration has no secret for it; see `secrets` of the server".to_owned();
        }
        let hosts = hosts.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        format!("its secrets go to {hosts} and nowhere else")
    }
}

/// Requests to the API, and nothing else. What the configuration names may have a private address; a document cannot
/// grant itself one.
fn grants(claimed: &[Claimed<String>], api: &OpenApi) -> Result<Grants, String> {
    let grant = |base: &str, words: &str| format!("http={}/*{words}", base.trim_end_matches('/'));
    let parsed = |base: &str| HttpUrl::parse(base).map_err(|error| format!("the API's URL `{base}`: {error}"));
    if let Some(server) = &api.server {
        parsed(server)?;
        return Grants::parse([grant(server, "!private")]).map_err(|error| error.to_string());
    }
    let mut texts = Vec::new();
    for base in claimed.iter().map(Claimed::unproven) {
        let url = parsed(base)?;
        let is_public = match &url.host {
            UrlHost::Address(address) => AddressKind::of(*address) == AddressKind::Public,
            UrlHost::Name(name) => !is_loopback_host(name),
        };
        if !is_public {
            return Err(format!(
                "the document says that its API is at {base}, which is not a public address; if that is meant, set `openapi: {{document: …, server: {base}}}`"
            ));
        }
        texts.push(grant(base, ""));
    }
    Grants::parse(texts).map_err(|error| error.to_string())
}

/// Reads a document from where it is.
///
/// # Errors
/// Why it cannot be had.
pub(crate) async fn fetch(document: &Document, outbound: &Outbound) -> Result<Arc<str>, String> {
    let bytes = match document {
        Document::File(path) => {
            let shown = path.display();
            let size =
                tokio::fs::metadata(path).await.map_err(|error| format!("{shown} cannot be read: {error}"))?.len();
            if size > DOCUMENT_MAX_BYTES as u64 {
                return Err(format!("{shown} has {size} bytes, and a document may have {DOCUMENT_MAX_BYTES}"));
            }
            tokio::fs::read(path).await.map_err(|error| format!("{shown} cannot be read: {error}"))?
        }
        Document::Url(url) => {
            crate::outside::download(&Configured::by_operator(url.clone()), DOCUMENT_MAX_BYTES, outbound).await?
        }
    };
    String::from_utf8(bytes).map(Arc::from).map_err(|_| "the document is not UTF-8 text".to_owned())
}
