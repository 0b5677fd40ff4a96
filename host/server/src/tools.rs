//! What a call of a tool does.

use crate::agent::{Agent, failed, typed, unknown};
use crate::catalog::Catalog;
use crate::drive::Outcome;
use crate::{meta_tools, policies};
use rmcp::RoleServer;
use rmcp::model::{CallToolResult, ErrorCode, ErrorData, JsonObject, RequestMetaObject, ResultType, Tool};
use rmcp::service::RequestContext;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tollgate::json;
use tollgate::{Call, CallError, CallFailure, Client, ToolName};

/// The most that a result takes as a tree, in bytes.
const RESULT_TREE_MAX_BYTES: usize = 64 << 20;

/// The tools that agents see, under the names under which they see them.
pub(crate) fn definitions(catalog: &Catalog) -> impl Iterator<Item = Tool> {
    catalog.seen().filter_map(|(name, tool)| definition(catalog, name, tool))
}

/// A tool as its server describes it, under another name. What is malformed in what the host does not read (icons,
/// annotations) is left out: clients refuse a whole list for one tool that breaks the rules. `None` for one that cannot be
/// called with an object.
pub(crate) fn definition(catalog: &Catalog, name: &str, tool: &tollgate::Tool) -> Option<Tool> {
    let is_object = |schema: &Value| match schema.get("type") {
        None => true,
        Some(kind) => kind == "object",
    };
    if !is_object(&tool.input_schema) {
        let (server, tool) = (&tool.server, &tool.name);
        tracing::warn!(target: crate::LOG, %server, %tool, "a tool is left out: its inputSchema is not of an object");
        return None;
    }
    let mut input_schema = tool.input_schema.clone();
    if let Some(members) = input_schema.as_object_mut() {
        members.insert("type".to_owned(), "object".into());
    }
    let mut needed = Map::new();
    needed.insert("name".to_owned(), name.into());
    needed.insert("title".to_owned(), json!(tool.title));
    needed.insert("description".to_owned(), catalog.description(tool).into());
    needed.insert("inputSchema".to_owned(), input_schema);
    if let Some(schema) = tool.output_schema.as_ref().filter(|schema| schema.get("type").is_some_and(|k| k == "object"))
    {
        needed.insert("outputSchema".to_owned(), schema.clone());
    }
    let mut whole = tool.other.clone();
    whole.insert("annotations".to_owned(), json!(tool.annotations));
    whole.extend(needed.clone());
    whole.retain(|_, value| !value.is_null());
    needed.retain(|_, value| !value.is_null());
    serde_json::from_value(Value::Object(whole)).or_else(|_| serde_json::from_value(Value::Object(needed))).ok()
}

/// What the name of a call means.
pub(crate) enum Target {
    /// A tool of a server.
    Tool(ToolName, JsonObject),
    /// A policy.
    Policy(String, JsonObject),
    /// One of the front end's own.
    Meta(meta_tools::MetaTool, JsonObject),
}

impl Target {
    /// Finds what an agent means. Waits for servers that are connecting before it says that there is no such tool.
    pub(crate) async fn find(agent: &Agent, name: &str, args: JsonObject) -> Result<Self, ErrorData> {
        let (front, view) = (agent.front(), agent.view());
        if let Some(set) = meta_tools::Set::of(view.surface()) {
            return match meta_tools::MetaTool::find(name, set) {
                Some(tool) => Ok(Self::Meta(tool, args)),
                None => Err(unknown(&format!(
                    "there is no tool `{name}`; find tools with search_tools and call them with call_tool"
                ))),
            };
        }
        let catalog = front.catalog(view);
        if catalog.policies.iter().any(|policy| policies::exposed_name(policy) == name) {
            let policy = catalog.policies.iter().find(|policy| policies::exposed_name(policy) == name);
            return Ok(Self::Policy(policy.cloned().unwrap_or_default(), args));
        }
        if let Some(tool) = catalog.tool_of(name) {
            return Ok(Self::Tool(tool.clone(), args));
        }
        match front.settled_catalog(view).await.tool_of(name) {
            Some(tool) => Ok(Self::Tool(tool.clone(), args)),
            None => Err(unknown(&format!("there is no tool `{name}`; tools/list says which there are"))),
        }
    }

    /// Does it.
    pub(crate) async fn run(
        self,
        agent: Agent,
        client: Arc<dyn Client>,
        meta: Option<String>,
        cancelled: CancellationToken,
    ) -> Outcome {
        match self {
            Self::Tool(tool, args) => {
                let called = call(&agent, client, tool, Value::Object(args).to_string(), meta).await;
                called.or_else(|failure| failure_result(&failure))
            }
            Self::Policy(policy, arguments) => policies::run(&agent, client, &policy, arguments, cancelled).await,
            Self::Meta(tool, args) => tool.run(agent, client, args, meta, cancelled).await,
        }
    }
}

/// Calls a tool of a server: the text of its result.
pub(crate) async fn call(
    agent: &Agent,
    client: Arc<dyn Client>,
    tool: ToolName,
    args: String,
    meta: Option<String>,
) -> Result<String, CallFailure> {
    let server = tool.server.clone();
    let call = Call { meta, ..Call::new(tool, args) };
    let result = agent.view().call(call, agent.context(Some(client))).await?;
    agent.front().given().note(agent.identity(), &server, &result.json);
    Ok(result.json)
}

/// What an agent is told of a failure. A model can act on most of them, so they are results that say so; what the
/// server said in the protocol's own way is passed on in that way.
pub(crate) fn failure_result(failure: &CallFailure) -> Outcome {
    match &failure.error {
        CallError::Failed(result) => Ok(result.json.clone()),
        CallError::Rejected(error) => Err(rpc_error(error)),
        CallError::UnknownTool(_) => Err(unknown(&failure.to_string())),
        _ => text_of(&failed(&failure.to_string())),
    }
}

pub(crate) fn rpc_error(error: &tollgate::RpcError) -> ErrorData {
    let code = i32::try_from(error.code).unwrap_or(ErrorCode::INTERNAL_ERROR.0);
    let data = error.data.as_ref().and_then(|data| serde_json::from_str(data).ok());
    ErrorData::new(ErrorCode(code), error.message.clone(), data)
}

pub(crate) fn text_of(result: &CallToolResult) -> Outcome {
    serde_json::to_string(result).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// Reads a result. Content of a kind that the protocol does not have goes as text. An older server does not say that
/// its result is one; rmcp takes that away again for older clients.
///
/// # Errors
/// It is no result, or has too many values to be passed on.
pub(crate) fn result(text: &str) -> Result<CallToolResult, ErrorData> {
    let too_large =
        |error: json::TreeTooLarge| ErrorData::internal_error(format!("the answer is too large: {error}"), None);
    json::check_tree(text.as_bytes(), RESULT_TREE_MAX_BYTES).map_err(too_large)?;
    let mut result: CallToolResult = match serde_json::from_str(text) {
        Ok(result) => result,
        Err(_) => {
            let mut value: Value = typed("tools/call", text)?;
            for block in value.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
                if serde_json::from_value::<rmcp::model::ContentBlock>(block.clone()).is_err() {
                    *block = json!({"type": "text", "text": block.to_string()});
                }
            }
            typed("tools/call", &value.to_string())?
        }
    };
    result.result_type.get_or_insert(ResultType::COMPLETE);
    Ok(result)
}

/// The member of `_meta` that says where a request stands in a trace (MCP 2026-07-28, "_meta": W3C Trace Context).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// What of a request's `_meta` goes on to the server: all but what is the host's own. Its spans are what the server's belong to.
pub(crate) fn passed_on(context: &RequestContext<RoleServer>) -> Option<String> {
    let mut meta = RequestMetaObject::default();
    for (key, value) in context.meta.iter().filter(|(key, _)| !tollgate::is_hosts_meta(key)) {
        meta.insert(key.clone(), value.clone());
    }
    serde_json::to_string(&meta).ok().filter(|text| text != "{}")
}
