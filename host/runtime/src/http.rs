//! WASI HTTP 0.2 for components: each request goes out through the run's own [`Client`], which judges it, and each object that a
//! guest makes is charged to its run (`objects`).

mod objects;

pub(crate) use objects::{HttpView, add_to_linker};

use http_body_util::BodyExt as _;
use std::collections::HashMap;
use std::sync::Arc;
use tollgate_core::Caller;
use tollgate_core::{Held, HostMemory};
use tollgate_outbound::{Client, Failure, Times, Wait};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

/// The most bytes that a guest writes to a body at once.
const CHUNK_BYTES: usize = 64 << 10;
/// The most bytes of one set of fields, in memory.
const FIELDS_MAX_BYTES: usize = 128 << 10;

/// What a store has of it.
pub(crate) struct Http {
    hooks: Hooks,
    ctx: WasiHttpCtx,
    memory: HostMemory,
    /// What each object is charged with, by its place in the table.
    charges: HashMap<u32, Held>,
}

impl Http {
    pub(crate) fn new(client: Option<Client>, caller: Arc<dyn Caller>, memory: HostMemory) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(FIELDS_MAX_BYTES);
        Self { hooks: Hooks { client, caller, charged: None }, ctx, memory, charges: HashMap::new() }
    }

    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> HttpView<'a> {
        HttpView { http: self, table }
    }
}

struct Hooks {
    client: Option<Client>,
    caller: Arc<dyn Caller>,
    /// What the request that is handed over next is charged with: it stays so until its body is sent.
    charged: Option<Held>,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    // The host's own: a guest's `Host` is judged with the URL.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(&mut self, request: http::Request<WasiBody>, options: Option<RequestOptions>, _: Io) -> Sent {
        let (client, caller, charged) = (self.client.clone(), self.caller.clone(), self.charged.take());
        let options = options.unwrap_or_default();
        let times = Times {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        };
        Box::new(async move {
            let Some(client) = client else {
                return Err(Error::InternalError(Some(
                    "a component that describes itself may send nothing".to_owned(),
                )));
            };
            let (method, url) = (request.method().to_string(), shown(request.uri()));
            let number = caller.http_started(&method, &url).await;
            let number = number.map_err(|why| Error::InternalError(Some(why)))?;
            let request = request.map(|body| {
                let keep_charged = move |error| {
                    let _ = &charged;
                    error
                };
                body.map_err(keep_charged)
            });
            match client.within(times).send(request).await {
                Ok(answer) => {
                    caller.http_ended(number, Ok(answer.status().as_u16()));
                    let done: Io = Box::new(async { Ok(()) });
                    Ok((answer.map(|body| body.map_err(|failure| error_of(&failure)).boxed_unsync()), done))
                }
                Err(failure) => {
                    caller.http_ended(number, Err(failure.to_string()));
                    Err(error_of(&failure))
                }
            }
        })
    }
}

/// Scheme, host and path: a query may hold what nobody else should read.
fn shown(uri: &http::Uri) -> String {
    let host = uri.authority().map_or("", |authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    format!("{}://{host}{}", uri.scheme_str().unwrap_or("https"), uri.path())
}

/// What the guest is told: a code where it says all there is to say, else the text, which only `internal-error` takes.
fn error_of(failure: &Failure) -> Error {
    match failure {
        Failure::Refused(_) => Error::ConnectionRefused,
        Failure::Dns { why, .. } => Error::DnsError { rcode: Some(why.clone()), info_code: None },
        Failure::Late { wait: Wait::Connect, .. } => Error::ConnectionTimeout,
        Failure::Late { wait: Wait::FirstByte, .. } => Error::HttpResponseTimeout,
        Failure::Late { wait: Wait::BetweenBytes, .. } => Error::ConnectionReadTimeout,
        // The helper packages tell it from others by the word.
        Failure::Denied { .. } | Failure::Address { .. } => Error::InternalError(Some(format!("denied: {failure}"))),
        other => Error::InternalError(Some(other.to_string())),
    }
}
