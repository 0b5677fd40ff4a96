//! Between the gate and the servers: which server answers a call, how often it is tried, and what is answered from memory.
//!
//! # Layout
//!
//! - [`spec`]: what the configuration says of a server, as far as routing wants to know.
//! - [`backend`]: the servers, as routing needs them: one attempt at a time.
//!
//! Everything here goes by [`tollgate_core::Clock`] and [`tollgate_core::Entropy`]: equal seeds give equal decisions.

pub mod backend;
mod router;
pub mod settings;
pub mod spec;
pub mod status;

pub use backend::{Attempted, Backend, Freshness, List, Member};
pub use router::Router;
pub use settings::{CacheSettings, RouterSettings};
pub use spec::{BreakerPolicy, CachePolicy, ErrorClass, Rate, RetryPolicy, RouteSpec, ToolRoute};
pub use status::{BreakerStatus, CacheStats, LatencyStatus, RouteStatus};
