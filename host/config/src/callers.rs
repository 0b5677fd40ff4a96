//! The key `callers`: rights of callers over HTTP.

use crate::diagnostic::{Diagnostic, quoted};
use crate::model::{At, Caller, Config, Expose, LimitOverrides};
use crate::policy::Approve;
use crate::read::{Cx, Key, Read, Unknown, keys, suggest};
use crate::serve::PrincipalName;
use crate::tree::Node;
use serde_json::json;
use tollgate_core::limits::format_value;
use tollgate_core::{Grant, Grants};

/// The most entries.
const CALLERS_MAX: usize = 10_000;
/// The most entries that are held against tokens and `serve`, so that a hostile file costs little.
const MAX_COMPARED: usize = 200;

keys! {
    /// Rights of one caller. Entries of one principal add up; a caller without an entry has nothing.
    struct CallerKeys {
        /// The caller: the name of a token.
        principal "principal": PrincipalName,
        /// Grants, as `crm:*` or `read-only`; none unless given, and never more than `serve.grants`.
        grants "grants": Vec<At<Grant>>,
        /// Exposed tools, as in `serve`, and never more than a list there; a list is shown directly. Default: as in `serve`.
        expose "expose": Expose,
        /// The tools whose calls a person must approve one by one, beside those of `serve.approve`.
        approve "approve": Approve,
        /// Limits of his runs and calls, never above those of the file; of several the most generous counts.
        limits "limits": LimitOverrides,
    }
}

/// All entries.
pub(crate) struct Callers(pub(crate) Vec<Caller>);

impl Read for Callers {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let items = cx.items(node, key)?;
        if items.len() > CALLERS_MAX {
            cx.error(node.line, key, format!("has more than {CALLERS_MAX} entries"));
            return None;
        }
        Vec::read(node, key, cx).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": Caller::schema(), "maxItems": CALLERS_MAX})
    }
}

impl Read for Caller {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = CallerKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        if node.get("principal").is_none() {
            let help = "write the name of a token: `- principal: ada`";
            cx.error_help(node.line, key, "does not say whose it is", help);
        }
        let principal = keys.principal?;
        Some(Self {
            principal: At { line: principal.line, value: principal.value.0 },
            grants: keys.grants.map(|grants| grants.value).unwrap_or_default(),
            expose: keys.expose.map(|expose| expose.value),
            approve: keys.approve.map(|approve| approve.value.0).unwrap_or_default(),
            limits: keys.limits.map(|limits| limits.value).unwrap_or_default(),
        })
    }

    fn schema() -> serde_json::Value {
        let mut schema = CallerKeys::schema_of_keys();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("required".into(), json!(["principal"]));
        }
        schema
    }
}

/// Warns of entries that do not say what their author may think: nobody comes with the name, or `serve` and `limits` allow
/// less. Flags of `tollgate serve` may say otherwise, so they are no errors.
pub(crate) fn warn_of_callers(config: &Config, cx: &mut Cx<'_>) {
    let tokens: Vec<&str> = config.serve.http.tokens.iter().map(|token| token.name.as_str()).collect();
    let most: Grants = match &config.serve.grants {
        Some(grants) => grants.iter().map(|grant| grant.value.clone()).collect(),
        None => Grants::all(),
    };
    let mut warn = |line: u32, key: String, message: String, help: String| {
        cx.warnings.push(Diagnostic::at(cx.file, line, key, message).help(help));
    };
    for (i, caller) in config.callers.iter().flatten().enumerate().take(MAX_COMPARED) {
        let At { line, value: name } = &caller.principal;
        if !tokens.is_empty() && tokens.len() <= MAX_COMPARED && !tokens.contains(&name.as_str()) {
            let help = match suggest(name, &tokens) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is: {}", tokens.join(", ")),
            };
            warn(*line, format!("callers[{i}].principal"), format!("no token is named {}", quoted(name)), help);
        }
        for (at, grant) in caller.grants.iter().enumerate().take(MAX_COMPARED) {
            if most.iter().all(|most| most.kind() != grant.value.kind()) {
                let kind = grant.value.kind().as_str();
                let message = format!("gives nothing: `serve.grants` has no grant of kind {kind}");
                let help = match &config.serve.grants {
                    Some(_) => format!("add `{}` to `serve.grants`", grant.value),
                    None => format!(
                        "without `serve.grants` there are tools, resources and prompts; write it, with `{}`",
                        grant.value
                    ),
                };
                warn(grant.line, format!("callers[{i}].grants[{at}]"), message, help);
            }
        }
        for (kind, value) in &caller.limits.0 {
            let file = config.limits.0.iter().find(|(own, _)| own == kind).map(|(_, value)| value.value);
            let file = file.unwrap_or_else(|| tollgate_core::Limits::default().get(*kind));
            if value.value > file {
                let message = format!("is above the file's own, {}", format_value(kind.unit(), file));
                let help = format!("raise `limits.{}` too", kind.name());
                warn(value.line, format!("callers[{i}].limits.{}", kind.name()), message, help);
            }
        }
    }
}
