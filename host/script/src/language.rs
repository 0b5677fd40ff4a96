//! The languages of scripts, and how a script's is found.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A language that scripts are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// JavaScript.
    JavaScript,
    /// TypeScript: its types are stripped, not checked.
    TypeScript,
    /// Python.
    Python,
}

/// An interpreter that runs prepared source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpreter {
    /// Runs JavaScript, and TypeScript without its types.
    JavaScript,
    /// Runs Python.
    Python,
}

/// Nothing tells a script's language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownLanguage {
    /// A name that is no language's.
    #[error("`{0}` is no language that scripts are written in: use `js`, `ts` or `python`")]
    Name(String),
    /// Neither a name, nor an extension, nor a first line that tells.
    #[error(
        "the script's language is not clear: name it (`js`, `ts` or `python`), give the file the extension .js, .ts or \
         .py, or begin it with a line such as `#!/usr/bin/env -S tollgate exec --lang ts`"
    )]
    Unclear,
}

impl Interpreter {
    /// Every interpreter.
    pub const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    /// The name, which is that of its files too: `javascript` or `python`.
    pub fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }
}

impl Language {
    /// Every language, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::JavaScript, Self::TypeScript, Self::Python];

    /// The name: `javascript`, `typescript` or `python`.
    pub fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Python => "python",
        }
    }

    /// The extension that files of it get, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::JavaScript => "js",
            Self::TypeScript => "ts",
            Self::Python => "py",
        }
    }

    /// What runs it.
    pub fn interpreter(self) -> Interpreter {
        match self {
            Self::JavaScript | Self::TypeScript => Interpreter::JavaScript,
            Self::Python => Interpreter::Python,
        }
    }

    /// The language of a file by its extension, in any case: `.js .mjs .cjs .ts .mts .cts .py`.
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "js" | "mjs" | "cjs" => Some(Self::JavaScript),
            "ts" | "mts" | "cts" => Some(Self::TypeScript),
            "py" => Some(Self::Python),
            _ => None,
        }
    }

    /// The language that a script's first line names, as `#!/usr/bin/env python3`. For `tollgate` it is what `--lang`
    /// says; `node` means JavaScript; `deno`, `bun`, `tsx` and `ts-node` mean TypeScript.
    pub fn of_shebang(code: &str) -> Option<Self> {
        let line = code.strip_prefix('\u{feff}').unwrap_or(code).strip_prefix("#!")?;
        let line = line.lines().next().unwrap_or_default();
        // The kernel reads no longer lines.
        let mut words = line.get(..256).unwrap_or(line).split_whitespace();
        let mut program = base(words.next()?);
        if program == "env" {
            program = base(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
        }
        match program {
            "tollgate" => {
                while let Some(word) = words.next() {
                    match word.strip_prefix("--lang") {
                        Some("") => return words.next()?.parse().ok(),
                        Some(rest) => return rest.strip_prefix('=')?.parse().ok(),
                        None => {}
                    }
                }
                None
            }
            "node" | "nodejs" | "qjs" => Some(Self::JavaScript),
            "deno" | "bun" | "tsx" | "ts-node" => Some(Self::TypeScript),
            name => {
                let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"))?;
                version.chars().all(|c| c.is_ascii_digit() || c == '.').then_some(Self::Python)
            }
        }
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads a name or an alias, in any case: `js javascript node`, `ts typescript`, `py python python3`.
    fn from_str(name: &str) -> Result<Self, UnknownLanguage> {
        match name.trim().to_ascii_lowercase().as_str() {
            "js" | "javascript" | "node" => Ok(Self::JavaScript),
            "ts" | "typescript" => Ok(Self::TypeScript),
            "py" | "python" | "python3" => Ok(Self::Python),
            _ => Err(UnknownLanguage::Name(name.chars().filter(|c| !c.is_control()).take(40).collect())),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Finds a script's language: what the caller says, else the path's extension, else the first line.
///
/// # Errors
/// [`UnknownLanguage`]: a hint that is no language's name is an error also where the others would tell.
pub fn detect(hint: Option<&str>, path: Option<&Path>, code: &str) -> Result<Language, UnknownLanguage> {
    match hint {
        Some(name) => name.parse(),
        None => path.and_then(Language::of_path).or_else(|| Language::of_shebang(code)).ok_or(UnknownLanguage::Unclear),
    }
}
