//! OAuth 2 client credentials (RFC 6749 section 4.4): a secret that is fetched with another one.

use crate::body::whole;
use crate::client::{Outbound, url_of};
use crate::exchange::Exchange;
use crate::limits::{HttpBudget, HttpLimits};
use crate::pool::Owner;
use crate::secrets::{Provider, escape};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderValue};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tollgate_core::{BoxFuture, Configured, HttpUrl, Reach, Secret, Tenant, address};
use tollgate_secrets::Redactor;
use zeroize::Zeroizing;

/// The longest answer of a token endpoint, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// How long a token is used that does not say it.
const UNSAID_LIFE: Duration = Duration::from_secs(300);
/// How long no token lasts longer, whatever it says.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a token is renewed; a tenth of its life where that is shorter.
const EARLY: Duration = Duration::from_secs(60);
/// How long after a failure nobody is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// Who asks where for what.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// The token endpoint: https, or http on loopback. It gets the secret, so nobody but the operator names it.
    pub token_url: Configured<String>,
    /// Whether the endpoint may have a private address.
    pub private: bool,
    /// The client's id.
    pub client_id: String,
    /// What is asked for; empty is whatever the server gives.
    pub scopes: Vec<String>,
    /// More parameters of the request, as `audience`.
    pub parameters: Vec<(String, String)>,
    /// The id and secret stand in the form, not in `Authorization: Basic`.
    pub in_form: bool,
}

/// Fetches tokens, one request at a time however many wait for it, and keeps one until shortly before it ends.
///
/// The endpoint is the operator's word: it is not held against a component's grants, and its connections are its own.
pub struct ClientCredentials {
    exchange: Exchange,
    uri: http::Uri,
    url: HttpUrl,
    reach: Reach,
    client: OAuthClient,
    secret: Arc<dyn Provider>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<(Secret, Instant)>,
    failed: Option<(String, Instant)>,
}

impl ClientCredentials {
    /// Sets it up; nothing is asked yet.
    ///
    /// # Errors
    /// The endpoint is no URL, or not https.
    pub fn new(
        outbound: &Outbound,
        tenant: Tenant,
        client: OAuthClient,
        secret: Arc<dyn Provider>,
    ) -> Result<Self, String> {
        let uri: http::Uri = client.token_url.parse().map_err(|_| "the token endpoint is not a URL".to_owned())?;
        let url = url_of(&uri).map_err(|error| format!("the token endpoint: {error}"))?;
        if !address::is_sealed(url.scheme.as_str(), &url.host.to_string()) {
            return Err("the token endpoint needs https".to_owned());
        }
        let limits = HttpLimits {
            requests: u64::MAX,
            at_once: u64::MAX,
            sent_bytes: u64::MAX,
            received_bytes: u64::MAX,
            total: Duration::from_secs(20),
            ..HttpLimits::default()
        };
        let owner = Owner { component: "oauth".into(), tenant };
        let exchange = Exchange::new(outbound.shared.clone(), owner, HttpBudget::new(limits));
        let reach = Reach::of_configured(client.private);
        Ok(Self { exchange, uri, url, reach, client, secret, state: Mutex::default() })
    }

    async fn fetch(&self) -> Result<(Secret, Instant), String> {
        let secret = self.secret.value(None).await?;
        let hide = Redactor::new([("client_secret".to_owned(), secret.clone())]).map_err(|error| error.to_string())?;
        let shown = |text: &str| hide.redact(&text.chars().take(200).collect::<String>()).into_owned();
        let mut form = Zeroizing::new(String::from("grant_type=client_credentials"));
        let scope = self.client.scopes.join(" ");
        let id = self.client.client_id.as_str();
        let mut add = |name: &str, value: &str| {
            form.push('&');
            escape(name, &mut form);
            form.push('=');
            escape(value, &mut form);
        };
        if !scope.is_empty() {
            add("scope", &scope);
        }
        self.client.parameters.iter().for_each(|(name, value)| add(name, value));
        let mut request = http::Request::post(self.uri.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity");
        if self.client.in_form {
            add("client_id", id);
            add("client_secret", secret.expose());
        } else {
            // Both are form-encoded first, by RFC 6749 section 2.3.1.
            let mut pair = Zeroizing::new(String::new());
            escape(id, &mut pair);
            pair.push(':');
            escape(secret.expose(), &mut pair);
            let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)));
            let mut value = HeaderValue::from_str(&basic).map_err(|_| "the client's secret cannot be sent")?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = whole(bytes::Bytes::copy_from_slice(form.as_bytes()));
        let (parts, body) = request.body(body).map_err(|error| error.to_string())?.into_parts();
        let underway = self.exchange.budget.request().map_err(|failure| failure.to_string())?;
        let judged = (self.url.clone(), self.reach);
        let asked = Instant::now();
        let response = self.exchange.run(underway, judged, parts, body, Vec::new()).await;
        let response = response.map_err(|failure| format!("no token: {}", shown(&failure.to_string())))?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), usize::try_from(MAX_ANSWER_BYTES).unwrap_or(0));
        let body = body.collect().await.map_err(|error| format!("no token: {}", shown(&error.to_string())))?;
        let body = body.to_bytes();
        let text = |name: &str| {
            let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
            json.and_then(|json| json.get(name).cloned())
        };
        if !status.is_success() {
            let code = text("error").and_then(|code| code.as_str().map(shown)).unwrap_or_default();
            return Err(format!("{} answers {} {code}; check the client's id and secret", self.url, status.as_u16()));
        }
        let kind = text("token_type").and_then(|kind| kind.as_str().map(str::to_ascii_lowercase));
        if kind.is_some_and(|kind| kind != "bearer") {
            return Err(format!("{} gives a token that is not a bearer token", self.url));
        }
        let token = text("access_token").and_then(|token| token.as_str().map(Secret::from));
        let token = token.filter(|token| !token.expose().is_empty());
        let token = token.ok_or_else(|| format!("{} gives no `access_token`", self.url))?;
        let life = text("expires_in").and_then(|life| life.as_u64().or_else(|| life.as_str()?.parse().ok()));
        let life = life.map_or(UNSAID_LIFE, Duration::from_secs).min(MAX_LIFE);
        Ok((token, asked + (life - EARLY.min(life / 10))))
    }
}

impl Provider for ClientCredentials {
    fn value<'a>(&'a self, refused: Option<&'a Secret>) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(async move {
            // Held while it is fetched: the others find what one of them got.
            let mut state = self.state.lock().await;
            if let Some((token, until)) = &state.token
                && Instant::now() < *until
                && refused != Some(token)
            {
                return Ok(token.clone());
            }
            if let Some((why, since)) = &state.failed
                && since.elapsed() < PAUSE
            {
                return Err(why.clone());
            }
            state.token = None;
            match self.fetch().await {
                Ok((token, until)) => {
                    state.failed = None;
                    state.token = Some((token.clone(), until));
                    Ok(token)
                }
                Err(why) => {
                    state.failed = Some((why.clone(), Instant::now()));
                    Err(why)
                }
            }
        })
    }

    fn is_renewable(&self) -> bool {
        true
    }
}
