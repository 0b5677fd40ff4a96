//! Checks of JSON text that comes from outside.

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// Checks that a text is one JSON document (RFC 8259) that nests no deeper than 128. Builds nothing.
///
/// # Errors
/// serde_json's, with line and column.
pub fn check(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<Walked>(text).map(drop)
}

/// A document that was walked. Skipping it with [`IgnoredAny`] at once would check no depth.
struct Walked;

impl<'de> Deserialize<'de> for Walked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walked)
    }
}

impl<'de> Visitor<'de> for Walked {
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
        while map.next_entry::<IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

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
