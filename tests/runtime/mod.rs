//! What the runtime does with components that are good, bad and evil. The guests are real components out of
//! `tests/guests`; what they call is an ordinary [`Caller`](tollgate_core::Caller), not a stand-in for the
//! runtime.

mod adapters;
mod cache;
mod describe;
mod errors;
mod evil;
mod hold;
mod inspect;
mod nesting;
mod support;
mod timer;
mod world;
