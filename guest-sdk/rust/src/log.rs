//! Lines for the run's log, and how far the run is.
//!
//! ```no_run
//! use tollgate_sdk::log;
//!
//! log::info!("{} customers found", 3);
//! ```

use std::fmt;

use crate::bindings::policy::tollgate::log::log as wit;
use crate::host;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes one line to the run's log. What is over the limit `log-bytes` is dropped.
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    let level = match level {
        Level::Trace => wit::Level::Trace,
        Level::Debug => wit::Level::Debug,
        Level::Info => wit::Level::Info,
        Level::Warn => wit::Level::Warn,
        Level::Error => wit::Level::Error,
    };
    host::log(level, &line.to_string());
}

/// Says how far the run is: `done` of `total`, in a unit of your own, and what it does now. Shown to the
/// caller at once, where the caller listens. An empty message is left out.
pub fn progress(done: f64, total: impl Into<Option<f64>>, message: &str) {
    host::progress(done, total.into(), Some(message).filter(|message| !message.is_empty()));
}

/// Writes a line of level debug, with arguments as in [`format!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($line:tt)*) => { $crate::log::write($crate::log::Level::Debug, ::std::format_args!($($line)*)) };
}

/// Writes a line of level info, with arguments as in [`format!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($line:tt)*) => { $crate::log::write($crate::log::Level::Info, ::std::format_args!($($line)*)) };
}

/// Writes a line of level warn, with arguments as in [`format!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($line:tt)*) => { $crate::log::write($crate::log::Level::Warn, ::std::format_args!($($line)*)) };
}

/// Writes a line of level error, with arguments as in [`format!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($line:tt)*) => { $crate::log::write($crate::log::Level::Error, ::std::format_args!($($line)*)) };
}

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __warn as warn};
