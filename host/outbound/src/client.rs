//! One component's way out.

use crate::body::{BoxError, ResponseBody};
use crate::connect::{Dialer, Resolve, SystemResolver};
use crate::error::Failure;
use crate::exchange::Exchange;
use crate::limits::HttpBudget;
use crate::pool::{Owner, Pool, PoolLimits};
use crate::secrets::Binding;
use bytes::Bytes;
use http::Method;
use http_body::Body;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::{Grant, Grants, HttpUrl, Secret};
use tollgate_secrets::Redactor;

/// Redactors that are kept: making one takes longer than a request on loopback.
const MAX_REDACTORS: usize = 16;

/// What all of a host's outbound requests share.
pub struct Settings {
    /// Who finds the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// Certificates that are trusted beside the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Connections that wait for their next request.
    pub pool: PoolLimits,
}

impl Default for Settings {
    /// The system's resolver and roots.
    fn default() -> Self {
        Self { resolver: Arc::new(SystemResolver), extra_roots: Vec::new(), pool: PoolLimits::default() }
    }
}

/// A host has one. It does nothing before its first request. Needs a Tokio runtime with time and I/O.
#[derive(Clone)]
pub struct Outbound {
    pub(crate) shared: Arc<Shared>,
}

type Values = Vec<(String, Secret)>;

pub(crate) struct Shared {
    pub dialer: Dialer,
    pub pool: Arc<Pool>,
    redactors: Mutex<Vec<(Values, Arc<Redactor>)>>,
}

impl Shared {
    /// What looks for these values.
    pub fn redactor(&self, values: &Values) -> Result<Arc<Redactor>, Failure> {
        let mut redactors = self.redactors.lock();
        if let Some((_, redactor)) = redactors.iter().find(|(of, _)| of == values) {
            return Ok(redactor.clone());
        }
        let failed = |error: tollgate_secrets::redact::TooMany| Failure::Secret {
            name: values.first().map(|(name, _)| name.clone()).unwrap_or_default(),
            why: error.to_string(),
        };
        let redactor = Arc::new(Redactor::new(values.iter().cloned()).map_err(failed)?);
        if redactors.len() >= MAX_REDACTORS {
            redactors.remove(0);
        }
        redactors.push((values.clone(), redactor.clone()));
        Ok(redactor)
    }
}

impl Outbound {
    /// With these settings.
    pub fn new(settings: Settings) -> Self {
        let Settings { resolver, extra_roots, pool } = settings;
        let (dialer, pool) = (Dialer::new(resolver, extra_roots), Pool::new(pool));
        Self { shared: Arc::new(Shared { dialer, pool, redactors: Mutex::default() }) }
    }

    /// The way out of one run of a component: connections are shared with the other runs of the same owner, and with
    /// nobody else; the budget is the run's own.
    pub fn client(
        &self,
        owner: Owner,
        grants: impl Into<Arc<Grants>>,
        bindings: impl Into<Arc<[Binding]>>,
        budget: Arc<HttpBudget>,
    ) -> Client {
        let exchange = Exchange::new(self.shared.clone(), owner, budget);
        Client { exchange, grants: grants.into(), bindings: bindings.into() }
    }

    /// How many connections wait for their next request.
    pub fn idle_connections(&self) -> usize {
        self.shared.pool.idle()
    }
}

/// Sends the requests of one run of a component.
#[derive(Clone)]
pub struct Client {
    exchange: Exchange,
    grants: Arc<Grants>,
    bindings: Arc<[Binding]>,
}

/// Times that a component asks for itself; they only shorten those of [`HttpLimits`](crate::HttpLimits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// For the connection.
    pub connect: Option<Duration>,
    /// For the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer.
    pub between_bytes: Option<Duration>,
}

impl Client {
    /// The same with less time.
    pub fn within(&self, times: Times) -> Self {
        let mut client = self.clone();
        let limits = Arc::make_mut(&mut client.exchange.limits);
        let shorten = |limit: &mut Duration, time: Option<Duration>| *limit = time.map_or(*limit, |t| t.min(*limit));
        shorten(&mut limits.connect, times.connect);
        shorten(&mut limits.first_byte, times.first_byte);
        shorten(&mut limits.between_bytes, times.between_bytes);
        client
    }

    /// Sends one request, and gives its answer as soon as the head is there. The body follows as it comes.
    ///
    /// The request is paid first, also one that is then denied. Redirects are not followed: the answer is what the server
    /// said, and what the component asks next is judged anew. Proxies of the environment are not used. Dropping the
    /// future, or the body, ends the request.
    ///
    /// # Errors
    /// See [`Failure`]. The body fails with the same type.
    pub async fn send<B>(&self, request: http::Request<B>) -> Result<http::Response<ResponseBody>, Failure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let underway = self.exchange.budget.request()?;
        let (parts, body) = request.into_parts();
        let url = url_of(&parts.uri)?;
        if [Method::CONNECT, Method::TRACE].contains(&parts.method) {
            return Err(Failure::Method(parts.method.to_string()));
        }
        let method = parts.method.as_str();
        let Some(reach) = self.grants.http(method, &url) else {
            let grant = Grant::for_request(method, &url, false).to_string();
            return Err(Failure::Denied { method: method.to_owned(), url: url.to_string(), grant });
        };
        let bindings = self.bindings.iter().filter(|binding| binding.is_for(&url)).cloned().collect();
        let body = body.map_err(Into::into).boxed_unsync();
        self.exchange.run(underway, (url, reach), parts, body, bindings).await
    }
}

/// # Errors
/// What is wrong or ambiguous with it.
pub(crate) fn url_of(uri: &http::Uri) -> Result<HttpUrl, Failure> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
    Ok(HttpUrl::from_parts(uri.scheme_str().unwrap_or_default(), authority, rest)?)
}
