//! Values that are never shown.

use std::fmt;
use zeroize::Zeroizing;

/// A value that may be secret. It cannot be printed: its `Debug` tells nothing, and it has no `Display` and no
/// `Serialize`. Its memory is overwritten when it is dropped.
///
/// Comparing takes as long as the values are alike: it is for "did it change", not for proving who somebody is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The value itself. Wherever this is called, it leaves our care.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<S: Into<String>> From<S> for Secret {
    fn from(value: S) -> Self {
        Self(Zeroizing::new(value.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
