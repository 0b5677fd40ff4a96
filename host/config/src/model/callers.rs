//! Rights of callers over HTTP.

use super::{At, Expose, LimitOverrides};
use tollgate_core::Grant;
use tollgate_core::grant::approve::Pattern;

/// One entry of `callers`. What several entries of one principal say adds up.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The caller: the name of a token.
    pub principal: At<String>,
    /// Grants; never more than `serve.grants`.
    pub grants: Vec<At<Grant>>,
    /// Exposed tools; never more than a list in `serve.expose`, and as in `serve` where no entry of the caller says it.
    pub expose: Option<Expose>,
    /// The tools whose calls a person must approve one by one, beside those of `serve.approve`.
    pub approve: Vec<At<Pattern>>,
    /// Ceilings of his runs and calls, and never above the `limits` of the file. Of several the most generous counts.
    pub limits: LimitOverrides,
}
