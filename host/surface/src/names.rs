//! `server:tool` and the name that a language model's provider takes.
//!
//! Providers take `^[a-zA-Z0-9_-]{1,64}$`. A name that fits is passed on as it is; one that does not is mapped
//! and ends with a digest of the tool's name, so it stays the same whatever else the catalog holds. Only tools
//! that want the very same name change each other's, and then in the same way in any order.

use crate::claims::{FIXED, Rank, settle};
use crate::text::digest;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::name::is_exposed_byte as is_valid_byte;
pub use tollgate_core::name::{EXPOSED_NAME_MAX_BYTES, SEPARATOR_MAX_BYTES, is_exposed_name as is_valid, is_separator};
use tollgate_core::{Tool, ToolName};

/// The separator between server and tool, unless another is asked for.
pub const SEPARATOR: &str = "__";

/// How many digits of a digest tell names apart.
const DIGEST_DIGITS: usize = 6;
/// How much of a server's name stays when server and tool are too long together.
const SERVER_KEPT_BYTES: usize = 24;

/// How tools are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Every tool as `server__tool`.
    #[default]
    Prefix,
    /// Tools under their own names. Of several that want one, that of the server with the lowest priority number
    /// has it, and the others are prefixed; where two are lowest, all are prefixed.
    Priority,
    /// Tools under their own names, the server named in the description ([`Exposed::description`]). Several that
    /// want one name are prefixed.
    Label,
    /// Tools under their own names. Several that want one name are prefixed, and the collision waits for a
    /// person's word, which becomes a rename.
    Ask,
    /// Tools under their own names: the caller says that they differ. Several that want one name are prefixed.
    None,
}

/// Why tools cannot be named so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamingError {
    /// The separator is empty, too long, or has characters that providers refuse.
    #[error("`{0}` cannot separate server and tool: use 1 to {SEPARATOR_MAX_BYTES} letters, digits, `_` or `-`")]
    Separator(String),
    /// A rename's new name is none that providers take.
    #[error("`{tool}` cannot be renamed to `{name}`: use 1 to {EXPOSED_NAME_MAX_BYTES} letters, digits, `_` or `-`")]
    Rename {
        /// Which tool was to be renamed.
        tool: ToolName,
        /// Its new name.
        name: String,
    },
    /// Two tools are renamed to one name.
    #[error("`{one}` and `{other}` are both renamed to `{name}`: give one of them another name")]
    Twice {
        /// The first tool, by name.
        one: ToolName,
        /// The other tool.
        other: ToolName,
        /// The name that both were to have.
        name: String,
    },
}

/// How tools are to be named: a strategy and what goes with it.
#[derive(Clone, Debug)]
pub struct Naming {
    strategy: Strategy,
    separator: String,
    priorities: BTreeMap<String, i64>,
    renames: BTreeMap<ToolName, String>,
}

impl Default for Naming {
    fn default() -> Self {
        Self::new(Strategy::default())
    }
}

impl Naming {
    /// Names by `strategy`, with `__` between server and tool.
    pub fn new(strategy: Strategy) -> Self {
        Self { strategy, separator: SEPARATOR.to_owned(), priorities: BTreeMap::new(), renames: BTreeMap::new() }
    }

    /// Puts `separator` between server and tool.
    ///
    /// # Errors
    /// [`NamingError::Separator`] when providers would refuse it, or it is longer than [`SEPARATOR_MAX_BYTES`].
    pub fn separator(mut self, separator: &str) -> Result<Self, NamingError> {
        if !is_separator(separator) {
            return Err(NamingError::Separator(separator.to_owned()));
        }
        separator.clone_into(&mut self.separator);
        Ok(self)
    }

    /// Sets the servers' priorities: the lowest number goes first; a server without one comes after all that have.
    pub fn priorities(mut self, priorities: impl IntoIterator<Item = (String, i64)>) -> Self {
        self.priorities = priorities.into_iter().collect();
        self
    }

    /// Names some tools by hand. Such a name is kept free for its tool also while the tool is not there.
    ///
    /// # Errors
    /// [`NamingError::Rename`] or [`NamingError::Twice`].
    pub fn renames(mut self, renames: impl IntoIterator<Item = (ToolName, String)>) -> Result<Self, NamingError> {
        self.renames = renames.into_iter().collect();
        let mut taken: BTreeMap<&str, &ToolName> = BTreeMap::new();
        for (tool, name) in &self.renames {
            if !is_valid(name) {
                return Err(NamingError::Rename { tool: tool.clone(), name: name.clone() });
            }
            if let Some(one) = taken.insert(name, tool) {
                return Err(NamingError::Twice { one: one.clone(), other: tool.clone(), name: name.clone() });
            }
        }
        Ok(self)
    }

    /// Names the tools. Their order does not matter; one that is given twice counts once.
    pub fn expose(&self, tools: impl IntoIterator<Item = ToolName>) -> Exposed {
        let present: BTreeSet<ToolName> = tools.into_iter().collect();
        let absent: Vec<&ToolName> = self.renames.keys().filter(|tool| !present.contains(*tool)).collect();
        let all: Vec<&ToolName> = present.iter().chain(absent).collect();
        let candidate =
            |who: usize, level: u32| all.get(who).map_or_else(Default::default, |t| self.candidate(t, level));
        let (names, contests) = settle(all.len(), candidate);
        let named: Vec<(&ToolName, String)> = all.iter().copied().zip(names).collect();
        let mut collisions: Vec<Collision> = contests
            .into_iter()
            .map(|contest| {
                let claim = |who: &usize| named.get(*who).map(|(tool, name)| ((*tool).clone(), name.clone()));
                let kept_by = contest.kept_by.and_then(|who| named.get(who)).map(|(tool, _)| (*tool).clone());
                let ask = self.strategy == Strategy::Ask && kept_by.is_none();
                Collision {
                    name: contest.name,
                    tools: contest.claimants.iter().filter_map(claim).collect(),
                    kept_by,
                    ask,
                }
            })
            .collect();
        collisions.sort_by(|a, b| (&a.name, &a.tools).cmp(&(&b.name, &b.tools)));
        let by_tool: BTreeMap<ToolName, String> = named
            .into_iter()
            .filter(|(tool, _)| present.contains(*tool))
            .map(|(tool, name)| (tool.clone(), name))
            .collect();
        let by_name = by_tool.iter().map(|(tool, name)| (name.clone(), tool.clone())).collect();
        Exposed { strategy: self.strategy, by_name, by_tool, collisions }
    }

    /// What `tool` wants to be called at a level. A higher level has the better right to its name: nobody loses a
    /// prefixed name to a server that calls a tool so.
    fn candidate(&self, tool: &ToolName, level: u32) -> (String, Rank) {
        if let Some(name) = self.renames.get(tool) {
            return (name.clone(), FIXED);
        }
        let step = if self.strategy == Strategy::Prefix { level + 1 } else { level };
        let name = match step {
            0 => fitting("", "", tool, false),
            1 => fitting(&tool.server, &self.separator, tool, false),
            2 => fitting(&tool.server, &self.separator, tool, true),
            // Only a name made for the purpose gets here.
            _ => digest(&format!("{step}:{tool}"), EXPOSED_NAME_MAX_BYTES),
        };
        let rank = match (step, self.strategy) {
            (0, Strategy::Priority) => {
                self.priorities.get(&tool.server).map_or(i64::MIN, |number| number.saturating_neg())
            }
            _ => 0,
        };
        (name, (step, rank))
    }
}

/// A name that several tools wanted, and how that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The name.
    pub name: String,
    /// The tools that wanted it, each with the name that it has now. A tool that was renamed by hand is listed
    /// also while it is not there.
    pub tools: Vec<(ToolName, String)>,
    /// The tool that has the name: by priority, by a rename, or because the name is its prefixed one.
    pub kept_by: Option<ToolName>,
    /// Whether a person should be asked who gets it ([`Strategy::Ask`]). The answer is given as a rename.
    pub ask: bool,
}

/// Tools under the names that agents see.
#[derive(Clone, Debug)]
pub struct Exposed {
    strategy: Strategy,
    by_name: BTreeMap<String, ToolName>,
    by_tool: BTreeMap<ToolName, String>,
    collisions: Vec<Collision>,
}

impl Exposed {
    /// The name that agents see of a tool.
    pub fn name_of(&self, tool: &ToolName) -> Option<&str> {
        self.by_tool.get(tool).map(String::as_str)
    }

    /// The tool behind a name that agents see.
    pub fn tool_of(&self, name: &str) -> Option<&ToolName> {
        self.by_name.get(name)
    }

    /// All names with their tools, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ToolName)> {
        self.by_name.iter().map(|(name, tool)| (name.as_str(), tool))
    }

    /// The names that several tools wanted, by name.
    pub fn collisions(&self) -> &[Collision] {
        &self.collisions
    }

    /// A tool's description as agents see it: with the server's name where the tool's own does not say it
    /// ([`Strategy::Label`]).
    pub fn description<'a>(&self, tool: &'a Tool) -> Cow<'a, str> {
        match self.strategy {
            Strategy::Label => Cow::Owned(format!("[{}] {}", tool.server, tool.description)),
            _ => Cow::Borrowed(&tool.description),
        }
    }
}

/// Joins server and tool to a name that providers take. One that had to be changed ends with the tool's digest.
fn fitting(server: &str, separator: &str, tool: &ToolName, always_digest: bool) -> String {
    let whole = format!("{server}{separator}{}", tool.tool);
    if is_valid(&whole) && !always_digest {
        return whole;
    }
    let map = |text: &str| text.chars().map(|c| if c.is_ascii() && is_valid_byte(c as u8) { c } else { '_' }).collect();
    let (mut server, mut name): (String, String) = (map(server), map(&tool.tool));
    let room = EXPOSED_NAME_MAX_BYTES - DIGEST_DIGITS - 1 - separator.len();
    if server.len() + name.len() > room {
        server.truncate(SERVER_KEPT_BYTES.max(room.saturating_sub(name.len())));
        name.truncate(room.saturating_sub(server.len()));
    }
    format!("{server}{separator}{name}_{}", digest(&tool.to_string(), DIGEST_DIGITS))
}
