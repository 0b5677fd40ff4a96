//! The scenarios `auth/*`: logging in as often as a person would have to, and every call after that.
//!
//! It acts as the browser by itself: it follows the authorization server's redirect.

use crate::{Result, SERVER, context, sample};
use parking_lot::Mutex;
use serde_json::Value;
use std::time::Duration;
use tollgate_core::{Call, CallError, Secret, ToolName};
use tollgate_route::Backend;
use tollgate_upstream::{ClientKey, Fleet, KeyAlgorithm, LoginPrompt, LoginUi, OAuthGrant, OAuthSpec};

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

/// What the client was told beforehand.
pub(crate) fn spec(scenario: &str, told: &Value) -> OAuthSpec {
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

/// The authorization server that knows the client. An operator knows it; the suite does not tell it, so it is looked up here.
pub(crate) async fn issuer(server: &str) -> Option<String> {
    let url = reqwest::Url::parse(server).ok()?;
    let origin = url.origin().ascii_serialization();
    for path in [url.path().trim_end_matches('/'), ""] {
        let answer = reqwest::get(format!("{origin}/.well-known/oauth-protected-resource{path}")).await.ok()?;
        let said: Option<Value> = serde_json::from_str(&answer.text().await.ok()?).ok();
        let issuer = said.as_ref().and_then(|said| said.pointer("/authorization_servers/0")?.as_str());
        if let Some(issuer) = issuer {
            return Some(issuer.to_owned());
        }
    }
    Some(origin)
}

async fn log_in(fleet: &Fleet) -> Result {
    let browser = Browser(Mutex::default());
    let done = tokio::time::timeout(Duration::from_secs(15), fleet.login(SERVER, &browser)).await;
    let done = done.map_err(|_| "the login took too long")?.map_err(|error| error.to_string())?;
    eprintln!("logged in: {done:?}");
    Ok(())
}

/// Logs in as often as it takes, and calls every tool.
pub(crate) async fn act(fleet: &Fleet) -> Result {
    let mut logins = 0;
    while let Some((_, error)) = fleet.wait_ready(&[SERVER]).await.pop() {
        eprintln!("not ready: {error}");
        if !matches!(error, CallError::AuthRequired(_)) || logins == MAX_LOGINS {
            return Err(error.to_string());
        }
        logins += 1;
        log_in(fleet).await?;
    }
    // A few rounds: a server may want another login later.
    for _ in 0..2 {
        for tool in fleet.tools().await {
            let name = ToolName { server: tool.server.clone(), tool: tool.name.clone() };
            let args = sample(&tool.input_schema).to_string();
            loop {
                match fleet.attempt(&tool, &Call::new(name.clone(), args.clone()), &context()?).await.result {
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
