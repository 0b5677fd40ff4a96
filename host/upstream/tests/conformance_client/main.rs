//! The client that the conformance suite tests: a fleet with one server, the suite's.
//!
//! `conformance-client URL`, with the scenario in the environment. Nearly every scenario wants no more than that each
//! tool is called once, in the order of the list; the suite watches how. It fails when a call fails.

#![allow(clippy::indexing_slicing)] // of JSON only, which cannot panic where it is read

mod auth;

use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{
    Approvals, Ask, AskKind, BoxFuture, Budget, Call, CallContext, Client, Grants, Limits, Means, Notice, Principal,
    RpcError, RunContext, RunId, SystemClock, SystemEntropy, Tenant, Tool, TraceContext,
};
use tollgate_route::Backend;
use tollgate_upstream::{AuthSpec, Fleet, FleetOptions, ServerSpec, Transport};

const SERVER: &str = "suite";
/// For a call, and for the connection. Under the suite's own limit, so that the client says what it waited for.
const LIMIT: Duration = Duration::from_secs(30);

type Result<T = ()> = std::result::Result<T, String>;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("Usage: conformance-client URL");
        return ExitCode::FAILURE;
    };
    let scenario = std::env::var("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy::default()));
    let fleet = Fleet::with_options(clock, entropy, FleetOptions { has_clients: true, ..FleetOptions::default() });
    let done = act(&fleet, url, &scenario).await;
    fleet.shutdown().await;
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{scenario}: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn act(fleet: &Fleet, url: String, scenario: &str) -> Result {
    let spec = ServerSpec::new(SERVER, Transport::http(url.clone()));
    let mut spec = ServerSpec { connect_timeout: LIMIT, call_timeout: LIMIT, ..spec };
    let is_auth = scenario.starts_with("auth/");
    if is_auth {
        let told = std::env::var("MCP_CONFORMANCE_CONTEXT").ok().and_then(|text| serde_json::from_str(&text).ok());
        let mut oauth = auth::spec(scenario, &told.unwrap_or_default());
        if oauth.client_secret.is_some() || oauth.client_key.is_some() {
            oauth.issuer = auth::issuer(&url).await;
        }
        spec.auth = AuthSpec::OAuth(Box::new(oauth));
    }
    fleet.add_server(spec).map_err(|error| error.to_string())?;
    if is_auth {
        return auth::act(fleet).await;
    }
    if let Some((_, error)) = fleet.wait_ready(&[SERVER]).await.pop() {
        return Err(format!("not connected: {error}"));
    }
    let tools = fleet.tools().await;
    // A call that fails does not keep the others from being made: most scenarios look at each by itself.
    let mut failed = Vec::new();
    for (tool, args) in calls(scenario, &tools)? {
        let call = Call { server: tool.server.clone(), tool: tool.name.clone(), args: args.to_string(), meta: None };
        match fleet.attempt(&tool, &call, &context()?).await.result {
            Ok(result) => println!("{}: {}", tool.name, result.json),
            Err(error) => failed.push(format!("{}: {error}", tool.name)),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// What the scenario wants called.
fn calls(scenario: &str, tools: &[Arc<Tool>]) -> Result<Vec<(Arc<Tool>, Value)>> {
    let find = |name: &str| {
        tools.iter().find(|tool| tool.name == name).cloned().ok_or_else(|| format!("there is no tool `{name}`"))
    };
    match scenario {
        // Wants to see the schema of one tool as the argument of the other.
        "json-schema-2020-12-preservation" => {
            let schema = &find("json_schema_2020_12_tool")?.input_schema;
            Ok(vec![(find("json_schema_echo")?, json!({ "schema": schema }))])
        }
        // Only to be listed: its schema names a schema elsewhere, which nobody may fetch.
        "json-schema-ref-no-deref" => Ok(Vec::new()),
        "http-custom-headers" => {
            let context = std::env::var("MCP_CONFORMANCE_CONTEXT").map_err(|_| "there is no context")?;
            let context: Value = serde_json::from_str(&context).map_err(|error| error.to_string())?;
            let calls = context.get("toolCalls").and_then(Value::as_array).ok_or("the context has no toolCalls")?;
            calls.iter().map(|call| Ok((find(text(call, "name"))?, without_nulls(&call["arguments"])))).collect()
        }
        _ => Ok(tools.iter().map(|tool| (tool.clone(), sample(&tool.input_schema))).collect()),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The suite has a null for an argument that the tool's schema wants to be a boolean, and means "null or not provided".
/// The fleet holds arguments against the schema, so it is the latter.
fn without_nulls(args: &Value) -> Value {
    let there = args.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Value::Object(there.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Arguments with every required member.
fn sample(schema: &Value) -> Value {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut args = Map::new();
    for name in required {
        let value = match text(&schema["properties"][name], "type") {
            "number" | "integer" => json!(7),
            "boolean" => json!(true),
            "object" => json!({}),
            "array" => json!([]),
            "null" => Value::Null,
            _ => json!("text"),
        };
        args.insert(name.to_owned(), value);
    }
    Value::Object(args)
}

fn context() -> Result<CallContext> {
    let limits = Limits::default();
    let run = RunContext {
        run: RunId::new(&SystemClock::default(), &SystemEntropy::default()),
        parent: None,
        name: "conformance".into(),
        principal: Principal::new("suite"),
        tenant: Tenant::default(),
        depth: 1,
        grants: Grants::all(),
        budget: Budget::new(limits.clone(), None),
        limits,
        seed: 0,
        approvals: Approvals::default(),
        trace: TraceContext::new(1, 1),
        client: Some(Arc::new(Person)),
    };
    let paid = run.budget.take_call().map_err(|reached| format!("no call is left: {reached}"))?;
    Ok(CallContext::new(Arc::new(run), &paid, Means::default()))
}

/// Who answers the suite's questions: a person who accepts what is proposed.
#[derive(Debug)]
struct Person;

impl Client for Person {
    fn agent(&self) -> &str {
        "suite"
    }

    fn capabilities(&self) -> &str {
        r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, std::result::Result<String, RpcError>> {
        let params: Value = serde_json::from_str(&ask.params).unwrap_or_default();
        let answer = match ask.kind {
            AskKind::Roots => json!({"roots": []}),
            AskKind::Sampling => json!({
                "role": "assistant", "model": "none", "content": {"type": "text", "text": "An answer"},
            }),
            AskKind::Elicitation => {
                let schema = &params["requestedSchema"];
                let mut content = sample(schema);
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    if let (Some(default), Some(content)) = (property.get("default"), content.as_object_mut()) {
                        content.insert(name.clone(), default.clone());
                    }
                }
                json!({"action": "accept", "content": content})
            }
        };
        Box::pin(std::future::ready(Ok(answer.to_string())))
    }

    fn tell(&self, _: Notice) {}
}
