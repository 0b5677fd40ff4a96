//! The guest languages.

use crate::Error;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// What a project makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A workflow over tools.
    Policy,
    /// A component that provides tools.
    Adapter,
}

/// A language that projects are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Language {
    /// Rust.
    #[serde(rename = "rust")]
    Rust,
    /// JavaScript.
    #[serde(rename = "js")]
    JavaScript,
    /// TypeScript.
    #[serde(rename = "ts")]
    TypeScript,
    /// Python.
    #[serde(rename = "python")]
    Python,
    /// Go: policies only.
    #[serde(rename = "go")]
    Go,
    /// C: policies only.
    #[serde(rename = "c")]
    C,
}

impl Kind {
    /// As it is written on the command line and in the project's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Adapter => "adapter",
        }
    }
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 6] = [Self::Rust, Self::JavaScript, Self::TypeScript, Self::Python, Self::Go, Self::C];

    /// As it is written on the command line and in the project's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::TypeScript => "ts",
            Self::Python => "python",
            Self::Go => "go",
            Self::C => "c",
        }
    }

    /// Whether there is a project of this kind in the language.
    pub fn has(self, kind: Kind) -> bool {
        kind == Kind::Policy || !matches!(self, Self::Go | Self::C)
    }

    /// Whether a component imports all that its world has, used or not.
    pub(crate) fn imports_all(self) -> bool {
        matches!(self, Self::JavaScript | Self::TypeScript | Self::Python)
    }

    /// The folders of the helper package, in `guest-sdk/`.
    pub(crate) fn helper_package(self) -> &'static str {
        match self {
            Self::Rust => "guest-sdk/rust/",
            Self::JavaScript | Self::TypeScript => "guest-sdk/js/",
            Self::Python => "guest-sdk/python/",
            Self::Go => "guest-sdk/go/",
            Self::C => "guest-sdk/c/",
        }
    }
}

impl FromStr for Language {
    type Err = Error;

    /// Takes the names of [`Language::name`], and the usual long or short ones.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "rust" | "rs" => Ok(Self::Rust),
            "js" | "javascript" => Ok(Self::JavaScript),
            "ts" | "typescript" => Ok(Self::TypeScript),
            "python" | "py" => Ok(Self::Python),
            "go" | "golang" => Ok(Self::Go),
            "c" => Ok(Self::C),
            _ => Err(Error::Language(text.to_owned())),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "policy" => Ok(Self::Policy),
            "adapter" => Ok(Self::Adapter),
            _ => Err("a project is a `policy` (a workflow) or an `adapter` (it provides tools)".to_owned()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
