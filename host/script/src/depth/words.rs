//! The words of the language, as far as they tell how deep a source nests.

/// Words after which an operand follows, and those that may be names as well.
pub(super) fn is_keyword(word: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"abstract",
        b"accessor",
        b"as",
        b"asserts",
        b"async",
        b"await",
        b"break",
        b"case",
        b"catch",
        b"class",
        b"const",
        b"continue",
        b"debugger",
        b"declare",
        b"default",
        b"delete",
        b"do",
        b"else",
        b"enum",
        b"export",
        b"extends",
        b"finally",
        b"for",
        b"from",
        b"function",
        b"get",
        b"global",
        b"if",
        b"implements",
        b"import",
        b"in",
        b"infer",
        b"instanceof",
        b"interface",
        b"is",
        b"keyof",
        b"let",
        b"module",
        b"namespace",
        b"new",
        b"of",
        b"out",
        b"override",
        b"package",
        b"private",
        b"protected",
        b"public",
        b"readonly",
        b"return",
        b"satisfies",
        b"set",
        b"static",
        b"switch",
        b"throw",
        b"try",
        b"type",
        b"typeof",
        b"unique",
        b"using",
        b"var",
        b"void",
        b"while",
        b"with",
        b"yield",
    ];
    WORDS.binary_search(&word).is_ok()
}

/// Words that go on with what stands before them.
pub(super) fn goes_on(word: &[u8]) -> bool {
    matches!(
        word,
        b"as"
            | b"satisfies"
            | b"in"
            | b"instanceof"
            | b"of"
            | b"is"
            | b"extends"
            | b"implements"
            | b"from"
            | b"keyof"
            | b"infer"
            | b"asserts"
            | b"else"
    )
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#') || byte >= 0x80
}
