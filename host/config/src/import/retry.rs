//! `orchestration` and retry policies, as the orchestrators in Python write them.

use super::writer::{Draft, Item};
use super::{Importer, entries};
use crate::diagnostic::quoted;
use crate::read::Key;
use crate::tree::{Node, Value};
use tollgate_core::limits::parse_duration;
use tollgate_route::ErrorClass;

/// The most retries that the parser takes.
const RETRIES_MAX: u64 = 20;
/// A number of seconds above this is one of milliseconds.
const SECONDS_MAX: f64 = 3600.0;

/// What `orchestration`, and a `retry_policy` beside it, say.
pub(super) fn orchestration(importer: &mut Importer<'_>, top: &Node) -> Draft {
    let mut draft = Draft::default();
    let section = Key::Child(&Key::Root, "orchestration");
    if let Some(odd) = top.get("orchestration").filter(|node| !matches!(node.value, Value::Map(_) | Value::Null)) {
        importer.note(odd.line, &section, format!("not carried over: it is {}", odd.kind()), "write a map of keys");
    }
    for (name, child) in top.get("orchestration").map(entries).unwrap_or_default() {
        let key = section.child(name);
        match (name.as_str(), &child.value) {
            ("fail_fast", Value::Bool(word)) => draft.set("fail_fast", Item::Word(word.to_string())),
            ("resource_cache_ttl", Value::Number(_)) => {
                // The orchestrator kept the lists of all servers, and the resources that were read.
                let both =
                    |time: &dyn Fn() -> Item| Item::Map(vec![("lists".into(), time()), ("resources".into(), time())]);
                if child.value.number() == Some(0.0) {
                    draft.set("cache", both(&|| Item::Word("false".into())));
                } else if let Some(time) = importer.time(child, &key) {
                    draft.set("cache", both(&|| time.clone()));
                }
            }
            ("max_retries", Value::Number(_)) => {
                if let Some(most) = retries(importer, child, &key) {
                    let message = "counted attempts to connect there; here it counts repeated calls";
                    importer.note(child.line, &key, message, "the host connects again by itself, as often as it takes");
                    draft.set("retry", Item::Map(vec![("max_retries".into(), most)]));
                }
            }
            ("retry_policy" | "retry", Value::Map(_)) => {
                let policy = policy(importer, child, &key);
                replace(&mut draft, policy);
            }
            ("enable_logging" | "log_level" | "logging", _) => {
                importer.note(
                    child.line,
                    &key,
                    "not carried over",
                    "say it when the host is started: `--log-level debug`",
                );
            }
            _ => importer.note(child.line, &key, "not carried over", "there is no such setting, or not in this form"),
        }
    }
    if let Some(node) = top.get("retry_policy") {
        let key = Key::Child(&Key::Root, "retry_policy");
        let policy = policy(importer, node, &key);
        replace(&mut draft, policy);
    }
    draft
}

/// A policy goes over a number of retries that stood alone. One that says nothing is none.
fn replace(draft: &mut Draft, policy: Vec<(String, Item)>) {
    if !policy.is_empty() {
        draft.remove("retry");
        draft.set("retry", Item::Map(policy));
    }
}

/// A retry policy with its own words.
pub(super) fn policy(importer: &mut Importer<'_>, node: &Node, key: &Key<'_>) -> Vec<(String, Item)> {
    let mut out: Vec<(String, Item)> = Vec::new();
    if !matches!(node.value, Value::Map(_)) {
        importer.note(node.line, key, format!("not carried over: it is {}", node.kind()), "write a map of keys");
    }
    for (name, child) in entries(node) {
        let key = key.child(name);
        let found = match name.as_str() {
            "max_retries" => retries(importer, child, &key).map(|most| ("max_retries", most)),
            "first_delay" | "initial_delay" | "base_delay" | "retry_delay" => {
                importer.time(child, &key).map(|time| ("first_delay", time))
            }
            "max_delay" | "max_backoff" => importer.time(child, &key).map(|time| ("max_delay", time)),
            "backoff_factor" | "backoff_multiplier" => {
                match child.value.number().filter(|n| (1.0..=10.0).contains(n)) {
                    Some(factor) => Some(("backoff_factor", Item::Word(factor.to_string()))),
                    None => {
                        importer.note(child.line, &key, "not carried over", "write a number from 1 to 10");
                        None
                    }
                }
            }
            "jitter" => match child.value {
                Value::Bool(word) => Some(("jitter", Item::Word(word.to_string()))),
                _ => {
                    importer.note(child.line, &key, "not carried over", "write true or false");
                    None
                }
            },
            "retryable_errors" | "on" => classes(importer, child, &key).map(|classes| ("on", classes)),
            _ => {
                importer.note(child.line, &key, "not carried over", "there is no such setting of retries");
                None
            }
        };
        if let Some((name, item)) = found
            && out.iter().all(|(known, _)| known != name)
        {
            out.push((name.to_owned(), item));
        }
    }
    out
}

fn retries(importer: &mut Importer<'_>, node: &Node, key: &Key<'_>) -> Option<Item> {
    let Value::Number(text) = &node.value else {
        importer.note(node.line, key, "not carried over", "write a whole number");
        return None;
    };
    match text.parse::<u64>() {
        Ok(most) if most <= RETRIES_MAX => Some(Item::Word(most.to_string())),
        Ok(_) => {
            let message = format!("{} is more than there can be", quoted(text));
            importer.note(node.line, key, message, format!("{RETRIES_MAX} is written in its place"));
            Some(Item::Word(RETRIES_MAX.to_string()))
        }
        Err(_) => {
            importer.note(node.line, key, "not carried over", "write a whole number");
            None
        }
    }
}

fn classes(importer: &mut Importer<'_>, node: &Node, key: &Key<'_>) -> Option<Item> {
    let Value::List(items) = &node.value else {
        importer.note(node.line, key, "not carried over", "write a list of classes of failures");
        return None;
    };
    let mut classes: Vec<&str> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let word = if let Value::Text(text) = &item.value {
            text.to_ascii_lowercase().replace('-', "_")
        } else {
            String::new()
        };
        match ErrorClass::ALL.into_iter().map(ErrorClass::as_str).find(|known| *known == word) {
            Some(class) if classes.contains(&class) => {}
            Some(class) => classes.push(class),
            None => {
                let known = ErrorClass::ALL.map(ErrorClass::as_str).join(", ");
                importer.note(
                    item.line,
                    &key.index(i),
                    "no class of failures here; not carried over",
                    format!("there is: {known}"),
                );
            }
        }
    }
    let items = classes.into_iter().map(|class| Item::Text(class.to_owned())).collect::<Vec<_>>();
    (!items.is_empty()).then_some(Item::List(items))
}

impl Value {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl Importer<'_> {
    /// A time: a number of seconds, or of milliseconds where that makes sense, or a duration.
    pub(super) fn time(&mut self, node: &Node, key: &Key<'_>) -> Option<Item> {
        if let Value::Text(text) = &node.value
            && parse_duration(text).is_ok_and(|time| !time.is_zero())
        {
            return Some(Item::Text(text.clone()));
        }
        let Some(number) = node.value.number().filter(|n| (0.001..1e12).contains(n)) else {
            self.note(node.line, key, "not carried over", "write a duration, as 30s");
            return None;
        };
        let ms = if number > SECONDS_MAX {
            let message = format!("{number} is taken for milliseconds");
            self.note(node.line, key, message, "write a unit if seconds are meant, as 7200s");
            number
        } else {
            number * 1000.0
        };
        // It is at most 1e12.
        let ms = ms.round() as u64;
        Some(Item::Word(if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }))
    }
}
