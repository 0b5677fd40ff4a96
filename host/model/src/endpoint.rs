//! One request to the endpoint of the configuration: its tries, and the reading of the answer.

use crate::check::Checked;
use crate::draft::Draft;
use crate::events::{Event, Reader};
use crate::fault::{self, Fault, Retry};
use crate::flat;
use crate::schema::{Adapted, Dialect, adapt_schema};
use crate::settings::{Endpoint, Provider};
use crate::text::{shown, unfenced, wants_shape};
use crate::{anthropic, openai};
use bytes::Bytes;
use futures::future::select;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::json::check_tree;
use tollgate_core::model::{Meter, Usage};
use tollgate_core::{
    AddressKind, Clock, Completion, Entropy, Grant, Grants, HttpUrl, ModelError, Tenant, address, grant,
};
use tollgate_outbound::{Binding, HttpBudget, HttpLimits, Outbound, Owner, Place, ResponseBody, Stored};
use tollgate_secrets::SecretStore;

/// The longest request, in bytes.
const MAX_REQUEST_BYTES: usize = 16 << 20;
/// The most that an answer which comes whole takes as a tree, in bytes.
const TREE_MAX_BYTES: usize = 64 << 20;
/// The longest answer, in bytes of its stream.
const MAX_ANSWER_BYTES: u64 = 8 << 20;
/// How much of an answer that is no success is read.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Tries after the first.
const MAX_RETRIES: u32 = 2;
/// The first wait before another try; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait before another try: whoever asked is told instead, if the provider wants more.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// How long the end of the connection's stream may take after the end of the answer, for the connection to be used again.
const DRAIN: Duration = Duration::from_millis(250);

/// Headers that the settings cannot have: keys are secrets, and the rest is said here.
const OWN_HEADERS: [&str; 9] = [
    "authorization",
    "x-api-key",
    "api-key",
    "cookie",
    "proxy-authorization",
    "host",
    "content-length",
    "content-type",
    "accept",
];

/// The endpoint, set up.
pub(crate) struct Remote {
    settings: Endpoint,
    uri: http::Uri,
    /// Its origin: what errors call it.
    name: String,
    headers: HeaderMap,
    grants: Arc<Grants>,
    bindings: Arc<[Binding]>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What becomes of a request's schemas.
pub(crate) struct Shape<'a> {
    /// Of each tool.
    pub(crate) tools: Vec<Adapted>,
    /// Of the answer, where the provider takes it.
    pub(crate) output: Option<Adapted>,
    /// The words that ask for it otherwise.
    pub(crate) words: Option<String>,
    request: &'a Checked<'a>,
}

impl<'a> Shape<'a> {
    fn of(request: &'a Checked<'a>, settings: &Endpoint) -> Self {
        let is_strict = settings.strict && settings.provider == Provider::OpenAi;
        let tools = request.schemas.iter().map(|schema| {
            let strict = if is_strict { adapt_schema(schema, Dialect::OpenAi).ok() } else { None };
            strict.unwrap_or_else(|| Adapted::loose(flat::flat(schema)))
        });
        let dialect = match settings.provider {
            Provider::OpenAi => Dialect::OpenAi,
            Provider::Anthropic => Dialect::Anthropic,
        };
        let output = request.output.as_ref().and_then(|(schema, _)| schema.as_object()).filter(|_| settings.strict);
        let output = output.and_then(|schema| adapt_schema(schema, dialect).ok());
        let words = request.output.as_ref().filter(|_| output.is_none()).map(|(_, text)| wants_shape(text));
        Self { tools: tools.collect(), output, words, request }
    }

    /// Takes out of an answer what the adapting brought in.
    fn back(&self, mut completion: Completion) -> Completion {
        let message = &mut completion.message;
        for one in &mut message.tool_uses {
            let tools = self.request.request.tools.iter().zip(&self.tools);
            if let Some((_, adapted)) = tools.into_iter().find(|(tool, _)| tool.name == one.name) {
                one.arguments = adapted.unadapt(&one.arguments);
            }
        }
        if let Some(adapted) = &self.output {
            message.content = adapted.unadapt(&message.content);
        } else if self.words.is_some() {
            message.content = unfenced(&message.content).to_owned();
        }
        completion
    }
}

impl Remote {
    /// # Errors
    /// What of the settings cannot be, with its key.
    pub(crate) fn new(
        settings: Endpoint,
        outbound: Outbound,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, String> {
        let of = |key: &'static str| move |why: String| format!("the key `model.{key}`: {why}");
        if settings.model.trim().is_empty() {
            return Err("the key `model.model`: it is empty; name the model that is to answer".to_owned());
        }
        for (key, time) in [("timeout", settings.timeout), ("idle", settings.idle)] {
            if time.is_zero() {
                return Err(format!("the key `model.{key}`: it is 0; no answer takes no time"));
            }
        }
        if settings.max_tokens == Some(0) {
            return Err("the key `model.max_tokens`: it is 0".to_owned());
        }
        let (uri, url) = target(&settings).map_err(of("url"))?;
        let grant = Grant::for_request("POST", &url, settings.private).to_string();
        let grants = Grants::parse([grant]).map_err(|error| of("url")(error.to_string()))?;
        let origin = url.origin();
        let bindings = match &settings.secret {
            None => Vec::new(),
            Some(name) => {
                let place = settings.place.clone().unwrap_or_else(|| match settings.provider {
                    Provider::OpenAi => Place::Bearer,
                    Provider::Anthropic => {
                        Place::Header { name: HeaderName::from_static("x-api-key"), prefix: String::new() }
                    }
                });
                let provider = Arc::new(Stored::new(secrets, name.clone()));
                let host = origin.parse().map_err(of("url"))?;
                vec![Binding::new(name.clone(), provider, vec![host], place).map_err(of("secret"))?]
            }
        };
        let headers = headers(&settings).map_err(of("headers"))?;
        let (grants, bindings) = (Arc::new(grants), bindings.into());
        Ok(Self { settings, uri, name: origin, headers, grants, bindings, outbound, clock, entropy })
    }

    /// Asks it.
    ///
    /// # Errors
    /// Why there is no answer, after the tries that are worth it.
    pub(crate) async fn complete(
        &self,
        request: &Checked<'_>,
        tenant: &Tenant,
        meter: &Meter,
    ) -> Result<Completion, ModelError> {
        let settings = &self.settings;
        let model = self.model(request.request.options.model.as_deref())?;
        let shape = Shape::of(request, settings);
        let body = match settings.provider {
            Provider::OpenAi => openai::body(request, &shape, model, settings),
            Provider::Anthropic => anthropic::body(request, &shape, model, settings),
        };
        let body = Bytes::from(Value::Object(body).to_string());
        if body.len() > MAX_REQUEST_BYTES {
            let why = format!("it has {} bytes for the provider; at most {MAX_REQUEST_BYTES} are sent", body.len());
            return Err(ModelError::InvalidRequest(why));
        }
        let started = self.clock.monotonic();
        let mut tries = 0;
        loop {
            let left = settings.timeout.saturating_sub(self.clock.monotonic().saturating_sub(started));
            let fault = match self.attempt(body.clone(), tenant, left, meter).await {
                Ok(draft) => {
                    let completion = Completion { usage: meter.usage(), ..draft.complete(body.len(), model) };
                    return Ok(shape.back(completion));
                }
                Err(fault) => fault,
            };
            let left = settings.timeout.saturating_sub(self.clock.monotonic().saturating_sub(started));
            let wait = match fault.retry {
                Retry::Soon if tries < MAX_RETRIES => self.backoff(tries),
                Retry::After(wait) if tries < MAX_RETRIES => wait,
                _ => return Err(fault.error),
            };
            if wait > MAX_WAIT || wait >= left {
                return Err(fault.error);
            }
            self.clock.sleep(wait).await;
            tries += 1;
        }
    }

    /// # Errors
    /// The configuration has no such model.
    fn model<'a>(&'a self, asked: Option<&'a str>) -> Result<&'a str, ModelError> {
        let Endpoint { model, models, .. } = &self.settings;
        let Some(asked) = asked.filter(|asked| asked != model) else { return Ok(model) };
        if models.iter().any(|pattern| grant::glob(pattern, asked)) {
            return Ok(asked);
        }
        let asked = shown(asked);
        Err(ModelError::InvalidRequest(format!(
            "the configuration does not offer the model `{asked}`; it answers with `{model}`, and the key `model.models` names others"
        )))
    }

    /// Doubles with each try; between a half and the whole of it, so that many who failed together do not come back together.
    fn backoff(&self, tries: u32) -> Duration {
        let whole = FIRST_WAIT.saturating_mul(1 << tries.min(8));
        let half = whole / 2;
        let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        half + Duration::from_millis(self.entropy.next_u64() % spread)
    }

    async fn attempt(&self, body: Bytes, tenant: &Tenant, left: Duration, meter: &Meter) -> Result<Draft, Fault> {
        let (settings, sent) = (&self.settings, body.len());
        let mut cost = meter.begin(Draft::default().usage(sent));
        let limits = HttpLimits {
            requests: 1,
            at_once: 1,
            sent_bytes: body.len() as u64,
            received_bytes: MAX_ANSWER_BYTES,
            first_byte: settings.idle.min(left),
            between_bytes: settings.idle.min(left),
            total: left,
            ..HttpLimits::default()
        };
        let owner = Owner { component: "model".into(), tenant: tenant.clone() };
        let budget = HttpBudget::new(limits);
        let client = self.outbound.client(owner, self.grants.clone(), self.bindings.clone(), budget);
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = client.send(request).await.map_err(|failure| {
            if !Fault::is_past_sending(&failure) {
                cost.count(Usage::default());
            }
            Fault::of_failure(&self.name, &failure)
        })?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            cost.count(Usage::default());
            let retry = fault::retry(head.status, &head.headers, self.clock.now());
            let said = fault::said(&beginning(body).await);
            let secret = settings.secret.as_deref();
            return Err(Fault::of_status(&self.name, head.status.as_u16(), &said, retry, secret));
        }
        let kind = head.headers.get(header::CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()));
        let media = kind.as_deref().and_then(|kind| kind.split(';').next()).map(str::trim);
        let so_far = |draft: &Draft| cost.count(draft.usage(sent));
        match media {
            Some(media) if media.eq_ignore_ascii_case("application/json") => self.read_whole(body, so_far).await,
            Some(media) if !media.eq_ignore_ascii_case("text/event-stream") => {
                let why = format!("it answers with `{}`, which is neither JSON nor a stream of events", shown(media));
                Err(Fault::invalid(&self.name, &why))
            }
            _ => self.read(body, so_far).await,
        }
    }

    /// Reads an answer that does not come in pieces.
    async fn read_whole(&self, mut body: ResponseBody, mut so_far: impl FnMut(&Draft)) -> Result<Draft, Fault> {
        let mut text = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|failure| Fault::of_failure(&self.name, &failure))?;
            if let Ok(data) = frame.into_data() {
                text.extend_from_slice(&data);
            }
        }
        let invalid = |why: &str| Fault::invalid(&self.name, why);
        check_tree(&text, TREE_MAX_BYTES).map_err(|error| invalid(&error.to_string()))?;
        let data = String::from_utf8(text).map_err(|_| invalid("the answer is not UTF-8"))?;
        let mut draft = Draft::default();
        let taken = draft.take_all(self.settings.provider, &[Event { data, ..Event::default() }]);
        so_far(&draft);
        let secret = self.settings.secret.as_deref();
        taken.map_err(|broken| Fault::of_broken(&self.name, broken, secret))?;
        if !draft.is_begun {
            return Err(invalid("the answer is JSON, and no completion"));
        }
        draft.is_over = true;
        Ok(draft)
    }

    /// `so_far` is told of what came.
    async fn read(&self, mut body: ResponseBody, mut so_far: impl FnMut(&Draft)) -> Result<Draft, Fault> {
        let (mut reader, mut draft) = (Reader::default(), Draft::default());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|failure| Fault::of_failure(&self.name, &failure))?;
            let Ok(data) = frame.into_data() else { continue };
            let events = reader.push(&data).map_err(|_| Fault::invalid(&self.name, "the stream is not UTF-8"))?;
            let taken = draft.take_all(self.settings.provider, &events);
            so_far(&draft);
            let secret = self.settings.secret.as_deref();
            taken.map_err(|broken| Fault::of_broken(&self.name, broken, secret))?;
            if draft.is_over {
                self.drain(body).await;
                return Ok(draft);
            }
        }
        Err(Fault::invalid(&self.name, "the stream ended before the answer was whole"))
    }

    /// Reads to the end of the stream, if that is near.
    async fn drain(&self, mut body: ResponseBody) {
        let rest = pin!(async { while let Some(Ok(_)) = body.frame().await {} });
        drop(select(rest, self.clock.sleep(DRAIN)).await);
    }
}

/// The beginning of a body; what fails is as good as its end.
async fn beginning(mut body: ResponseBody) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            out.extend_from_slice(&data);
        }
        if out.len() >= MAX_ERROR_BYTES {
            break;
        }
    }
    out
}

/// Where requests go.
fn target(settings: &Endpoint) -> Result<(http::Uri, HttpUrl), String> {
    let (base, query) = settings.url.split_once('?').map_or((settings.url.as_str(), None), |(b, q)| (b, Some(q)));
    let base = base.trim_end_matches('/');
    let path = match settings.provider {
        Provider::OpenAi => "/chat/completions",
        // The version is often written into the base.
        Provider::Anthropic if base.ends_with("/v1") => "/messages",
        Provider::Anthropic => "/v1/messages",
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let whole = format!("{base}{path}{query}");
    let url = HttpUrl::parse(&whole).map_err(|error| error.to_string())?;
    let is_clear = !address::is_sealed(url.scheme.as_str(), &url.host.to_string());
    let is_near = url.host.address().is_some_and(|address| AddressKind::of(address) == AddressKind::Private);
    if is_clear && !is_near && !settings.private {
        return Err("what is said to the model would go in the clear; use https".to_owned());
    }
    if is_clear && settings.secret.is_some() && !settings.private {
        return Err("the key would go to another machine over clear http, where everybody on the way can read it; use https, or add `private: true` if it may".to_owned());
    }
    let uri = whole.parse().map_err(|_| "it is not a URL".to_owned())?;
    Ok((uri, url))
}

fn headers(settings: &Endpoint) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accepted = if settings.stream { "text/event-stream, application/json;q=0.5" } else { "application/json" };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accepted));
    if settings.provider == Provider::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static(anthropic::VERSION));
    }
    for (name, value) in &settings.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{}` is not the name of a header", shown(name)))?;
        if OWN_HEADERS.contains(&name.as_str()) {
            return Err(format!("`{name}` is the host's matter; a key is named by `model.secret`"));
        }
        let value = value.parse().map_err(|_| format!("the value of `{name}` cannot stand in a header"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
