//! Requests of components over HTTP. Knows no Wasmtime.
//!
//! Each request is judged by the component's grants; the name is resolved once, every address is judged, and the
//! connection goes to one of those that passed. Redirects are not followed: the component makes a new request, and that
//! one is judged. Proxies of the environment are not used, cookies are not kept, answers are not decompressed. HTTP/1.1 and,
//! where TLS negotiates it, HTTP/2; no `h2c`, no upgrades.
//!
//! It stands on hyper's connections, not on reqwest: the address of a connection is judged again by the grant of each
//! request that wants to use it, heads are bounded, and errors are told apart; reqwest's client hides all three.
//!
//! # Layout
//!
//! - [`client`]: [`Outbound`] (one a host) and [`Client`] (one a run): the judgement.
//! - `exchange`: one judged request: secrets, tries, the answer's head. `headers`: what may be sent.
//! - `connect`: addresses, TCP, TLS. `pool`: connections that wait, by owner and origin.
//! - [`body`]: bodies, counted and timed. [`limits`]: the ceilings of a run, and what is left of them.
//! - [`secrets`]: [`Binding`]: a secret, its hosts, its place. [`oauth`]: client credentials.
//! - [`error`]: [`Failure`], and its code in WASI HTTP.

pub mod body;
pub mod client;
mod connect;
pub mod error;
mod exchange;
mod headers;
pub mod limits;
pub mod oauth;
mod pool;
pub mod secrets;

pub use body::{BoxError, ResponseBody};
pub use client::{Client, Outbound, Settings, Times};
pub use connect::{Resolve, SystemResolver};
pub use error::{Failure, HttpLimit, Wait};
pub use limits::{HttpBudget, HttpLimits, HttpSpent};
pub use oauth::{ClientCredentials, OAuthClient};
pub use pool::{Owner, PoolLimits};
pub use rustls::pki_types::CertificateDer;
pub use secrets::{Binding, Place, Provider, Stored};
