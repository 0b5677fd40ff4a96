//! Names from outside as identifiers of a language.

use super::Language;
use crate::claims::settle;
use crate::text::digest;

/// The longest identifier, in bytes.
pub const IDENTIFIER_MAX_BYTES: usize = 64;

const DIGEST_DIGITS: usize = 6;

/// Words that cannot name a function, and names that mean something on every object: a namespace with a `then`
/// would be taken for a promise.
const TYPESCRIPT: &[&str] = &[
    "Array",
    "Promise",
    "Record",
    "Untyped",
    "arguments",
    "as",
    "async",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "constructor",
    "continue",
    "debugger",
    "declare",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "globalThis",
    "hasOwnProperty",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "module",
    "namespace",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "prototype",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "then",
    "this",
    "throw",
    "toJSON",
    "toString",
    "true",
    "try",
    "type",
    "typeof",
    "undefined",
    "valueOf",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Keywords, and the names that the stubs import.
const PYTHON: &[&str] = &[
    "Any",
    "False",
    "Literal",
    "Never",
    "None",
    "NotRequired",
    "True",
    "TypeAlias",
    "TypedDict",
    "Unpack",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "self",
    "try",
    "while",
    "with",
    "yield",
];

/// A name as an identifier: each character but ASCII letters, digits and `_` becomes `_`; a leading digit gets a
/// `_` before it, two leading underscores an `x` (such names are private or magic), a reserved word a `_` after
/// it; a name of which nothing is left, or that is longer than [`IDENTIFIER_MAX_BYTES`], ends with a digest.
/// `identifier("list-events", …)` is `list_events`.
///
/// Two names may have one identifier: [`identifiers`] keeps them apart.
pub fn identifier(name: &str, language: Language) -> String {
    let mut mapped: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !mapped.contains(|c: char| c != '_') {
        return format!("x_{}", digest(name, DIGEST_DIGITS));
    }
    if mapped.starts_with(|c: char| c.is_ascii_digit()) {
        mapped.insert(0, '_');
    }
    if mapped.starts_with("__") {
        mapped.insert(0, 'x');
    }
    if is_reserved(&mapped, language) {
        mapped.push('_');
    }
    if mapped.len() > IDENTIFIER_MAX_BYTES {
        mapped.truncate(IDENTIFIER_MAX_BYTES - DIGEST_DIGITS - 1);
        mapped = format!("{mapped}_{}", digest(name, DIGEST_DIGITS));
    }
    mapped
}

/// The identifiers of names that stand side by side, all different, in the order of the names. One that is an
/// identifier already keeps it; others that come to the same end with a digest. The order of the names does not
/// matter, and the names must differ.
pub fn identifiers(names: &[&str], language: Language) -> Vec<String> {
    let candidate = |who: usize, level: u32| {
        let name = names.get(who).copied().unwrap_or_default();
        let plain = identifier(name, language);
        let verbatim = u32::from(plain == name && level == 0);
        let id = match level {
            0 => plain,
            1 => {
                let mut head = plain;
                head.truncate(IDENTIFIER_MAX_BYTES - DIGEST_DIGITS - 1);
                format!("{head}_{}", digest(name, DIGEST_DIGITS))
            }
            _ => format!("x{}", digest(&format!("{level}:{name}"), IDENTIFIER_MAX_BYTES - 1)),
        };
        (id, (verbatim, 0))
    };
    settle(names.len(), candidate).0
}

/// The globals of scripts, and of their languages, that a server must not hide.
const GLOBALS: &[&str] = &[
    "Date",
    "Error",
    "JSON",
    "Map",
    "Math",
    "Number",
    "Object",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "ToolError",
    "ToolResult",
    "URL",
    "_Tollgate",
    "bool",
    "console",
    "crypto",
    "dict",
    "float",
    "input",
    "int",
    "list",
    "log",
    "object",
    "performance",
    "print",
    "progress",
    "session",
    "set",
    "sleep",
    "staticmethod",
    "str",
    "tollgate",
    "tools",
    "tuple",
    "type",
];

/// The identifiers of servers: as [`identifiers`], and none that hides a global of scripts; such a name gets a `_` after
/// it, as `tools_`.
pub fn namespaces(names: &[&str], language: Language) -> Vec<String> {
    let mut ids = identifiers(names, language);
    for (at, name) in names.iter().enumerate() {
        let Some(id) = ids.get(at).filter(|id| GLOBALS.contains(&id.as_str())) else { continue };
        let plain = format!("{id}_");
        let mapped = if ids.contains(&plain) { format!("{id}_{}", digest(name, DIGEST_DIGITS)) } else { plain };
        if let Some(id) = ids.get_mut(at) {
            *id = mapped;
        }
    }
    ids
}

pub(super) fn is_reserved(name: &str, language: Language) -> bool {
    match language {
        Language::TypeScript => TYPESCRIPT,
        Language::Python => PYTHON,
    }
    .binary_search(&name)
    .is_ok()
}

/// Whether a name can stand as a member's name without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A name for a type: each word of the name with a capital letter, without what cannot stand in it.
pub(super) fn type_name(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out.truncate(48);
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, 'T');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_mapped_as_said() {
        for (name, typescript, python) in [
            ("list_issues", "list_issues", "list_issues"),
            ("list-events", "list_events", "list_events"),
            ("files.read", "files_read", "files_read"),
            ("2fa", "_2fa", "_2fa"),
            ("delete", "delete_", "delete"),
            ("import", "import_", "import_"),
            ("__proto__", "x__proto__", "x__proto__"),
            ("then", "then_", "then"),
            ("größe", "gr__e", "gr__e"),
        ] {
            assert_eq!(identifier(name, Language::TypeScript), typescript, "{name}");
            assert_eq!(identifier(name, Language::Python), python, "{name}");
        }
        assert_eq!(identifier("搜索", Language::Python), format!("x_{}", digest("搜索", 6)));
        assert_eq!(identifier(&"a".repeat(200), Language::Python).len(), IDENTIFIER_MAX_BYTES);
    }

    #[test]
    fn a_name_that_fits_keeps_its_identifier() {
        let names = ["list-events", "list_events", "list.events"];
        let ids = identifiers(&names, Language::TypeScript);
        assert_eq!(ids[1], "list_events");
        assert_eq!(ids[0], format!("list_events_{}", digest("list-events", 6)));
        assert!(ids[2] != ids[0] && ids[2].starts_with("list_events_"));
    }

    #[test]
    fn a_name_made_to_take_anothers_identifier_does_not() {
        let evil = format!("list_events_{}", digest("list-events", 6));
        let ids = identifiers(&["list-events", "list_events", &evil], Language::Python);
        assert_eq!(ids[1..], ["list_events".to_owned(), evil.clone()]);
        assert!(ids[0] != evil && ids[0].starts_with('x'), "{ids:?}");
    }

    #[test]
    fn reserved_words_are_sorted_for_the_search() {
        assert!(TYPESCRIPT.is_sorted() && PYTHON.is_sorted());
    }

    proptest! {
        #[test]
        fn identifiers_differ_and_are_valid(names in proptest::collection::btree_set("[a-b_. -]{0,4}|\\PC{0,80}", 1..40)) {
            for language in [Language::TypeScript, Language::Python] {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let ids = identifiers(&names, language);
                prop_assert!(ids.iter().all(|id| is_plain(id) && !is_reserved(id, language) && id.len() <= IDENTIFIER_MAX_BYTES), "{:?}", ids);
                let different: std::collections::BTreeSet<&String> = ids.iter().collect();
                prop_assert_eq!(different.len(), names.len());
                // So that one word never stands for two tools.
                prop_assert!(names.iter().zip(&ids).all(|(name, id)| name == id || !names.contains(&id.as_str())), "{:?}", ids);
                let reversed: Vec<&str> = names.iter().rev().copied().collect();
                let mut back = identifiers(&reversed, language);
                back.reverse();
                prop_assert_eq!(back, ids);
            }
        }
    }
}
