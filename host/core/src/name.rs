//! Names of servers and tools.
//!
//! A tool is named `server:tool` in the configuration, on the command line and in SDK helpers. The first
//! colon ends the server's name, so a tool's own name may hold colons. In place of a server stands `domain:NAME` where any
//! server of a domain will do: `domain:products:search`.

use crate::routing::DOMAIN_PREFIX;
use std::fmt;
use std::str::FromStr;

/// The longest name of a server, in bytes.
pub const SERVER_NAME_MAX_BYTES: usize = 64;
/// The longest name of a tool, in bytes (MCP 2025-11-25 advises 128; real servers go beyond it).
pub const TOOL_NAME_MAX_BYTES: usize = 256;
/// The longest name that every provider of language models takes for a tool, in bytes.
pub const EXPOSED_NAME_MAX_BYTES: usize = 64;
/// The longest separator between server and tool in such a name, in bytes.
pub const SEPARATOR_MAX_BYTES: usize = 8;

/// A server's name, or `domain:NAME`, and one of its tools.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolName {
    /// The server's name in the configuration, or `domain:NAME`.
    pub server: String,
    /// The tool's name as the server lists it.
    pub tool: String,
}

/// Why a text is no name of a server or tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no colon.
    #[error("`{0}` is not a tool name: write `server:tool`")]
    NoColon(String),
    /// The server's part breaks the rules of [`check_server_name`].
    #[error(
        "`{0}` cannot name a server: use 1 to {SERVER_NAME_MAX_BYTES} letters, digits, `_`, `-` or `.`, and begin with a letter or digit"
    )]
    Server(String),
    /// The tool's part is empty, too long, or holds control characters.
    #[error("`{0}` cannot name a tool: use 1 to {TOOL_NAME_MAX_BYTES} bytes without control characters")]
    Tool(String),
}

/// Checks a server's name: 1 to 64 ASCII letters, digits, `_`, `-`, `.`; the first a letter or digit. The word `domain` is
/// none.
///
/// # Errors
/// [`NameError::Server`] with the name.
pub fn check_server_name(name: &str) -> Result<(), NameError> {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    let is_word = format!("{name}:") == DOMAIN_PREFIX;
    if first && rest && !is_word && name.len() <= SERVER_NAME_MAX_BYTES {
        Ok(())
    } else {
        Err(NameError::Server(name.to_owned()))
    }
}

/// Checks a domain's name: the same characters, and at most as many.
///
/// # Errors
/// [`NameError::Server`] with the name.
pub fn check_domain(name: &str) -> Result<(), NameError> {
    if format!("{name}:") == DOMAIN_PREFIX { Ok(()) } else { check_server_name(name) }
}

/// Checks a tool's name. Servers choose these, so anything printable goes.
///
/// # Errors
/// [`NameError::Tool`] with the name.
pub fn check_tool_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() || name.len() > TOOL_NAME_MAX_BYTES || name.chars().any(char::is_control) {
        return Err(NameError::Tool(name.to_owned()));
    }
    Ok(())
}

/// Whether every provider of language models takes `name` for a tool: 1 to 64 ASCII letters, digits, `_` or `-`.
pub fn is_exposed_name(name: &str) -> bool {
    (1..=EXPOSED_NAME_MAX_BYTES).contains(&name.len()) && name.bytes().all(is_exposed_byte)
}

/// Whether `separator` may stand between server and tool in such a name: 1 to 8 of the same characters.
pub fn is_separator(separator: &str) -> bool {
    separator.len() <= SEPARATOR_MAX_BYTES && is_exposed_name(separator)
}

/// Whether a byte may be in such a name.
pub fn is_exposed_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl FromStr for ToolName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (prefix, names) = match text.strip_prefix(DOMAIN_PREFIX) {
            Some(names) => (DOMAIN_PREFIX, names),
            None => ("", text),
        };
        let (server, tool) = names.split_once(':').ok_or_else(|| NameError::NoColon(text.to_owned()))?;
        if prefix.is_empty() {
            check_server_name(server)?
        } else {
            check_domain(server)?
        }
        check_tool_name(tool)?;
        Ok(Self { server: format!("{prefix}{server}"), tool: tool.to_owned() })
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.server, self.tool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_colon_ends_the_server() {
        let name: ToolName = "github:issues:list".parse().unwrap();
        assert_eq!((name.server.as_str(), name.tool.as_str()), ("github", "issues:list"));
    }

    #[test]
    fn a_domain_stands_in_a_servers_place() {
        let name: ToolName = "domain:products:search:all".parse().unwrap();
        assert_eq!((name.server.as_str(), name.tool.as_str()), ("domain:products", "search:all"));
        assert_eq!(name.to_string().parse::<ToolName>().unwrap(), name);
        for bad in ["domain:products", "domain::x", "domain:a b:x", "domain:a:"] {
            assert!(bad.parse::<ToolName>().is_err(), "{bad}");
        }
        assert!(check_server_name("domain").is_err());
        assert!(check_server_name("domains").is_ok());
    }

    #[test]
    fn names_that_are_none_say_why() {
        for (text, want) in [
            ("search", "write `server:tool`"),
            (":x", "cannot name a server"),
            ("a b:x", "cannot name a server"),
            ("-a:x", "cannot name a server"),
            ("a:", "cannot name a tool"),
            ("a:\u{7}", "cannot name a tool"),
        ] {
            let error = text.parse::<ToolName>().unwrap_err().to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
        assert!(check_server_name(&"a".repeat(65)).is_err());
        assert!(check_tool_name(&"a".repeat(257)).is_err());
    }

    proptest! {
        #[test]
        fn a_name_reads_back(server in "[a-z0-9][a-z0-9_.-]{0,20}", tool in "[^\\p{C}]{1,40}") {
            prop_assume!(server != "domain");
            let name = ToolName { server, tool };
            prop_assert_eq!(name.to_string().parse::<ToolName>().unwrap(), name);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = text.parse::<ToolName>();
        }
    }
}
