//! The objects of WASI HTTP, each charged to the run that makes it: Wasmtime's own implementation does the work, and what an object
//! then takes is charged, or the run ends. It is given back when the object is gone.
//!
//! Every function of the interface stands here, so that one that comes with a new version does not compile before somebody has
//! looked at what it holds.

use super::{CHUNK_BYTES, FIELDS_MAX_BYTES, Http};
use crate::store::RunState;
use std::collections::hash_map::Entry;
use tollgate_core::Held;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime::{Error, Result};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{self, Duration, ErrorCode, Method, Scheme, StatusCode};
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingRequest, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
    HostResponseOutparam,
};
use wasmtime_wasi_http::p2::{HeaderError, HeaderResult, HttpError, HttpResult};
use wasmtime_wasi_http::{FieldMap, RequestOptions, WasiHttpCtxView};

/// What any object takes, beside what is in it.
const OBJECT_BYTES: u64 = 1 << 10;
/// A request under way: its task, and what it waits for.
const REQUEST_BYTES: u64 = 8 << 10;
/// A body that is written: two chunks that wait to be sent, and trailers.
const BODY_BYTES: u64 = 2 * CHUNK_BYTES as u64 + 2 * FIELDS_MAX_BYTES as u64;
/// A header, beside its name and value: its place in a map that may be half empty.
const HEADER_BYTES: usize = 256;

pub(crate) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    outgoing_handler::add_to_linker::<_, Charged>(linker, RunState::http)?;
    types::add_to_linker::<_, Charged>(linker, &types::LinkOptions::default(), RunState::http)
}

struct Charged;

impl HasData for Charged {
    type Data<'a> = HttpView<'a>;
}

/// The objects of one store.
pub(crate) struct HttpView<'a> {
    pub(super) http: &'a mut Http,
    pub(super) table: &'a mut ResourceTable,
}

impl HttpView<'_> {
    fn wasi(&mut self) -> WasiHttpCtxView<'_> {
        let Http { hooks, ctx, .. } = &mut *self.http;
        WasiHttpCtxView { hooks, table: self.table, ctx }
    }

    /// Charges an object with so much, in place of what it was charged with.
    fn charge<T: 'static>(&mut self, object: &Resource<T>, bytes: u64) -> Result<()> {
        match self.http.charges.entry(object.rep()) {
            Entry::Occupied(mut held) => held.get_mut().resize(bytes).map_err(Error::new),
            Entry::Vacant(place) => {
                place.insert(self.http.memory.hold(bytes).map_err(Error::new)?);
                Ok(())
            }
        }
    }

    /// What an object was charged with that is gone now, or goes over into another.
    fn release<T: 'static>(&mut self, object: &Resource<T>) -> Option<Held> {
        self.http.charges.remove(&object.rep())
    }

    fn charge_fields(&mut self, fields: &Resource<FieldMap>) -> Result<()> {
        let bytes = fields_bytes(self.table.get(fields)?);
        self.charge(fields, bytes)
    }

    fn charge_response(&mut self, response: &Resource<HostOutgoingResponse>) -> Result<()> {
        let of = self.table.get(response)?;
        let body = if of.body.is_some() { BODY_BYTES } else { 0 };
        let bytes = fields_bytes(&of.headers) + body;
        self.charge(response, bytes)
    }

    fn charge_request(&mut self, request: &Resource<HostOutgoingRequest>) -> Result<()> {
        let of = self.table.get(request)?;
        let method = if let Method::Other(name) = &of.method { name.len() } else { 0 };
        let scheme = if let Some(Scheme::Other(name)) = &of.scheme { name.len() } else { 0 };
        let texts = [&of.path_with_query, &of.authority].into_iter().flatten().map(String::len).sum::<usize>();
        let body = if of.body.is_some() { BODY_BYTES } else { 0 };
        // What is sent is a copy, made before this is given back.
        let bytes = 2 * ((method + scheme + texts) as u64 + fields_bytes(&of.headers)) + body + REQUEST_BYTES;
        self.charge(request, bytes)
    }
}

/// Another name of the same object.
fn same<T: 'static>(object: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(object.rep())
}

fn fields_bytes(fields: &FieldMap) -> u64 {
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_BYTES).sum();
    OBJECT_BYTES + bytes as u64
}

/// Functions of an interface that make nothing that stays, and go on as they are.
macro_rules! passed_on {
    ($host:ident: $($name:ident($($arg:ident: $kind:ty),*) -> $gives:ty;)*) => { $(
        fn $name(&mut self, $($arg: $kind),*) -> $gives {
            types::$host::$name(&mut self.wasi(), $($arg),*)
        }
    )* };
}

/// The end of an object.
macro_rules! ended {
    ($host:ident: $kind:ty) => {
        fn drop(&mut self, object: Resource<$kind>) -> Result<()> {
            drop(self.release(&object));
            types::$host::drop(&mut self.wasi(), object)
        }
    };
}

/// Functions that change an object, and what it takes.
macro_rules! changes {
    ($host:ident, $charge:ident: $($name:ident($object:ident: $of:ty $(, $arg:ident: $kind:ty)*) -> $gives:ty;)*) => { $(
        fn $name(&mut self, $object: Resource<$of> $(, $arg: $kind)*) -> $gives {
            let changed = same(&$object);
            let answer = types::$host::$name(&mut self.wasi(), $object $(, $arg)*)?;
            self.$charge(&changed)?;
            Ok(answer)
        }
    )* };
}

impl types::Host for HttpView<'_> {
    passed_on! { Host:
        convert_error_code(error: HttpError) -> Result<ErrorCode>;
        convert_header_error(error: HeaderError) -> Result<types::HeaderError>;
        http_error_code(error: Resource<types::IoError>) -> Result<Option<ErrorCode>>;
    }
}

impl types::HostFields for HttpView<'_> {
    fn new(&mut self) -> Result<Resource<FieldMap>> {
        let fields = types::HostFields::new(&mut self.wasi())?;
        self.charge_fields(&fields)?;
        Ok(fields)
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> HeaderResult<Resource<FieldMap>> {
        let fields = types::HostFields::from_list(&mut self.wasi(), entries)?;
        self.charge_fields(&fields).map_err(HeaderError::trap)?;
        Ok(fields)
    }

    fn set(&mut self, fields: Resource<FieldMap>, name: String, values: Vec<Vec<u8>>) -> HeaderResult<()> {
        let changed = same(&fields);
        types::HostFields::set(&mut self.wasi(), fields, name, values)?;
        self.charge_fields(&changed).map_err(HeaderError::trap)
    }

    fn append(&mut self, fields: Resource<FieldMap>, name: String, value: Vec<u8>) -> HeaderResult<()> {
        let changed = same(&fields);
        let more = (name.len() + value.len() + HEADER_BYTES) as u64;
        types::HostFields::append(&mut self.wasi(), fields, name, value)?;
        // Not counted anew: guests append in loops.
        let before = self.http.charges.get(&changed.rep()).map_or(OBJECT_BYTES, Held::bytes);
        self.charge(&changed, before + more).map_err(HeaderError::trap)
    }

    fn delete(&mut self, fields: Resource<FieldMap>, name: String) -> HeaderResult<()> {
        let changed = same(&fields);
        types::HostFields::delete(&mut self.wasi(), fields, name)?;
        self.charge_fields(&changed).map_err(HeaderError::trap)
    }

    fn clone(&mut self, fields: Resource<FieldMap>) -> Result<Resource<FieldMap>> {
        let copy = types::HostFields::clone(&mut self.wasi(), fields)?;
        self.charge_fields(&copy)?;
        Ok(copy)
    }

    ended! { HostFields: FieldMap }

    passed_on! { HostFields:
        get(fields: Resource<FieldMap>, name: String) -> Result<Vec<Vec<u8>>>;
        has(fields: Resource<FieldMap>, name: String) -> Result<bool>;
        entries(fields: Resource<FieldMap>) -> Result<Vec<(String, Vec<u8>)>>;
    }
}

impl types::HostOutgoingRequest for HttpView<'_> {
    fn new(&mut self, headers: Resource<FieldMap>) -> Result<Resource<HostOutgoingRequest>> {
        drop(self.release(&headers));
        let request = types::HostOutgoingRequest::new(&mut self.wasi(), headers)?;
        self.charge_request(&request)?;
        Ok(request)
    }

    fn body(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Result<Resource<HostOutgoingBody>, ()>> {
        let changed = same(&request);
        let body = types::HostOutgoingRequest::body(&mut self.wasi(), request)?;
        self.charge_request(&changed)?;
        body.as_ref().map_or(Ok(()), |body| self.charge(body, OBJECT_BYTES))?;
        Ok(body)
    }

    fn headers(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Resource<FieldMap>> {
        let headers = types::HostOutgoingRequest::headers(&mut self.wasi(), request)?;
        self.charge_fields(&headers)?;
        Ok(headers)
    }

    changes! { HostOutgoingRequest, charge_request:
        set_method(request: HostOutgoingRequest, method: Method) -> Result<Result<(), ()>>;
        set_path_with_query(request: HostOutgoingRequest, path: Option<String>) -> Result<Result<(), ()>>;
        set_scheme(request: HostOutgoingRequest, scheme: Option<Scheme>) -> Result<Result<(), ()>>;
        set_authority(request: HostOutgoingRequest, authority: Option<String>) -> Result<Result<(), ()>>;
    }

    ended! { HostOutgoingRequest: HostOutgoingRequest }

    passed_on! { HostOutgoingRequest:
        method(request: Resource<HostOutgoingRequest>) -> Result<Method>;
        path_with_query(request: Resource<HostOutgoingRequest>) -> Result<Option<String>>;
        scheme(request: Resource<HostOutgoingRequest>) -> Result<Option<Scheme>>;
        authority(request: Resource<HostOutgoingRequest>) -> Result<Option<String>>;
    }
}

impl types::HostOutgoingBody for HttpView<'_> {
    fn finish(&mut self, body: Resource<HostOutgoingBody>, trailers: Option<Resource<FieldMap>>) -> HttpResult<()> {
        // The trailers are the request's now, whose body has room for them.
        drop(trailers.as_ref().map(|trailers| self.release(trailers)));
        drop(self.release(&body));
        types::HostOutgoingBody::finish(&mut self.wasi(), body, trailers)
    }

    ended! { HostOutgoingBody: HostOutgoingBody }

    passed_on! { HostOutgoingBody:
        write(body: Resource<HostOutgoingBody>) -> Result<Result<Resource<DynOutputStream>, ()>>;
    }
}

impl outgoing_handler::Host for HttpView<'_> {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<HostFutureIncomingResponse>> {
        self.http.hooks.charged = self.release(&request);
        let options_too = options.as_ref().map(|options| Resource::<RequestOptions>::new_own(options.rep()));
        let sent = outgoing_handler::Host::handle(&mut self.wasi(), request, options);
        drop(self.http.hooks.charged.take());
        // Wasmtime leaves them in the table.
        if let Some(options) = options_too {
            drop(self.release(&options));
            self.table.delete(options)?;
        }
        let future = sent?;
        self.charge(&future, REQUEST_BYTES).map_err(HttpError::trap)?;
        Ok(future)
    }
}

impl types::HostFutureIncomingResponse for HttpView<'_> {
    fn get(
        &mut self,
        future: Resource<HostFutureIncomingResponse>,
    ) -> Result<Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>> {
        let answer = types::HostFutureIncomingResponse::get(&mut self.wasi(), future)?;
        if let Some(Ok(Ok(response))) = &answer {
            let bytes = fields_bytes(&self.table.get(response)?.headers);
            self.charge(response, bytes)?;
        }
        Ok(answer)
    }

    ended! { HostFutureIncomingResponse: HostFutureIncomingResponse }

    passed_on! { HostFutureIncomingResponse:
        subscribe(future: Resource<HostFutureIncomingResponse>) -> Result<Resource<DynPollable>>;
    }
}

impl types::HostIncomingResponse for HttpView<'_> {
    fn headers(&mut self, response: Resource<HostIncomingResponse>) -> Result<Resource<FieldMap>> {
        let headers = types::HostIncomingResponse::headers(&mut self.wasi(), response)?;
        self.charge_fields(&headers)?;
        Ok(headers)
    }

    fn consume(&mut self, response: Resource<HostIncomingResponse>) -> Result<Result<Resource<HostIncomingBody>, ()>> {
        let body = types::HostIncomingResponse::consume(&mut self.wasi(), response)?;
        body.as_ref().map_or(Ok(()), |body| self.charge(body, OBJECT_BYTES))?;
        Ok(body)
    }

    ended! { HostIncomingResponse: HostIncomingResponse }

    passed_on! { HostIncomingResponse:
        status(response: Resource<HostIncomingResponse>) -> Result<StatusCode>;
    }
}

impl types::HostIncomingBody for HttpView<'_> {
    fn finish(&mut self, body: Resource<HostIncomingBody>) -> Result<Resource<HostFutureTrailers>> {
        drop(self.release(&body));
        let trailers = types::HostIncomingBody::finish(&mut self.wasi(), body)?;
        self.charge(&trailers, OBJECT_BYTES)?;
        Ok(trailers)
    }

    ended! { HostIncomingBody: HostIncomingBody }

    passed_on! { HostIncomingBody:
        stream(body: Resource<HostIncomingBody>) -> Result<Result<Resource<DynInputStream>, ()>>;
    }
}

impl types::HostFutureTrailers for HttpView<'_> {
    fn get(
        &mut self,
        future: Resource<HostFutureTrailers>,
    ) -> Result<Option<Result<Result<Option<Resource<FieldMap>>, ErrorCode>, ()>>> {
        let answer = types::HostFutureTrailers::get(&mut self.wasi(), future)?;
        if let Some(Ok(Ok(Some(trailers)))) = &answer {
            self.charge_fields(trailers)?;
        }
        Ok(answer)
    }

    ended! { HostFutureTrailers: HostFutureTrailers }

    passed_on! { HostFutureTrailers:
        subscribe(trailers: Resource<HostFutureTrailers>) -> Result<Resource<DynPollable>>;
    }
}

impl types::HostRequestOptions for HttpView<'_> {
    fn new(&mut self) -> Result<Resource<RequestOptions>> {
        let options = types::HostRequestOptions::new(&mut self.wasi())?;
        self.charge(&options, OBJECT_BYTES)?;
        Ok(options)
    }

    ended! { HostRequestOptions: RequestOptions }

    passed_on! { HostRequestOptions:
        connect_timeout(options: Resource<RequestOptions>) -> Result<Option<Duration>>;
        set_connect_timeout(options: Resource<RequestOptions>, time: Option<Duration>) -> Result<Result<(), ()>>;
        first_byte_timeout(options: Resource<RequestOptions>) -> Result<Option<Duration>>;
        set_first_byte_timeout(options: Resource<RequestOptions>, time: Option<Duration>) -> Result<Result<(), ()>>;
        between_bytes_timeout(options: Resource<RequestOptions>) -> Result<Option<Duration>>;
        set_between_bytes_timeout(options: Resource<RequestOptions>, time: Option<Duration>) -> Result<Result<(), ()>>;
    }
}

// What serves requests is here because the interface has it: no component is asked over HTTP.

impl types::HostOutgoingResponse for HttpView<'_> {
    fn new(&mut self, headers: Resource<FieldMap>) -> Result<Resource<HostOutgoingResponse>> {
        drop(self.release(&headers));
        let response = types::HostOutgoingResponse::new(&mut self.wasi(), headers)?;
        self.charge_response(&response)?;
        Ok(response)
    }

    fn body(&mut self, response: Resource<HostOutgoingResponse>) -> Result<Result<Resource<HostOutgoingBody>, ()>> {
        let changed = same(&response);
        let body = types::HostOutgoingResponse::body(&mut self.wasi(), response)?;
        self.charge_response(&changed)?;
        body.as_ref().map_or(Ok(()), |body| self.charge(body, OBJECT_BYTES))?;
        Ok(body)
    }

    fn headers(&mut self, response: Resource<HostOutgoingResponse>) -> Result<Resource<FieldMap>> {
        let headers = types::HostOutgoingResponse::headers(&mut self.wasi(), response)?;
        self.charge_fields(&headers)?;
        Ok(headers)
    }

    ended! { HostOutgoingResponse: HostOutgoingResponse }

    passed_on! { HostOutgoingResponse:
        status_code(response: Resource<HostOutgoingResponse>) -> Result<StatusCode>;
        set_status_code(response: Resource<HostOutgoingResponse>, status: StatusCode) -> Result<Result<(), ()>>;
    }
}

impl types::HostIncomingRequest for HttpView<'_> {
    ended! { HostIncomingRequest: HostIncomingRequest }

    passed_on! { HostIncomingRequest:
        method(request: Resource<HostIncomingRequest>) -> Result<Method>;
        path_with_query(request: Resource<HostIncomingRequest>) -> Result<Option<String>>;
        scheme(request: Resource<HostIncomingRequest>) -> Result<Option<Scheme>>;
        authority(request: Resource<HostIncomingRequest>) -> Result<Option<String>>;
        headers(request: Resource<HostIncomingRequest>) -> Result<Resource<FieldMap>>;
        consume(request: Resource<HostIncomingRequest>) -> Result<Result<Resource<HostIncomingBody>, ()>>;
    }
}

impl types::HostResponseOutparam for HttpView<'_> {
    ended! { HostResponseOutparam: HostResponseOutparam }

    passed_on! { HostResponseOutparam:
        set(outparam: Resource<HostResponseOutparam>, response: Result<Resource<HostOutgoingResponse>, ErrorCode>) -> Result<()>;
        send_informational(outparam: Resource<HostResponseOutparam>, status: u16, headers: Resource<FieldMap>) -> HttpResult<()>;
    }
}
