//! A client for the `auth/*` scenarios of MCP's conformance suite, over a fleet: `conformance_auth URL`.
//!
//! The suite names the scenario in `MCP_CONFORMANCE_SCENARIO`, and what the client was told beforehand in
//! `MCP_CONFORMANCE_CONTEXT`. It acts as the browser by itself: it follows the authorization server's redirect.

#![allow(missing_docs)]

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{
    Budget, Call, CallContext, CallError, Grants, Limits, Principal, RunContext, RunId, Secret, SystemClock,
    SystemEntropy, Tenant, Tool, ToolName, Upstream,
};
use tollgate_upstream::{
    AuthSpec, ClientKey, Fleet, KeyAlgorithm, LoginPrompt, LoginUi, OAuthGrant, OAuthSpec, ServerSpec, Transport,
};

type Failed = Box<dyn std::error::Error>;

const NAME: &str = "suite";
/// What the suite takes for our metadata document.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";
/// How often a person would log in for one call, before giving up.
const MAX_LOGINS: usize = 3;

/// Says yes to everything.
struct Browser(Mutex<Option<tokio::task::JoinHandle<()>>>);

impl LoginUi for Browser {
    fn show(&self, prompt: &LoginPrompt) {
        let url = prompt.url.clone();
        *self.0.lock() = Some(tokio::spawn(async move {
            if let Err(error) = reqwest::get(url).await {
                eprintln!("browser: {error}");
            }
        }));
    }
}

fn context() -> CallContext {
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
        client: None,
    };
    CallContext { run: Arc::new(run), fuel_left: 0 }
}

/// Arguments that the tool's schema takes.
fn arguments(tool: &Tool) -> Value {
    let schema = &tool.input_schema;
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut args = Map::new();
    for name in required.iter().filter_map(Value::as_str) {
        let kind = schema.pointer(&format!("/properties/{name}/type")).and_then(Value::as_str);
        let value = match kind {
            Some("number" | "integer") => json!(1),
            Some("boolean") => json!(true),
            _ => json!("test"),
        };
        args.insert(name.to_owned(), value);
    }
    Value::Object(args)
}

fn spec(scenario: &str, told: &Value) -> OAuthSpec {
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut spec = OAuthSpec {
        client_id: text("client_id"),
        client_secret: text("client_secret").map(Secret::from),
        client_metadata_url: Some(DOCUMENT.to_owned()),
        ..OAuthSpec::default()
    };
    if scenario.contains("client-credentials") {
        spec.grant = OAuthGrant::ClientCredentials;
    }
    if let Some(pem) = text("private_key_pem") {
        let algorithm = match text("signing_algorithm").as_deref() {
            Some("RS256") => KeyAlgorithm::Rs256,
            Some("RS384") => KeyAlgorithm::Rs384,
            Some("RS512") => KeyAlgorithm::Rs512,
            Some("ES384") => KeyAlgorithm::Es384,
            _ => KeyAlgorithm::Es256,
        };
        spec.client_key = Some(ClientKey { pem: Secret::from(pem), algorithm });
    }
    spec
}

async fn log_in(fleet: &Fleet) -> Result<(), Failed> {
    let browser = Browser(Mutex::default());
    let done = tokio::time::timeout(Duration::from_secs(15), fleet.login(NAME, &browser)).await??;
    eprintln!("logged in: {done:?}");
    Ok(())
}

/// Logs in as often as it takes, and calls every tool.
async fn run(fleet: &Fleet) -> Result<(), Failed> {
    let mut logins = 0;
    while let Some((_, error)) = fleet.wait_ready(&[NAME]).await.pop() {
        eprintln!("not ready: {error}");
        if !matches!(error, CallError::AuthRequired(_)) || logins == MAX_LOGINS {
            return Err(error.to_string().into());
        }
        logins += 1;
        log_in(fleet).await?;
    }
    // A few rounds: a server may want another login later.
    for _ in 0..2 {
        for tool in fleet.tools().await {
            let name = ToolName { server: tool.server.clone(), tool: tool.name.clone() };
            let args = arguments(&tool).to_string();
            loop {
                match fleet.call(&tool, Call::new(name.clone(), args.clone()), context()).await.result {
                    Ok(_) => break,
                    Err(CallError::AuthRequired(why)) if logins < MAX_LOGINS => {
                        eprintln!("{name}: {why}");
                        logins += 1;
                        log_in(fleet).await?;
                    }
                    Err(error) => {
                        eprintln!("{name}: {error}");
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let url = std::env::args().next_back().ok_or("the suite gives a URL")?;
    let scenario = std::env::var("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let told = std::env::var("MCP_CONFORMANCE_CONTEXT").ok().and_then(|text| serde_json::from_str(&text).ok());
    let fleet = Fleet::default();
    let auth = AuthSpec::OAuth(Box::new(spec(&scenario, &told.unwrap_or_default())));
    fleet.add_server(ServerSpec { auth, ..ServerSpec::new(NAME, Transport::http(url)) })?;
    let result = run(&fleet).await;
    fleet.shutdown().await;
    result
}
