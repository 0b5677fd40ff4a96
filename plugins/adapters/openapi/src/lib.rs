//! Turns an OpenAPI document into tools, and calls of them into HTTP requests.
//!
//! The host reads a document once ([`read`]), in a sandbox, and keeps the [`Catalog`]. A call gets its own
//! [`Operation`] only: [`request`] makes the HTTP request of it, and [`result`] the tool's answer of the response. All
//! three are plain functions, so they are tested natively; `component` is what makes a component of them.
//!
//! # Layout
//!
//! - [`document`], [`options`]: what comes in.
//! - [`catalog`]: the whole; by [`servers`], [`parameters`], [`body`], [`responses`], [`schema`].
//! - [`operation`]: what a call keeps of it.
//! - [`request`](mod@request), [`style`], [`encode`]: the request of a call. [`result`](mod@result): its answer.
//!
//! # Arguments
//!
//! A parameter is an argument of its name, made of letters, digits, `_` and `-`. Where two of different places have
//! one name, path comes first, then query, headers and cookies, and the later is called `NAME_PLACE`. The members of a
//! body that is a plain object are arguments too. A body of another kind, or one with a member whose name is taken, or
//! one that may be left out while its members may not, is the argument `body`. A file is an object with `text` or
//! `base64`, and perhaps `filename` and `media_type`.
//!
//! What authorises a call is no argument, because the host adds it: the header `Authorization`, the parameter that an
//! `apiKey` scheme of the operation is, and a bearer token that the document also declares as a parameter of the query, a
//! header or a member of a form (Slack, Google). Such a one is told by three signs together: the operation has a scheme
//! of the type `oauth2` or `openIdConnect`, or `http` with `bearer`; it is called `token`, `access_token` or
//! `oauth_token`; and the first sentence of its description says that it is an access token and nothing else.

pub mod body;
pub mod catalog;
pub mod document;
pub mod encode;
pub mod operation;
pub mod options;
pub mod parameters;
mod pattern;
pub mod request;
pub mod responses;
pub mod result;
pub mod schema;
pub mod servers;
pub mod style;
mod text;

#[cfg(target_arch = "wasm32")]
mod component;

pub use catalog::{Catalog, read};
pub use operation::Operation;
pub use request::{Request, request};
pub use result::{Response, result};

/// What is fuzzed: a document, and the calls of its tools with arguments of all shapes. None may panic or hang.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(catalog) = read(text, "") else { return };
    let args = serde_json::json!({"id": "../x\r\n", "body": {"a": [1, {"b": null}]}, "q": ["a", {"k": "v"}]});
    for entry in catalog.tools.iter().take(32) {
        drop(request(&entry.operation, &args));
        drop(request(&entry.operation, &serde_json::Value::Null));
        for status in [200, 404] {
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            let response = Response { status, headers, body: data.to_vec(), truncated: false };
            drop(result(entry.operation.output, &response));
        }
    }
}
