//! What a component keeps from one run to the next: JSON documents by key. Needs a grant `state`, or `state=PREFIX*` for the
//! keys that begin so.
//!
//! ```no_run
//! use tollgate_sdk::prelude::*;
//! use tollgate_sdk::state;
//!
//! /// Counts how often it is called.
//! #[policy(grants = ["state=count"])]
//! async fn count() -> Result<u64> {
//!     Ok(state::update("count", |count: Option<u64>| count.unwrap_or(0) + 1).await?)
//! }
//! # fn main() {}
//! ```
//!
//! Several runs may change a key at once: [`update`] loses none of their changes, [`set`] may. A function that is not
//! `async` has [`blocking`].

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::policy::tollgate::state::state_types as wit;
use crate::host::state as host;

/// A value of a key: it grows with every change and is never given twice.
pub type Version = u64;

/// What a key has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// The value.
    pub value: T,
    /// Its version, for [`Expected::Version`].
    pub version: Version,
}

/// What must be there for [`set_if`] to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is is replaced.
    Any,
    /// There is no such key yet.
    Absent,
    /// The key has this version: nobody has changed it since it was read.
    Version(Version),
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key.
    pub key: String,
    /// Its version.
    pub version: Version,
    /// Bytes of its value, as JSON.
    pub size: u64,
}

/// A part of the list of keys, in the order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// Where there are more: what to give as `after` to get them.
    pub next: Option<String>,
}

/// Why nothing was done. None ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// There is no grant for the key or prefix. Ask for the grant; do not retry.
    Denied(String),
    /// The text is no key.
    InvalidKey(String),
    /// The value is not JSON, or what is kept is none of the type that was asked for.
    InvalidValue(String),
    /// The value is over the limit for one.
    TooLarge(String),
    /// The component has as many keys, or as many bytes, as it may. Delete some.
    OverQuota(String),
    /// The key is not as expected: its version now, none if it is not there. Read it and decide anew.
    Conflict(Option<Version>),
    /// The host has no room for this request now. Retry after a pause.
    Overloaded,
    /// The store cannot be used, or the run made as many requests to it as it may; an operator must help.
    Unavailable(String),
}

impl StateError {
    /// The case's name as in the WIT: `over-quota`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::InvalidKey(_) => "invalid-key",
            Self::InvalidValue(_) => "invalid-value",
            Self::TooLarge(_) => "too-large",
            Self::OverQuota(_) => "over-quota",
            Self::Conflict(_) => "conflict",
            Self::Overloaded => "overloaded",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why)
            | Self::InvalidKey(why)
            | Self::InvalidValue(why)
            | Self::TooLarge(why)
            | Self::OverQuota(why)
            | Self::Unavailable(why) => f.write_str(why),
            Self::Conflict(Some(version)) => write!(f, "the key was changed meanwhile: its version is {version} now"),
            Self::Conflict(None) => f.write_str("the key is not as expected: it is not there"),
            Self::Overloaded => f.write_str("the host's state store is busy; try again after a pause"),
        }
    }
}

impl std::error::Error for StateError {}

/// What a key has, read as a `T`, if it is there.
///
/// # Errors
/// See [`StateError`].
pub async fn get<T: DeserializeOwned>(key: &str) -> Result<Option<Entry<T>>, StateError> {
    read(key, host::get(key.to_owned()).await)
}

/// Sets a key, whatever it has, and tells its new version. The value is on the host's disk when this returns.
///
/// # Errors
/// See [`StateError`].
pub async fn set(key: &str, value: impl Serialize) -> Result<Version, StateError> {
    set_if(key, value, Expected::Any).await
}

/// Sets a key if it is as expected, and tells its new version.
///
/// # Errors
/// [`StateError::Conflict`] if it is not.
pub async fn set_if(key: &str, value: impl Serialize, expected: Expected) -> Result<Version, StateError> {
    let value = written(key, value)?;
    Ok(host::set(key.to_owned(), value, expected.into()).await?)
}

/// Changes a key by a function of what it has, and tells what it has then. Where another run changes the key meanwhile,
/// the function is called again with what is there by then, up to 100 times.
///
/// # Errors
/// [`StateError::Conflict`] if others were always faster.
pub async fn update<T: Serialize + DeserializeOwned>(
    key: &str,
    mut change: impl FnMut(Option<T>) -> T,
) -> Result<T, StateError> {
    let mut tries = 1;
    loop {
        let (before, expected) = before(get(key).await?);
        let value = change(before);
        match set_if(key, &value, expected).await {
            Ok(_) => return Ok(value),
            Err(StateError::Conflict(_)) if tries < UPDATE_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Deletes a key, whatever it has. Tells whether it was there.
///
/// # Errors
/// See [`StateError`].
pub async fn delete(key: &str) -> Result<bool, StateError> {
    Ok(host::delete(key.to_owned(), None).await?)
}

/// Deletes a key if it has this version.
///
/// # Errors
/// [`StateError::Conflict`] if it has not.
pub async fn delete_if(key: &str, expected: Version) -> Result<(), StateError> {
    host::delete(key.to_owned(), Some(expected)).await?;
    Ok(())
}

/// The keys that begin with a prefix (all where it is empty) and come after a key, 1,000 at most.
///
/// # Errors
/// See [`StateError`].
pub async fn list(prefix: &str, after: Option<&str>) -> Result<Page, StateError> {
    Ok(host::list_keys(prefix.to_owned(), after.map(str::to_owned), None).await?.into())
}

const UPDATE_TRIES: u32 = 100;

fn before<T>(found: Option<Entry<T>>) -> (Option<T>, Expected) {
    match found {
        Some(Entry { value, version }) => (Some(value), Expected::Version(version)),
        None => (None, Expected::Absent),
    }
}

fn read<T: DeserializeOwned>(
    key: &str,
    answer: Result<Option<wit::Entry>, wit::StateError>,
) -> Result<Option<Entry<T>>, StateError> {
    let Some(wit::Entry { value, version }) = answer? else { return Ok(None) };
    match serde_json::from_str(&value) {
        Ok(value) => Ok(Some(Entry { value, version })),
        Err(error) => Err(StateError::InvalidValue(format!("what `{key}` has cannot be read as this type: {error}"))),
    }
}

fn written(key: &str, value: impl Serialize) -> Result<String, StateError> {
    serde_json::to_string(&value)
        .map_err(|error| StateError::InvalidValue(format!("the value of `{key}` cannot be written as JSON: {error}")))
}

impl From<Expected> for wit::Expected {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Any => Self::Any,
            Expected::Absent => Self::Absent,
            Expected::Version(version) => Self::Version(version),
        }
    }
}

impl From<wit::Page> for Page {
    fn from(page: wit::Page) -> Self {
        let info = |wit::KeyInfo { key, version, size }| KeyInfo { key, version, size };
        Self { keys: page.keys.into_iter().map(info).collect(), next: page.next }
    }
}

impl From<wit::StateError> for StateError {
    fn from(error: wit::StateError) -> Self {
        use wit::StateError as W;
        match error {
            W::Denied(why) => Self::Denied(why),
            W::InvalidKey(why) => Self::InvalidKey(why),
            W::InvalidValue(why) => Self::InvalidValue(why),
            W::TooLarge(why) => Self::TooLarge(why),
            W::OverQuota(why) => Self::OverQuota(why),
            W::Conflict(version) => Self::Conflict(version),
            W::Overloaded => Self::Overloaded,
            W::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// The same for functions that are not `async`.
pub mod blocking {
    use super::{
        DeserializeOwned, Entry, Expected, Page, Serialize, StateError, UPDATE_TRIES, Version, before, read, written,
    };
    use crate::host::blocking::state as host;

    /// As [`super::get`].
    ///
    /// # Errors
    /// Those of [`super::get`].
    pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<Entry<T>>, StateError> {
        read(key, host::get(key))
    }

    /// As [`super::set`].
    ///
    /// # Errors
    /// Those of [`super::set`].
    pub fn set(key: &str, value: impl Serialize) -> Result<Version, StateError> {
        set_if(key, value, Expected::Any)
    }

    /// As [`super::set_if`].
    ///
    /// # Errors
    /// Those of [`super::set_if`].
    pub fn set_if(key: &str, value: impl Serialize, expected: Expected) -> Result<Version, StateError> {
        Ok(host::set(key, &written(key, value)?, expected.into())?)
    }

    /// As [`super::update`].
    ///
    /// # Errors
    /// Those of [`super::update`].
    pub fn update<T: Serialize + DeserializeOwned>(
        key: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, StateError> {
        let mut tries = 1;
        loop {
            let (before, expected) = before(get(key)?);
            let value = change(before);
            match set_if(key, &value, expected) {
                Ok(_) => return Ok(value),
                Err(StateError::Conflict(_)) if tries < UPDATE_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`super::delete`].
    ///
    /// # Errors
    /// Those of [`super::delete`].
    pub fn delete(key: &str) -> Result<bool, StateError> {
        Ok(host::delete(key, None)?)
    }

    /// As [`super::delete_if`].
    ///
    /// # Errors
    /// Those of [`super::delete_if`].
    pub fn delete_if(key: &str, expected: Version) -> Result<(), StateError> {
        host::delete(key, Some(expected))?;
        Ok(())
    }

    /// As [`super::list`].
    ///
    /// # Errors
    /// Those of [`super::list`].
    pub fn list(prefix: &str, after: Option<&str>) -> Result<Page, StateError> {
        Ok(host::list_keys(prefix, after, None)?.into())
    }
}
