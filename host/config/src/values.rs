//! How single values are written: text, paths, durations, names, grants, limits, values to fill in.

use crate::diagnostic::quoted;
use crate::model::{At, Language, LimitOverrides, ToolFilter, ToolSettings};
use crate::read::{Cx, Key, NameRule, Read, Unknown, keys, one_of};
use crate::routing::Settings;
use crate::template::{Template, misplaced};
use crate::tree::{Node, Value};
use serde_json::{Map, json};
use std::path::PathBuf;
use std::time::Duration;
use tollgate_core::limits::{Unit, parse_duration, parse_value};
use tollgate_core::name::check_server_name;
use tollgate_core::{Grant, LimitKind};

/// The longest time for a call or a connection. Longer is a slip, such as milliseconds for seconds.
const TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A number of seconds above this makes a reader doubt that seconds were meant.
const SECONDS_DOUBTFUL: f64 = 3600.0;
pub(crate) const DURATION_PATTERN: &str = r"^\s*([0-9.]+\s*[A-Za-zµ]+\s*)+$";
const NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$";

/// Refuses a `${…}` that someone expects to be filled in where nothing is; in other clients' entries it may be meant.
fn refuse_misplaced(text: &str, node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) {
    let Some((_, found, _)) = misplaced(text) else { return };
    if cx.foreign {
        let help = "only `env` and `headers` are filled in, with `${env:NAME}` and `${secret:NAME}`";
        cx.warn(node.line, key, format!("{} is passed on as it is written", quoted(found)), help);
    } else {
        let help = "`${env:NAME}` and `${secret:NAME}` work in `env` and `headers` only";
        cx.error_help(node.line, key, format!("{} is not filled in here", quoted(found)), help);
    }
}

/// Text that is not empty.
pub(crate) struct Text(pub(crate) String);

impl Read for Text {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        refuse_misplaced(text, node, key, cx);
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"\S"})
    }
}

/// The languages of scripts, by the end of the file's name.
const LANGUAGES: [(&str, Language); 5] = [
    (".js", Language::JavaScript),
    (".mjs", Language::JavaScript),
    (".ts", Language::TypeScript),
    (".mts", Language::TypeScript),
    (".py", Language::Python),
];

/// The language that the end of a script's name tells.
pub(crate) fn of_extension(file: &str, line: u32, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Language> {
    let told = LANGUAGES.iter().find(|(end, _)| file.ends_with(end)).map(|(_, language)| *language);
    if told.is_none() {
        let ends = LANGUAGES.map(|(end, _)| end).join(", ");
        let help = if file.ends_with(".wasm") {
            "a .wasm file is a `component`".to_owned()
        } else {
            format!("its name ends in one of {ends}, or `language` says what it is")
        };
        cx.error_help(line, key, "not a script of a known language", help);
    }
    told
}

/// The names of scripts that tell their language.
pub(crate) fn extension_pattern() -> String {
    let ends = LANGUAGES.map(|(end, _)| end.trim_start_matches('.')).join("|");
    format!(r"\.({ends})$")
}

const LANGUAGE_NAMES: [(&str, Language); 3] =
    [("javascript", Language::JavaScript), ("typescript", Language::TypeScript), ("python", Language::Python)];

impl Read for Language {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let name = one_of(node, key, cx, &LANGUAGE_NAMES.map(|(name, _)| name))?;
        LANGUAGE_NAMES.iter().find(|(known, _)| *known == name).map(|(_, language)| *language)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": LANGUAGE_NAMES.map(|(name, _)| name)})
    }
}

/// Says that of two keys there has to be one.
pub(crate) fn neither_or_both(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>, both: bool, [one, other]: [&str; 2]) {
    if both {
        cx.error_help(node.line, key, format!("has both `{one}` and `{other}`"), "keep one of them");
    } else {
        cx.error_help(node.line, key, format!("has neither `{one}` nor `{other}`"), "add one of them");
    }
}

/// An argument: any text, or a number or boolean as it is written.
pub(crate) struct Argument(pub(crate) String);

impl Read for Argument {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.scalar(node, key)?;
        refuse_misplaced(&text, node, key, cx);
        Some(Self(text))
    }

    fn schema() -> serde_json::Value {
        json!({"type": ["string", "number", "boolean"]})
    }
}

impl Read for Template {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.scalar(node, key)?;
        Template::parse(&text).map_err(|(message, help)| cx.error_help(node.line, key, message, help)).ok()
    }

    fn schema() -> serde_json::Value {
        json!({"type": ["string", "number", "boolean"]})
    }
}

impl Read for PathBuf {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Text(text) = Text::read(node, key, cx)?;
        cx.path(&text, node.line, key)
    }

    fn schema() -> serde_json::Value {
        Text::schema()
    }
}

/// A program: a name to look up, or a path if it has a `/`.
pub(crate) struct Command(pub(crate) PathBuf);

impl Read for Command {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Text(text) = Text::read(node, key, cx)?;
        if text.contains('/') { cx.path(&text, node.line, key).map(Self) } else { Some(Self(text.into())) }
    }

    fn schema() -> serde_json::Value {
        Text::schema()
    }
}

/// An address of a server.
pub(crate) struct Url(pub(crate) http::Uri);

impl Read for Url {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        if text.contains("${") {
            let help = "`${env:NAME}` and `${secret:NAME}` work in `env` and `headers` only";
            cx.error_help(node.line, key, "nothing is filled in in a URL", help);
            return None;
        }
        // A URL may hold a password, so no error repeats it.
        let url = text.parse::<http::Uri>().ok().filter(|url| {
            matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
        });
        match url {
            Some(url) if url.authority().is_some_and(|a| a.as_str().contains('@')) => {
                let help = "put it in `headers`, as `Authorization: Basic ${secret:NAME}`";
                cx.error_help(node.line, key, "a URL may not hold a user or password", help);
                None
            }
            Some(url) => Some(Self(url)),
            None => {
                cx.error(node.line, key, "not a URL of a server: write it whole, as https://example.com/mcp");
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/@$?#]+([/?#][^$]*)?$"})
    }
}

fn duration(text: &str, node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Duration> {
    match parse_duration(text) {
        Ok(duration) => in_range(duration, node, key, cx),
        Err(message) => {
            cx.error(node.line, key, message);
            None
        }
    }
}

fn in_range(duration: Duration, node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Duration> {
    if duration.is_zero() {
        cx.error_help(node.line, key, "a time of zero ends every call", "leave the key out for the default");
        return None;
    }
    if duration > TIMEOUT_MAX {
        cx.error_help(node.line, key, "longer than 7 days", "a number without a unit is seconds");
        return None;
    }
    Some(duration)
}

/// A time that other clients write as a number of seconds.
pub(crate) struct Seconds(pub(crate) Duration);

impl Read for Seconds {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let seconds = match &node.value {
            Value::Text(text) => return duration(text, node, key, cx).map(Self),
            Value::Number(number) => number.parse::<f64>().unwrap_or(f64::NAN),
            _ => {
                cx.expected(node, key, "a number of seconds or a duration, as 30s");
                return None;
            }
        };
        let Ok(duration) = Duration::try_from_secs_f64(seconds.min(TIMEOUT_MAX.as_secs_f64() + 1.0)) else {
            cx.error(node.line, key, "not a number of seconds: write 30 or a duration, as 30s");
            return None;
        };
        if seconds > SECONDS_DOUBTFUL && duration <= TIMEOUT_MAX {
            cx.warn(node.line, key, format!("{seconds} is in seconds"), "write a unit to say so: 30s, 500ms, 2h");
        }
        in_range(duration, node, key, cx).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": TIMEOUT_MAX.as_secs()},
            {"type": "string", "pattern": DURATION_PATTERN},
        ]})
    }
}

/// A time with its unit.
impl Read for Duration {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => duration(text, node, key, cx),
            _ => {
                cx.expected(node, key, "a duration, as 30s");
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": DURATION_PATTERN})
    }
}

/// Which server of a domain is asked first.
pub(crate) struct Priority(pub(crate) u16);

impl Read for Priority {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Value::Number(number) = &node.value else {
            cx.expected(node, key, "a number from 1 to 999");
            return None;
        };
        let priority = number.parse().ok().filter(|n| (1..=999).contains(n)).map(Self);
        if priority.is_none() {
            cx.error(node.line, key, format!("{} is not a whole number from 1 to 999", quoted(number)));
        }
        priority
    }

    fn schema() -> serde_json::Value {
        json!({"type": "integer", "minimum": 1, "maximum": 999})
    }
}

impl Read for Grant {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        let parsed =
            text.parse().map_err(|error: tollgate_core::GrantError| cx.error(node.line, key, error.to_string()));
        let grant: Self = parsed.ok()?;
        if let Some(doubt) = grant.doubt() {
            cx.warn(node.line, key, doubt, "name those that you mean");
        }
        Some(grant)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"\S", "examples": ["crm:*", "tool=crm:get_*", "read-only", "http=https://api.example.com/v1/*!GET"]})
    }
}

/// A key that other clients have and that has no meaning here.
pub(crate) struct Ignored;

impl Read for Ignored {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.warn(node.line, key, "ignored", "what may be called is decided by grants");
        Some(Self)
    }

    fn schema() -> serde_json::Value {
        json!({})
    }
}

/// Patterns of tool names; at least one, because nobody could tell whether none means all or none.
struct Patterns(Vec<String>);

impl Read for Patterns {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let patterns = Vec::<Text>::read(node, key, cx)?;
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            let help = "leave it out to allow all tools, or write `deny: [\"*\"]` to allow none";
            cx.error_help(node.line, key, "is an empty list", help);
        }
        Some(Self(patterns.into_iter().map(|text| text.0).collect()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": Text::schema(), "minItems": 1})
    }
}

keys! {
    /// Which tools of the server exist, and whether they may change; patterns have `*` and `?`.
    struct FilterKeys {
        /// Only these.
        allow "allow": Patterns,
        /// Not these, even if they are allowed.
        deny "deny": Patterns,
        /// Keeps a tool from being used that is new, or changed, since it was approved.
        pin "pin": bool,
        /// What differs for the tools that match a pattern; the first that matches counts.
        settings "settings": Settings,
    }
}

/// The `tools` of a server: the filter, and what differs for some of those that it admits.
#[derive(Default)]
pub(crate) struct Tools(pub(crate) ToolFilter, pub(crate) Vec<(At<String>, ToolSettings)>);

impl Read for Tools {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        // Some clients write the list of what is allowed and nothing else.
        let keys = match &node.value {
            Value::List(_) => FilterKeys { allow: crate::read::at(node, key, cx), ..FilterKeys::default() },
            _ => FilterKeys::read_keys(node, key, cx, Unknown::Refuse)?,
        };
        let texts = |patterns: Option<At<Patterns>>| patterns.map(|p| p.value.0).unwrap_or_default();
        let pin = keys.pin.is_some_and(|pin| pin.value);
        let settings = keys.settings.map(|settings| settings.value.0.entries).unwrap_or_default();
        Some(Self(ToolFilter { allow: texts(keys.allow), deny: texts(keys.deny), pin }, settings))
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [Patterns::schema(), FilterKeys::schema_of_keys()]})
    }
}

/// Why a limit cannot be zero, if it cannot. No calls, no log and no tables are things to want.
fn zero_reason(kind: LimitKind) -> Option<&'static str> {
    match kind {
        LimitKind::Calls
        | LimitKind::LogBytes
        | LimitKind::TableElements
        | LimitKind::HttpRequests
        | LimitKind::HttpSentBytes
        | LimitKind::StateRequests
        | LimitKind::ModelCalls
        | LimitKind::Questions => None,
        LimitKind::ModelTokens => Some("no model could be asked; `model_calls: 0` says that"),
        LimitKind::HttpAtOnce | LimitKind::HttpReceivedBytes => {
            Some("no request could be made; `http_requests: 0` says that")
        }
        LimitKind::CallsAtOnce | LimitKind::CallBytesIn | LimitKind::CallBytesOut => {
            Some("no call could be made; `calls: 0` says that")
        }
        LimitKind::OutputBytes => Some("no run could answer"),
        LimitKind::Fuel
        | LimitKind::Timeout
        | LimitKind::Memory
        | LimitKind::HostMemory
        | LimitKind::Depth
        | LimitKind::Instances => Some("nothing could run"),
    }
}

impl Read for LimitOverrides {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let mut limits = Vec::new();
        for (name, child) in cx.entries(node, key)? {
            let key = key.child(name);
            let Some(&kind) = LimitKind::ALL.iter().find(|kind| kind.name() == name) else {
                let known: Vec<_> = LimitKind::ALL.iter().map(|kind| kind.name()).collect();
                cx.unknown(child.line, &key, &known, Unknown::Refuse);
                continue;
            };
            let (Value::Text(text) | Value::Number(text)) = &child.value else {
                let what = match kind.unit() {
                    Unit::Count => "a count, as 1000",
                    Unit::Bytes => "a size, as 64MiB",
                    Unit::Millis => "a duration, as 30s",
                };
                cx.expected(child, &key, what);
                continue;
            };
            match (parse_value(kind.unit(), text), zero_reason(kind)) {
                (Ok(0), Some(reason)) => cx.error(child.line, &key, format!("cannot be zero: {reason}")),
                (Ok(value), _) => limits.push((kind, At { line: child.line, value })),
                (Err(message), _) => cx.error(child.line, &key, message),
            }
        }
        Some(Self(limits))
    }

    fn schema() -> serde_json::Value {
        json!({"$ref": "#/$defs/limits"})
    }
}

/// The schema of `limits`, made from the table of limits.
pub(crate) fn limits_schema() -> serde_json::Value {
    let one = |kind: LimitKind| {
        let minimum = u64::from(zero_reason(kind).is_some());
        let number = json!({"type": "integer", "minimum": minimum});
        let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
        let mut schema = match kind.unit() {
            Unit::Count if minimum == 1 => json!({"anyOf": [number, text("^[0-9_]*[1-9][0-9_]*$")]}),
            Unit::Count => json!({"anyOf": [number, text("^_*[0-9][0-9_]*$")]}),
            Unit::Bytes => json!({"anyOf": [number, text(r"^\s*[0-9.]+\s*([kKmMgGtTpPeE]?[iI]?[bB]?)\s*$")]}),
            Unit::Millis => text(DURATION_PATTERN),
        };
        let default = tollgate_core::Limits::default().get(kind);
        let default = tollgate_core::limits::format_value(kind.unit(), default);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert(
                "description".into(),
                format!("{}; also {}. Default: {default}.", kind.about(), kind.flag()).into(),
            );
        }
        (kind.name().to_owned(), schema)
    };
    let properties: Map<_, _> = LimitKind::ALL.iter().map(|kind| one(*kind)).collect();
    json!({"type": "object", "description": "Ceilings of one run.", "properties": properties, "additionalProperties": false})
}

/// The name of a policy or secret.
pub(crate) struct Name;

impl NameRule for Name {
    const PATTERN: &str = NAME_PATTERN;

    fn check(name: &str) -> Result<(), String> {
        check_server_name(name).map_err(|_| {
            "not a name: use 1 to 64 letters, digits, `_`, `-` or `.`, and begin with a letter or digit".into()
        })
    }
}

/// The name of an environment variable.
pub(crate) struct VariableName;

impl NameRule for VariableName {
    const PATTERN: &str = "^[^=]+$";

    fn check(name: &str) -> Result<(), String> {
        let ok = !name.is_empty() && !name.contains(['=', '\0']);
        if ok { Ok(()) } else { Err("not the name of an environment variable".into()) }
    }
}

/// The name of a header.
pub(crate) struct HeaderName;

impl NameRule for HeaderName {
    const PATTERN: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

    fn check(name: &str) -> Result<(), String> {
        http::HeaderName::from_bytes(name.as_bytes()).map(|_| ()).map_err(|_| "not the name of a header".into())
    }
}
