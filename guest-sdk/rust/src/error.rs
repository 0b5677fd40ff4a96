//! A policy's or a tool's own error.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::CallFailure;
use crate::ask::AskError;
use crate::bindings::types as wit;
use crate::model::ModelError;
use crate::state::StateError;

/// What a policy or a tool returns, unless it names another error type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a policy or a tool fails: a message for people and, where it helps, a code and data for programs.
///
/// `?` makes one from every [`std::error::Error`]. A [`CallFailure`] among its sources is kept as the
/// cause, and the status of the run follows it. One of another interface sets the code, to `model`, `ask`, `state`
/// or `http`.
///
/// Like other error types with that conversion, it is not itself a [`std::error::Error`].
///
/// ```
/// # use tollgate_sdk::Error;
/// let error = Error::new("no customer has this e-mail").code("customer-not-found");
/// assert_eq!(error.to_string(), "no customer has this e-mail");
/// ```
// Boxed, so that a `Result` in every call frame stays small.
#[derive(Debug)]
pub struct Error(Box<Parts>);

#[derive(Debug)]
struct Parts {
    message: String,
    code: Option<String>,
    data: Option<Value>,
    cause: Option<CallFailure>,
}

impl Error {
    /// An error with this message. Say what happened, where, and what to do next.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts { message: message.into(), code: None, data: None, cause: None }))
    }

    /// Sets a stable word for programs, as `customer-not-found`.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Sets details for programs. What cannot be written as JSON is left out.
    pub fn data(mut self, data: impl Serialize) -> Self {
        self.0.data = serde_json::to_value(data).ok();
        self
    }

    /// Sets the failed call that led here.
    pub fn caused_by(mut self, failure: CallFailure) -> Self {
        self.0.cause = Some(failure);
        self
    }

    /// The failed call that led here, if one did.
    pub fn cause(&self) -> Option<&CallFailure> {
        self.0.cause.as_ref()
    }

    /// The same error, its message preceded by where it happened.
    pub(crate) fn prefixed(mut self, place: &str) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    pub(crate) fn into_policy_error(self) -> wit::PolicyError {
        let Parts { message, code, data, cause } = *self.0;
        wit::PolicyError { message, code, data: data.map(|data| data.to_string()), caused_by: cause.map(Into::into) }
    }

    pub(crate) fn into_tool_error(self) -> wit::ToolError {
        match self.0.cause {
            Some(failure) => wit::ToolError::CallFailed(failure.into()),
            None => wit::ToolError::Failed(self.0.message),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = None;
        let mut code = None;
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(error) = next {
            if let Some(failure) = error.downcast_ref::<CallFailure>() {
                cause = Some(failure.clone());
                code = Some(failure.error.kind());
            } else if error.is::<ModelError>() {
                code = Some("model");
            } else if error.is::<AskError>() {
                code = Some("ask");
            } else if error.is::<StateError>() {
                code = Some("state");
            }
            #[cfg(feature = "http")]
            if error.is::<crate::http::Error>() {
                code = Some("http");
            }
            // Some errors repeat their source in their own message, some leave it out.
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            next = error.source();
        }
        Self(Box::new(Parts { message, code: code.map(str::to_owned), data: None, cause }))
    }
}

/// Returns an [`Error`](crate::Error) from the function, with a message as in [`format!`].
///
/// ```
/// # use tollgate_sdk::prelude::*;
/// fn half(n: u32) -> Result<u32> {
///     if n % 2 == 1 {
///         bail!("{n} is odd");
///     }
///     Ok(n / 2)
/// }
/// assert_eq!(half(3).unwrap_err().to_string(), "3 is odd");
/// ```
#[macro_export]
macro_rules! bail {
    ($($message:tt)*) => {
        return ::core::result::Result::Err($crate::Error::new(::std::format!($($message)*)).into())
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CallError;

    #[derive(Debug)]
    struct Wrapped(CallFailure);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot bill")
        }
    }

    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    fn failure() -> CallFailure {
        CallFailure::unsent("payments", "get_invoice", CallError::Overloaded)
    }

    #[test]
    fn a_failed_call_becomes_the_cause() {
        let error = Error::from(failure()).into_policy_error();
        assert_eq!(error.code.as_deref(), Some("overloaded"));
        assert_eq!(error.caused_by.map(CallFailure::from), Some(failure()));
    }

    #[test]
    fn a_failed_call_is_found_behind_other_errors() {
        let error = Error::from(Wrapped(failure()));
        assert_eq!(error.cause(), Some(&failure()));
        assert!(error.to_string().starts_with("cannot bill: payments:get_invoice: "), "{error}");
    }

    #[test]
    fn a_tool_passes_a_failed_call_on() {
        let error = Error::from(failure()).into_tool_error();
        assert!(matches!(error, wit::ToolError::CallFailed(_)));
        let error = Error::new("no such invoice").into_tool_error();
        assert!(matches!(error, wit::ToolError::Failed(message) if message == "no such invoice"));
    }

    #[test]
    fn an_error_of_another_interface_has_its_code() {
        let error = Error::from(ModelError::Unavailable("none is configured".into())).into_policy_error();
        assert_eq!(error.code.as_deref(), Some("model"));
        assert_eq!(error.message, "no model is available: none is configured");
        assert_eq!(Error::from(AskError::Cancelled).into_policy_error().code.as_deref(), Some("ask"));
        assert_eq!(Error::from(StateError::Overloaded).into_policy_error().code.as_deref(), Some("state"));
    }

    #[test]
    fn any_error_converts() {
        fn parse(text: &str) -> Result<u32> {
            Ok(text.parse()?)
        }
        assert_eq!(parse("x").unwrap_err().to_string(), "invalid digit found in string");
    }
}
