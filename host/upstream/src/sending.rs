//! What is sent to a server: the call of a tool, or a query; and what its answer must be.
#![expect(deprecated, reason = "what 2026-07-28 deprecates is what older servers speak")]

use crate::catalog::Entry;
use crate::client::{Answered, Behalf, Session};
use crate::freshness;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, CompleteRequest, CompleteRequestParams, GetExtensions,
    GetPromptRequest, GetPromptRequestParams, InputResponses, ReadResourceRequest, ReadResourceRequestParams,
    RequestMetaObject, SubscribeRequest, SubscribeRequestParams, UnsubscribeRequest, UnsubscribeRequestParams,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tollgate_core::{CallError, Query, QueryKind, ToolResult};
use tollgate_route::Freshness;

/// Something to send.
pub(crate) enum Sending<'a> {
    /// The call of a tool.
    Call {
        /// The tool.
        entry: &'a Entry,
        /// Its arguments, checked.
        args: Map<String, Value>,
        /// Members for `_meta`.
        meta: Option<RequestMetaObject>,
    },
    /// Anything else.
    Query(QueryRequest),
}

impl Sending<'_> {
    /// Whether a second attempt does no harm.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Call { entry, .. } => entry.tool.effect.is_repeatable(),
            Self::Query(_) => true,
        }
    }

    /// Sends it, and gives the text of the result.
    pub(crate) async fn send(&self, session: &Session, behalf: Behalf<'_>) -> Answered {
        match self {
            Self::Call { entry, args, meta } => {
                let make = |responses, state| {
                    let mut params = CallToolRequestParams::new(entry.tool.name.clone()).with_arguments(args.clone());
                    (params.input_responses, params.request_state) = (responses, state);
                    with_meta(ClientRequest::CallToolRequest(CallToolRequest::new(params)), meta.as_ref())
                };
                session.converse(make, behalf).await
            }
            Self::Query(QueryRequest {
                kind: kind @ (QueryKind::Subscribe | QueryKind::Unsubscribe),
                name,
                request,
            }) => {
                let text = session.subscribe(name, *kind == QueryKind::Subscribe, request(None, None)).await;
                Answered { text, rounds: 1 }
            }
            Self::Query(QueryRequest { request, .. }) => session.converse(request, behalf).await,
        }
    }

    /// How long the answer may be kept, where the server says so. Of what is sent here only `resources/read` may be
    /// (2026-07-28, "Caching").
    pub(crate) fn freshness(&self, answer: &str) -> Option<Freshness> {
        match self {
            Self::Query(query) if query.kind == QueryKind::ReadResource => freshness::of(answer),
            _ => None,
        }
    }

    /// Checks the result.
    pub(crate) fn read_result(&self, json: String) -> Result<ToolResult, CallError> {
        match self {
            Self::Call { .. } => read_result(json),
            Self::Query(_) if json.starts_with('{') => Ok(ToolResult { json, is_error: false }),
            Self::Query(query) => {
                let method = query.kind.method();
                Err(CallError::InvalidResponse(format!("it answered {method} with something else than an object")))
            }
        }
    }
}

type Make = Box<dyn Fn(Option<InputResponses>, Option<String>) -> ClientRequest + Send + Sync>;

/// A query, as rmcp sends it.
pub(crate) struct QueryRequest {
    kind: QueryKind,
    name: String,
    request: Make,
}

impl QueryRequest {
    /// # Errors
    /// What is wrong with its `params`.
    pub(crate) fn read(query: &Query) -> Result<Self, String> {
        let Query { kind, name, params, .. } = query;
        let mut params: Map<String, Value> =
            serde_json::from_str(params).map_err(|error| format!("the params are not a JSON object: {error}"))?;
        let meta = params.remove("_meta").and_then(|meta| serde_json::from_value(meta).ok());
        let request: Make = match kind {
            QueryKind::ReadResource => {
                let params: ReadResourceRequestParams = typed(params)?;
                Box::new(move |responses, state| {
                    let mut params = params.clone();
                    (params.input_responses, params.request_state) = (responses, state);
                    with_meta(ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params)), meta.as_ref())
                })
            }
            QueryKind::GetPrompt => {
                let params: GetPromptRequestParams = typed(params)?;
                Box::new(move |responses, state| {
                    let mut params = params.clone();
                    (params.input_responses, params.request_state) = (responses, state);
                    with_meta(ClientRequest::GetPromptRequest(GetPromptRequest::new(params)), meta.as_ref())
                })
            }
            QueryKind::CompleteResource | QueryKind::CompletePrompt => {
                let params: CompleteRequestParams = typed(params)?;
                Box::new(move |_, _| ClientRequest::CompleteRequest(CompleteRequest::new(params.clone())))
            }
            QueryKind::Subscribe => {
                let params: SubscribeRequestParams = typed(params)?;
                Box::new(move |_, _| ClientRequest::SubscribeRequest(SubscribeRequest::new(params.clone())))
            }
            QueryKind::Unsubscribe => {
                let params: UnsubscribeRequestParams = typed(params)?;
                Box::new(move |_, _| ClientRequest::UnsubscribeRequest(UnsubscribeRequest::new(params.clone())))
            }
        };
        Ok(Self { kind: *kind, name: name.clone(), request })
    }
}

fn typed<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(params)).map_err(|error| format!("the params do not fit: {error}"))
}

/// Reads members for `_meta`; what is no object is left out.
pub(crate) fn meta_of(text: Option<&str>) -> Option<RequestMetaObject> {
    serde_json::from_str(text?).ok()
}

fn with_meta(mut request: ClientRequest, meta: Option<&RequestMetaObject>) -> ClientRequest {
    if let Some(meta) = meta {
        request.extensions_mut().insert(meta.clone());
    }
    request
}

const UNSUPPORTED: &str = "it made a task of the call, which is not supported yet";

/// Reads a `CallToolResult`.
fn read_result(json: String) -> Result<ToolResult, CallError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head<'a> {
        #[serde(borrow, default)]
        result_type: Option<std::borrow::Cow<'a, str>>,
        #[serde(default)]
        is_error: Option<bool>,
        #[serde(default)]
        content: Option<Vec<Block>>,
        #[serde(default)]
        structured_content: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Block {
        #[serde(rename = "type")]
        _kind: String,
    }
    let head: Head<'_> = serde_json::from_str(&json)
        .map_err(|error| CallError::InvalidResponse(format!("it answered tools/call with something else: {error}")))?;
    if head.result_type.as_deref().is_some_and(|t| t != "complete") {
        return Err(CallError::InvalidResponse(UNSUPPORTED.to_owned()));
    }
    if head.content.is_none() && head.structured_content.is_none() && head.is_error.is_none() {
        return Err(CallError::InvalidResponse("it answered tools/call without content".to_owned()));
    }
    let is_error = head.is_error == Some(true);
    let result = ToolResult { json, is_error };
    if is_error { Err(CallError::Failed(result)) } else { Ok(result) }
}
