//! Checks of JSON text that comes from outside.

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;
use std::fmt;

/// Checks that a text is one JSON document (RFC 8259) that nests no deeper than 128. Builds nothing.
///
/// # Errors
/// serde_json's, with line and column.
pub fn check(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<Walked>(text).map(drop)
}

/// The document without the space between its parts, every part as it was written: what a person is shown of it, and what is
/// bound to their answer.
///
/// # Errors
/// serde_json's, also where an object has a member twice: readers differ in which of them counts.
pub fn unambiguous(text: &str) -> Result<String, serde_json::Error> {
    serde_json::from_str::<Once>(text)?;
    let mut compact = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string || !matches!(c, ' ' | '\n' | '\r' | '\t') {
            compact.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    Ok(compact)
}

/// The bytes of a value in a tree: a list grows by doubling, so there is room for twice as many.
const VALUE_BYTES: usize = 2 * size_of::<serde_json::Value>();
/// The bytes of a list beside its values: the first has room for three more.
const LIST_BYTES: usize = 4 * size_of::<serde_json::Value>();
/// The same of an object, which has two tables.
const OBJECT_BYTES: usize = 4 * (size_of::<serde_json::Value>() + 48);
/// The bytes of a member's name beside its letters: the name itself, its hash, its place in the table, twice as for values.
const MEMBER_BYTES: usize = 2 * 48;
/// No text takes more for each of its bytes: the densest is a list of empty objects.
const MAX_GROWTH: usize = 300;

/// A text whose tree of values would be too large to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its {} bytes of JSON have so many values that they would take {} MiB of memory, and {} are taken; send less at once",
    text_bytes, tree_bytes >> 20, max_bytes >> 20
)]
pub struct TreeTooLarge {
    /// The length of the text.
    pub text_bytes: usize,
    /// The bytes of its tree.
    pub tree_bytes: usize,
    /// The most that it may have.
    pub max_bytes: usize,
}

/// How much memory a JSON text takes at most as a tree of values, in bytes: up to two hundred times its length. Reads the text
/// once and builds nothing; of what is no JSON it says something.
pub fn tree_bytes(text: &[u8]) -> usize {
    let (mut values, mut members, mut lists, mut objects) = (1_usize, 0_usize, 0_usize, 0_usize);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b':' => members += 1,
            b',' => values += 1,
            b'[' => (values, lists) = (values + 1, lists + 1),
            b'{' => (values, objects) = (values + 1, objects + 1),
            _ => {}
        }
    }
    let parts = [(values, VALUE_BYTES), (members, MEMBER_BYTES), (lists, LIST_BYTES), (objects, OBJECT_BYTES)];
    parts.iter().fold(text.len(), |sum, (number, bytes)| sum.saturating_add(number.saturating_mul(*bytes)))
}

/// Refuses a text whose tree of values would take more than `max_bytes`. Asked before a text from outside is made a tree; of a
/// text that is short in comparison it costs nothing.
///
/// # Errors
/// How large it is.
pub fn check_tree(text: &[u8], max_bytes: usize) -> Result<(), TreeTooLarge> {
    if text.len() < max_bytes / MAX_GROWTH {
        return Ok(());
    }
    match tree_bytes(text) {
        tree_bytes if tree_bytes > max_bytes => Err(TreeTooLarge { text_bytes: text.len(), tree_bytes, max_bytes }),
        _ => Ok(()),
    }
}

/// A document that was walked. Skipping it with [`IgnoredAny`] at once would check no depth.
struct Walk<const ONCE: bool>;

type Walked = Walk<false>;

/// The same, of which no object has a member twice.
type Once = Walk<true>;

impl<'de, const ONCE: bool> Deserialize<'de> for Walk<ONCE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de, const ONCE: bool> Visitor<'de> for Walk<ONCE> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        if !ONCE {
            while map.next_entry::<IgnoredAny, Self>()?.is_some() {}
            return Ok(self);
        }
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<Self>()?;
            if let Some(name) = names.replace(name) {
                return Err(serde::de::Error::custom(format_args!("the member {name:?} is there twice")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{check, check_tree, tree_bytes, unambiguous};

    #[test]
    fn a_tree_is_told_from_its_text() {
        // Strings are no values but one, whatever is in them.
        let text = r#"{"a,[{:":"\\\"{[,,,,:","b":[1,2,{}]}"#;
        let (values, members) = (1 + 1 + 1 + 1 + 1 + 2, 2);
        let value = 2 * size_of::<serde_json::Value>();
        let containers = 2 * super::OBJECT_BYTES + super::LIST_BYTES;
        assert_eq!(tree_bytes(text.as_bytes()), text.len() + values * value + members * 96 + containers);
        for broken in ["\"", "\"\\", "\"\\\"", "", "]]]"] {
            assert!(tree_bytes(broken.as_bytes()) <= broken.len() + value, "{broken}");
        }
    }

    /// The counted bytes are no fewer than those that the allocator gives: the densest texts there are.
    #[test]
    fn no_tree_takes_more_than_was_counted() {
        fn taken(value: &serde_json::Value) -> usize {
            use serde_json::Value;
            size_of::<Value>()
                + match value {
                    Value::String(text) => text.capacity(),
                    Value::Array(list) => {
                        let room = (list.capacity() - list.len()) * size_of::<Value>();
                        room + list.iter().map(taken).sum::<usize>()
                    }
                    // Entries with a hash each, and a table of indices; both grow by doubling, from four.
                    Value::Object(map) if !map.is_empty() => {
                        let room = map.len().next_power_of_two().max(4) * (size_of::<Value>() + 24 + 8 + 16);
                        let below = |(name, value): (&String, _)| name.capacity() + taken(value) - size_of::<Value>();
                        room + map.iter().map(below).sum::<usize>()
                    }
                    _ => 0,
                }
        }
        let many = |part: &str| format!("[{}0]", format!("{part},").repeat(999));
        for text in [many("0"), many("[]"), many("[0]"), many("{}"), many(r#"{"":0}"#), many("\"\""), "[]".into()] {
            let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
            let (taken, counted) = (taken(&tree), tree_bytes(text.as_bytes()));
            assert!(taken <= counted && counted <= super::MAX_GROWTH * text.len(), "{taken} {counted}: {text:.9}");
        }
    }

    #[test]
    fn a_text_that_grows_too_large_is_refused_however_short() {
        let zeros = |number: usize| format!("[{}0]", "0,".repeat(number));
        let max = 16 << 20;
        assert!(check_tree(zeros(50_000).as_bytes(), max).is_ok());
        let long = format!("\"{}\"", ",".repeat(max / 2));
        assert!(check_tree(long.as_bytes(), max).is_ok(), "one value");
        let refused = check_tree(zeros(200_000).as_bytes(), max).unwrap_err();
        assert!(refused.tree_bytes > max);
        assert!(refused.to_string().contains("MiB of memory, and 16 are taken; send less at once"), "{refused}");
    }

    #[test]
    fn what_is_shown_is_all_there_is_and_means_one_thing() {
        let text = " { \"a b\" : [ 1.50 ,\n\t\"c \\\" d\" ] , \"\\u0061\" : 123456789012345678901234567890 } ";
        let compact = r#"{"a b":[1.50,"c \" d"],"\u0061":123456789012345678901234567890}"#;
        assert_eq!(unambiguous(text).unwrap(), compact);
        for bad in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#, "{", ""] {
            assert!(unambiguous(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn documents_pass_and_others_do_not() {
        for good in ["null", "1", "-1.5e3", r#""\ud83d\ude00""#, r#"[{"a":[1,"x",true,null]}]"#, " {} "] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "{", "[1,]", "{} {}", "nul", "'x'", "NaN", r#"{"a":}"#] {
            assert!(check(bad).is_err(), "{bad}");
        }
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(check(&nested(127)).is_ok());
        assert!(check(&nested(129)).is_err());
        assert!(check(&nested(1_000_000)).is_err());
    }
}
