//! An authorization server and an MCP server that wants its tokens, on loopback; and a browser.

use crate::http::{Served, serve};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use parking_lot::Mutex;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tollgate_core::{BoxFuture, SystemClock, SystemEntropy};
use tollgate_upstream::{
    AuthSpec, Fleet, FleetOptions, LoginPrompt, LoginUi, Logins, OAuthSpec, ServerSpec, TokenStore, Transport,
};

/// What the servers do otherwise than they should, or not at all.
#[derive(Clone, Default)]
pub struct Odd {
    pub denies: bool,
    pub wrong_iss: bool,
    pub expired_codes: bool,
    pub expires_in: Option<u64>,
    pub no_registration: bool,
    pub knows_documents: bool,
    pub refuses_refresh: bool,
    pub broken_tokens: bool,
    /// The token endpoint's answers take their time; what they say is true from the beginning.
    pub slow_tokens: bool,
    /// Members put over the authorization server's metadata.
    pub metadata: Option<Value>,
    /// Named as the authorization server in place of the right one.
    pub authority: Option<String>,
    /// Where the authorization server's metadata is redirected to.
    pub redirect: Option<String>,
    /// Put into the answers of the token endpoint's refusals.
    pub echoes_request: bool,
}

struct Code {
    client: String,
    redirect: String,
    challenge: String,
    scope: String,
    resource: String,
}

#[derive(Default)]
pub struct World {
    pub odd: Odd,
    pub issuer: String,
    pub mcp: String,
    count: u32,
    codes: HashMap<String, Code>,
    access: HashMap<String, String>,
    refresh: HashMap<String, String>,
    clients: HashMap<String, Option<String>>,
    /// Every secret that was given out or came in.
    pub secrets: BTreeSet<String>,
    /// What was asked of the authorization server: path, then what matters of it.
    pub asked: Vec<String>,
    pub mcp_requests: u32,
}

pub type Shared = Arc<Mutex<World>>;

impl World {
    fn next(&mut self, kind: &str) -> String {
        self.count += 1;
        let secret = format!("{kind}-hunter2-{}", self.count);
        self.secrets.insert(secret.clone());
        secret
    }

    fn tokens(&mut self, scope: &str, with_refresh: bool) -> Value {
        let access = self.next("access");
        self.access.insert(access.clone(), scope.to_owned());
        let mut answer =
            json!({"access_token": access, "token_type": "Bearer", "scope": scope, "id_token": self.next("id")});
        if let Some(seconds) = self.odd.expires_in {
            answer["expires_in"] = json!(seconds);
        }
        if with_refresh {
            let refresh = self.next("refresh");
            self.refresh.insert(refresh.clone(), scope.to_owned());
            answer["refresh_token"] = json!(refresh);
        }
        answer
    }

    pub fn count_of(&self, what: &str) -> usize {
        self.asked.iter().filter(|asked| asked.starts_with(what)).count()
    }

    /// Ends every access token.
    pub fn end_access(&mut self) {
        self.access.clear();
    }
}

pub struct Servers {
    pub world: Shared,
    pub url: String,
    authority: Served,
    _mcp: Served,
}

impl Servers {
    pub fn issuer(&self) -> &str {
        &self.authority.url
    }
}

pub async fn servers(odd: Odd) -> Servers {
    let world = Shared::default();
    let authority = serve(
        Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/register", post(register))
            .route("/revoke", post(revoke))
            .with_state(world.clone()),
    )
    .await;
    let mcp = serve(
        Router::new()
            .route("/.well-known/oauth-protected-resource/{path}", get(resource))
            .route("/mcp", any(mcp))
            .with_state(world.clone())
            .merge(crate::legacy_sse::router().layer(from_fn_with_state(world.clone(), locked))),
    )
    .await;
    let url = format!("{}/mcp", mcp.url);
    {
        let mut world = world.lock();
        world.issuer.clone_from(&authority.url);
        world.mcp.clone_from(&mcp.url);
        world.odd = odd;
        world.clients.insert("configured".into(), Some("secret-hunter2-client".into()));
        world.secrets.insert("secret-hunter2-client".into());
    }
    Servers { world, url, authority, _mcp: mcp }
}

async fn resource(State(world): State<Shared>, Path(path): Path<String>) -> Response {
    let world = world.lock();
    let authority = world.odd.authority.clone().unwrap_or_else(|| world.issuer.clone());
    axum::Json(json!({"resource": format!("{}/{path}", world.mcp), "authorization_servers": [authority],
        "scopes_supported": ["read"]}))
    .into_response()
}

async fn metadata(State(world): State<Shared>) -> Response {
    let world = world.lock();
    if let Some(elsewhere) = &world.odd.redirect {
        return Redirect::temporary(elsewhere).into_response();
    }
    let at = |path: &str| format!("{}{path}", world.issuer);
    let mut metadata = json!({
        "issuer": world.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "revocation_endpoint": at("/revoke"), "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"], "scopes_supported": ["read", "write", "offline_access"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": world.odd.knows_documents,
    });
    if !world.odd.no_registration {
        metadata["registration_endpoint"] = json!(at("/register"));
    }
    for (name, value) in world.odd.metadata.iter().flat_map(|m| m.as_object().unwrap()) {
        metadata[name] = value.clone();
    }
    axum::Json(metadata).into_response()
}

async fn register(State(world): State<Shared>, body: String) -> Response {
    let mut world = world.lock();
    let request: Value = serde_json::from_str(&body).unwrap();
    let (id, secret) = (format!("registered-{}", world.clients.len()), world.next("secret"));
    world.asked.push(format!("register {}", request["redirect_uris"][0].as_str().unwrap()));
    world.clients.insert(id.clone(), Some(secret.clone()));
    let answer = json!({"client_id": id, "client_secret": secret, "redirect_uris": request["redirect_uris"]});
    (StatusCode::CREATED, axum::Json(answer)).into_response()
}

fn params(query: &str) -> HashMap<String, String> {
    Url::parse(&format!("http://x/?{query}")).unwrap().query_pairs().into_owned().collect()
}

async fn authorize(State(world): State<Shared>, uri: Uri) -> Response {
    let params = params(uri.query().unwrap_or_default());
    let mut world = world.lock();
    world.asked.push(format!("authorize {}", params.get("scope").map_or("", String::as_str)));
    assert_eq!(params["code_challenge_method"], "S256");
    assert_eq!(params["response_type"], "code");
    let mut back = Url::parse(&params["redirect_uri"]).unwrap();
    let issuer = if world.odd.wrong_iss { "https://evil.example".to_owned() } else { world.issuer.clone() };
    back.query_pairs_mut().append_pair("state", &params["state"]).append_pair("iss", &issuer);
    if world.odd.denies {
        back.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", "not \u{1b}[1mtoday");
        return Redirect::to(back.as_str()).into_response();
    }
    let code = world.next("code");
    back.query_pairs_mut().append_pair("code", &code);
    world.codes.insert(
        code,
        Code {
            client: params["client_id"].clone(),
            redirect: params["redirect_uri"].clone(),
            challenge: params["code_challenge"].clone(),
            scope: params.get("scope").cloned().unwrap_or_default(),
            resource: params["resource"].clone(),
        },
    );
    Redirect::to(back.as_str()).into_response()
}

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(char::from(alphabet[(word >> (18 - 6 * i)) as usize & 63]));
        }
    }
    out
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

async fn token(State(world): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let answer = token_answer(&world, &headers, &body);
    let is_slow = world.lock().odd.slow_tokens;
    if is_slow {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    answer
}

fn token_answer(world: &Shared, headers: &HeaderMap, body: &str) -> Response {
    let params = params(body);
    let mut world = world.lock();
    let refused = |error: &str| {
        let answer = json!({"error": error, "error_description": format!("no: {body}")});
        let plain = json!({"error": error});
        (StatusCode::BAD_REQUEST, (answer, plain))
    };
    let refuse = |world: &World, error: &str| {
        let (status, (long, short)) = refused(error);
        (status, axum::Json(if world.odd.echoes_request { long } else { short })).into_response()
    };
    let grant = params["grant_type"].clone();
    world.asked.push(format!("token {grant} {}", params.get("scope").map_or("", String::as_str)));
    if world.odd.broken_tokens {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    assert!(params["resource"].starts_with(&world.mcp), "the resource is named: {params:?}");
    // Confidential clients prove who they are, by header or body.
    let basic = headers.get("authorization").map(|v| v.to_str().unwrap().to_owned());
    let proves = |id: &str, secret: &str| {
        let expected = base64(format!("{id}:{secret}").as_bytes(), STANDARD);
        basic.as_deref().is_some_and(|b| b.trim_end_matches('=') == format!("Basic {expected}"))
            || (params.get("client_id").is_some_and(|i| i == id)
                && params.get("client_secret").is_some_and(|s| s == secret))
    };
    let known =
        world.clients.iter().find(|(id, s)| s.as_ref().is_some_and(|s| proves(id, s))).map(|(id, _)| id.clone());
    let client = known.or_else(|| params.get("client_id").filter(|id| id.starts_with("https://")).cloned());
    let Some(client) = client else { return refuse(&world, "invalid_client") };
    let answer = match grant.as_str() {
        "authorization_code" => {
            let Some(code) = world.codes.remove(&params["code"]) else { return refuse(&world, "invalid_grant") };
            let verifier = base64(&Sha256::digest(params["code_verifier"].as_bytes()), URL_SAFE);
            world.secrets.insert(params["code_verifier"].clone());
            let fits = verifier == code.challenge
                && client == code.client
                && params["redirect_uri"] == code.redirect
                && params["resource"] == code.resource;
            if !fits || world.odd.expired_codes {
                return refuse(&world, "invalid_grant");
            }
            world.tokens(&code.scope, true)
        }
        "refresh_token" => {
            let scope = world.refresh.remove(&params["refresh_token"]);
            match scope.filter(|_| !world.odd.refuses_refresh) {
                Some(scope) => world.tokens(&scope, true),
                None => return refuse(&world, "invalid_grant"),
            }
        }
        "client_credentials" => {
            let scope = params.get("scope").cloned().unwrap_or_default();
            world.tokens(&scope, false)
        }
        _ => return refuse(&world, "unsupported_grant_type"),
    };
    axum::Json(answer).into_response()
}

async fn revoke(State(world): State<Shared>, body: String) -> Response {
    let params = params(&body);
    let mut world = world.lock();
    world.asked.push(format!("revoke {}", params["token_type_hint"]));
    world.access.remove(&params["token"]);
    world.refresh.remove(&params["token"]);
    StatusCode::OK.into_response()
}

/// Lets nobody in without a token.
async fn locked(State(world): State<Shared>, request: Request, next: Next) -> Response {
    let token = request.headers().get("authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let (is_known, base) = {
        let world = world.lock();
        (token.is_some_and(|token| world.access.contains_key(token)), world.mcp.clone())
    };
    if is_known {
        return next.run(request).await;
    }
    let challenge = format!("Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource/sse\"");
    (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
}

async fn mcp(State(world): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut world = world.lock();
    world.mcp_requests += 1;
    let token = headers.get("authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", world.mcp);
    let Some(scope) = token.and_then(|token| world.access.get(token)) else {
        let challenge = format!("Bearer error=\"invalid_token\", resource_metadata=\"{metadata}\"");
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response();
    };
    let message: Value = serde_json::from_str(&body).unwrap_or_default();
    let id = &message["id"];
    let needs_write = message["params"]["name"] == "write";
    if needs_write && !scope.split(' ').any(|s| s == "write") {
        let challenge =
            format!("Bearer error=\"insufficient_scope\", scope=\"write\", resource_metadata=\"{metadata}\"");
        return (StatusCode::FORBIDDEN, [("www-authenticate", challenge)]).into_response();
    }
    let result = match message["method"].as_str().unwrap_or_default() {
        "server/discover" => json!({"resultType": "complete", "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}),
        "tools/list" => json!({"resultType": "complete", "tools": [
            {"name": "echo", "inputSchema": {"type": "object"}},
            {"name": "write", "inputSchema": {"type": "object"}},
        ]}),
        _ => json!({"content": [{"type": "text", "text": "hi"}]}),
    };
    axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
}

/// A browser: a person who says yes to everything.
pub struct Browser {
    /// What comes back is pasted, not followed; after these have been pasted.
    pub pastes: Option<Vec<String>>,
    pub to_paste: (mpsc::UnboundedSender<String>, tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>),
    pub shown: Arc<Mutex<Vec<LoginPrompt>>>,
    pub page: Arc<Mutex<String>>,
}

impl Default for Browser {
    fn default() -> Self {
        let (send, receive) = mpsc::unbounded_channel();
        Self {
            pastes: None,
            to_paste: (send, tokio::sync::Mutex::new(receive)),
            shown: Arc::default(),
            page: Arc::default(),
        }
    }
}

/// Where the authorization server sends a browser that opens `url`.
pub async fn redirected(url: &str) -> String {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let response = client.get(url).send().await.unwrap();
    response.headers()["location"].to_str().unwrap().to_owned()
}

impl LoginUi for Browser {
    fn show(&self, prompt: &LoginPrompt) {
        self.shown.lock().push(prompt.clone());
        let (url, page, paste) = (prompt.url.clone(), self.page.clone(), self.to_paste.0.clone());
        let pastes = self.pastes.clone();
        tokio::spawn(async move {
            let back = redirected(&url).await;
            match pastes {
                Some(others) => {
                    others.into_iter().for_each(|other| paste.send(other).unwrap());
                    paste.send(back).unwrap();
                }
                None => {
                    let text = reqwest::get(back).await.unwrap().text().await.unwrap();
                    *page.lock() = text;
                }
            }
        });
    }

    fn pasted(&self) -> BoxFuture<'_, String> {
        Box::pin(async { self.to_paste.1.lock().await.recv().await.unwrap() })
    }
}

pub fn fleet(url: &str, auth: OAuthSpec, store: Arc<dyn TokenStore>) -> Fleet {
    let fleet = Fleet::with_options(
        Arc::new(SystemClock::default()),
        Arc::new(SystemEntropy::default()),
        FleetOptions { logins: Logins::new(store), ..FleetOptions::default() },
    );
    let spec = ServerSpec { auth: AuthSpec::OAuth(Box::new(auth)), ..ServerSpec::new("s", Transport::http(url)) };
    fleet.add_server(spec).unwrap();
    fleet
}
