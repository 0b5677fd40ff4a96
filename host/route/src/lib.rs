//! Between the gate and the servers: which server answers a call, how often it is tried, and what is answered from memory.
//!
//! # Layout
//!
//! - [`spec`]: what the configuration says of a server, as far as routing wants to know. [`settings`]: what it says of all.
//! - [`backend`]: the servers, as routing needs them: one attempt at a time.
//! - [`Router`]: all of it, as the gate's `Upstream`. `resolve`: which servers a call may go to. `course`: from
//!   `target` to target, attempt after attempt. `servers`: what is remembered of each, which is `limits` (calls at once, rate),
//!   `breaker`, `retry` (delays, retry budget) and `stats`.
//! - `cache`: answers that are kept, and equal requests that are made once.
//! - [`status`]: what is told of all this.
//! - `classify`: what kind of failure an error is. `trace`: which span an attempt is.
//!
//! Everything here goes by [`tollgate_core::Clock`] and [`tollgate_core::Entropy`]: equal seeds give equal decisions.

pub mod backend;
mod breaker;
mod cache;
mod classify;
mod course;
mod limits;
mod resolve;
mod retry;
mod router;
mod servers;
pub mod settings;
pub mod spec;
mod stats;
pub mod status;
mod target;
mod trace;

pub use backend::{Attempted, Backend, Freshness, List, Member};
pub use limits::WAIT_MAX;
pub use router::Router;
pub use settings::{CacheSettings, RouterSettings};
pub use spec::{BreakerPolicy, CachePolicy, ErrorClass, Rate, RetryPolicy, RouteSpec, ToolRoute};
pub use status::{BreakerStatus, CacheStats, LatencyStatus, RouteStatus};
