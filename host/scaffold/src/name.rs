//! What a project may be called: the one name is that of the folder's package in every language.

use crate::Error;

/// The longest name, in bytes.
pub const NAME_MAX_BYTES: usize = 64;

/// What a package manager, a compiler or a file system keeps for itself.
const RESERVED: &[&str] = &[
    // Ours: the helper packages.
    "tollgate",
    "tollgate-sdk",
    "tollgate-sdk-macros",
    // Rust's keywords, and what cargo refuses as a package's name.
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "alloc",
    "core",
    "proc-macro",
    "std",
    "test",
    "build",
    "deps",
    "examples",
    "incremental",
    // npm's.
    "node-modules",
    // Go's: a module without a dot that is called like a package of the standard library hides it.
    "main",
    "internal",
    "vendor",
    "cmd",
    "errors",
    "fmt",
    "time",
    "math",
    // Names of devices on Windows.
    "con",
    "prn",
    "aux",
    "nul",
];

/// Checks a project's name: 1 to 64 of `a-z`, `0-9`, `-` and `_`, the first a letter, no `-` or `_` at the end or beside another,
/// and no word that a language or package manager keeps for itself.
///
/// # Errors
/// [`Error::Name`] says what is wrong with it, with a name that would do where there is one.
pub fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |why: &str| Err(Error::Name { name: name.to_owned(), why: why.to_owned() + &suggestion(name) });
    if name.is_empty() {
        return wrong("it is empty");
    }
    if name.len() > NAME_MAX_BYTES {
        return wrong("it is longer than 64 bytes");
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return wrong("it does not begin with a letter from a to z");
    }
    let plain = name.replace('_', "-");
    if !plain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return wrong("use small letters a to z, digits, `-` and `_`");
    }
    if plain.ends_with('-') || plain.contains("--") {
        return wrong("a `-` or `_` stands between two letters or digits");
    }
    if RESERVED.contains(&name) || RESERVED.contains(&plain.as_str()) {
        return wrong("a language or package manager keeps this word for itself");
    }
    Ok(())
}

/// A name near to this one that would do, as words to add.
fn suggestion(name: &str) -> String {
    let mut near = String::new();
    for c in name.chars().take(NAME_MAX_BYTES) {
        if c.is_ascii_alphanumeric() {
            // `myPolicy` has two words.
            if c.is_ascii_uppercase() && near.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) {
                near.push('-');
            }
            near.push(c.to_ascii_lowercase());
        } else if !near.is_empty() && !near.ends_with('-') {
            near.push('-');
        }
    }
    let mut near: String = near.chars().take(NAME_MAX_BYTES).collect();
    near.truncate(near.trim_end_matches('-').len());
    if RESERVED.contains(&near.as_str()) {
        near = format!("my-{near}");
    }
    let fits = near != name && near.starts_with(|c: char| c.is_ascii_lowercase()) && !RESERVED.contains(&near.as_str());
    if fits { format!("; `{near}` would do") } else { String::new() }
}
