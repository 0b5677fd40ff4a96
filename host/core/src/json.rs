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
    use super::{check, unambiguous};

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
