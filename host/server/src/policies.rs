//! Policies as tools.

use crate::agent::{Agent, failed, unknown};
use crate::catalog::Catalog;
use crate::drive::Outcome;
use crate::tools::text_of;
use futures::future::join_all;
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, JsonObject, Tool};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tollgate::{Client, HostError, RunRequest, Status, ToolName, View};
use tollgate_surface::{Naming, Strategy};

/// The name under which agents see a policy.
pub(crate) fn exposed_name(policy: &str) -> String {
    let name = ToolName { server: "policy".to_owned(), tool: policy.to_owned() };
    let exposed = Naming::new(Strategy::None).expose([name.clone()]);
    exposed.name_of(&name).unwrap_or(policy).to_owned()
}

/// The policies as tools. One that cannot say what it is is left out, and said so in the log.
pub(crate) async fn definitions(view: &View, catalog: &Catalog) -> Vec<Tool> {
    let definitions = catalog.policies.iter().map(|policy| async move {
        match view.describe(policy).await {
            Ok(said) => {
                let mut whole = json!({
                    "name": exposed_name(policy),
                    "title": said.title,
                    "description": said.description,
                    "inputSchema": Input::of(&said.input_schema).schema(&said.input_schema),
                    "outputSchema": said.output_schema.map(|schema| wrapped_schema(&schema)),
                });
                if let Some(members) = whole.as_object_mut() {
                    members.retain(|_, value| !value.is_null());
                }
                serde_json::from_value(whole).ok()
            }
            Err(error) => {
                tracing::warn!(target: crate::LOG, %policy, "a policy is left out: {error}");
                None
            }
        }
    });
    join_all(definitions).await.into_iter().flatten().collect()
}

/// How a policy's input goes in the arguments of a call, which are an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// The arguments are the input.
    Whole,
    /// The input is something else than an object: it is the argument `input`.
    Member,
}

impl Input {
    fn of(schema: &Value) -> Self {
        match schema.get("type") {
            Some(Value::String(kind)) if kind != "object" => Self::Member,
            _ => Self::Whole,
        }
    }

    /// The schema as MCP wants it: it says that it is of an object.
    fn schema(self, schema: &Value) -> Value {
        if self == Self::Member {
            return json!({"type": "object", "properties": {"input": schema}, "required": ["input"]});
        }
        let mut schema = schema.clone();
        if let Some(members) = schema.as_object_mut() {
            members.insert("type".to_owned(), "object".into());
        }
        schema
    }

    fn text(self, mut arguments: JsonObject) -> String {
        match self {
            Self::Whole => Value::Object(arguments).to_string(),
            Self::Member => arguments.remove("input").unwrap_or_default().to_string(),
        }
    }
}

/// Structured content is an object; an output that may be something else goes in its member `result`.
fn wrapped_schema(schema: &Value) -> Value {
    if is_object_schema(schema) {
        return schema.clone();
    }
    json!({"type": "object", "properties": {"result": schema}, "required": ["result"]})
}

fn is_object_schema(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

/// Runs a policy.
pub(crate) async fn run(
    agent: &Agent,
    client: Arc<dyn Client>,
    policy: &str,
    arguments: JsonObject,
    cancelled: CancellationToken,
) -> Outcome {
    let (input, wraps) = match agent.view().describe(policy).await {
        Ok(said) => {
            let wraps = said.output_schema.is_some_and(|schema| !is_object_schema(&schema));
            (Input::of(&said.input_schema).text(arguments), wraps)
        }
        Err(error @ HostError::UnknownPolicy { .. }) => return Err(unknown(&error.to_string())),
        Err(error) => return text_of(&failed(&error.to_string())),
    };
    let request = RunRequest::named(policy).input(input);
    let report = match agent.view().run(request, agent.context(Some(client)), cancelled.cancelled_owned()).await {
        Ok(report) => report,
        Err(error) => return text_of(&failed(&error.to_string())),
    };
    let output: Option<Value> = report.output.as_deref().and_then(|output| serde_json::from_str(output).ok());
    let mut result = match (report.status, output) {
        (Status::Ok, Some(output)) => {
            let text = match &output {
                Value::String(text) => text.clone(),
                output => output.to_string(),
            };
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            result.structured_content = match output {
                output @ Value::Object(_) if !wraps => Some(output),
                output => Some(json!({"result": output})),
            };
            result
        }
        (Status::Cancelled, _) => return Err(ErrorData::internal_error("cancelled", None)),
        _ => failed(&report.error.as_ref().map_or_else(|| report.status.to_string(), ToString::to_string)),
    };
    let run = json!({"io.tollgate/run": report.run.to_string(), "io.tollgate/status": report.status.as_str()});
    result.meta = serde_json::from_value(run).ok();
    text_of(&result)
}
