//! Numbers and times between two bounds.

use crate::diagnostic::quoted;
use crate::read::{Cx, Key, Read};
use crate::tree::{Node, Value};
use crate::values::DURATION_PATTERN;
use serde_json::json;
use std::time::Duration;
use tollgate_core::limits::{Unit, format_value, parse_bytes, parse_duration};

/// A whole number from `MIN` to `MAX`.
pub(crate) struct Whole<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Read for Whole<MIN, MAX> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Value::Number(number) = &node.value else {
            cx.expected(node, key, &format!("a number from {MIN} to {MAX}"));
            return None;
        };
        let whole = number.parse().ok().filter(|n| (MIN..=MAX).contains(n)).map(Self);
        if whole.is_none() {
            cx.error(node.line, key, format!("{} is not a whole number from {MIN} to {MAX}", quoted(number)));
        }
        whole
    }

    fn schema() -> serde_json::Value {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

/// A time with its unit, from `MIN` to `MAX` milliseconds.
pub(crate) struct Time<const MIN: u64, const MAX: u64>(pub(crate) Duration);

pub(crate) const SECOND: u64 = 1000;
pub(crate) const HOUR: u64 = 3600 * SECOND;
pub(crate) const DAY: u64 = 24 * HOUR;

impl<const MIN: u64, const MAX: u64> Read for Time<MIN, MAX> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let (Value::Text(text) | Value::Number(text)) = &node.value else {
            cx.expected(node, key, "a duration, as 30s");
            return None;
        };
        match parse_duration(text) {
            Ok(time) if (Duration::from_millis(MIN)..=Duration::from_millis(MAX)).contains(&time) => Some(Self(time)),
            Ok(_) => {
                let (least, most) = (spoken(MIN), spoken(MAX));
                cx.error(node.line, key, format!("{} is not from {least} to {most}", quoted(text)));
                None
            }
            Err(message) => {
                cx.error(node.line, key, message);
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": DURATION_PATTERN})
    }
}

fn spoken(ms: u64) -> String {
    match ms {
        ms if ms.is_multiple_of(DAY) && ms > DAY => format!("{} days", ms / DAY),
        ms if ms.is_multiple_of(HOUR) => format!("{}h", ms / HOUR),
        ms => format_value(Unit::Millis, ms),
    }
}

/// A size with its unit, from `MIN` to `MAX` bytes.
pub(crate) struct Bytes<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Read for Bytes<MIN, MAX> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let (Value::Text(text) | Value::Number(text)) = &node.value else {
            cx.expected(node, key, "a size, as 64MiB");
            return None;
        };
        match parse_bytes(text) {
            Ok(size) if (MIN..=MAX).contains(&size) => Some(Self(size)),
            Ok(_) => {
                let (least, most) = (format_value(Unit::Bytes, MIN), format_value(Unit::Bytes, MAX));
                cx.error(node.line, key, format!("{} is not from {least} to {most}", quoted(text)));
                None
            }
            Err(message) => {
                cx.error(node.line, key, message);
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        let number = json!({"type": "integer", "minimum": MIN, "maximum": MAX});
        json!({"anyOf": [number, {"type": "string", "pattern": r"^\s*[0-9.]+\s*([kKmMgGtTpPeE]?[iI]?[bB]?)\s*$"}]})
    }
}
