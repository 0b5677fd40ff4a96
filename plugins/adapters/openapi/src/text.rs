//! Names and texts of a document, made fit for tools.

/// A name of letters, digits, `_` and `-`, of at most `limit` characters: every run of others is one `_`.
///
/// Language models take no other characters in the names of tools and arguments.
pub fn identifier(text: &str, limit: usize) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            name.push(c);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let trimmed = if text.starts_with('_') { name.as_str() } else { name.trim_start_matches('_') };
    let trimmed = if text.ends_with('_') { trimmed } else { trimmed.trim_end_matches('_') };
    trimmed.chars().take(limit).collect()
}

/// `base`, or the first of `base_2`, `base_3`, … that is not taken.
pub fn unique(base: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = base.to_owned();
    let mut number = 2u32;
    while taken(&name) {
        name = format!("{base}_{number}");
        number += 1;
    }
    name
}

/// A text of at most `limit` characters; where some are cut off, an ellipsis stands for them. Control characters other
/// than line breaks become blanks.
pub fn shortened(text: &str, limit: usize) -> String {
    let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let mut shorter: String = text.chars().take(limit).map(clean).collect();
    if text.chars().nth(limit).is_some() {
        shorter.pop();
        shorter.push('…');
    }
    shorter
}

/// Eight hexadecimal digits that stand for a text: FNV-1a. It tells names apart and protects nothing.
pub fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_characters_that_models_take() {
        for (text, expect) in [
            ("repos/list-for-org", "repos_list-for-org"),
            ("filter[name]", "filter_name"),
            ("X-Request-ID", "X-Request-ID"),
            ("_private", "_private"),
            ("/pets/{id}", "pets_id"),
            ("Größe", "Gr_e"),
            ("[]", ""),
        ] {
            assert_eq!(identifier(text, 64), expect);
        }
        assert_eq!(identifier("abcdef", 3), "abc");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 2), "ä…");
        assert_eq!(shortened("a\u{7}b\nc", 9), "a b\nc");
    }
}
