//! What was approved of the tools of servers that are pinned, and what becomes of tools that are not what was
//! approved.
//!
//! A description is what a model goes by, so a server that changes it after somebody looked at it can make the model
//! do something else ("rug pull"). The first sight of a server's tools approves them; from then on a tool that is new,
//! or of which a pinned member differs, is quarantined until somebody approves it.
//!
//! `diff` says what differs, `file` keeps approvals, `quarantine` keeps tools from being used.

pub(crate) mod diff;
pub(crate) mod file;
pub(crate) mod quarantine;

use diff::{Room, visible};
use file::{PinStore, Stamp};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tollgate_core::Tool;

/// What is shown of a change in the failure of a call.
const SHORT: Room = Room { value_chars: 120, lines: 4 };
/// What is shown to somebody who is to approve it.
const LONG: Room = Room { value_chars: 4_000, lines: 200 };

/// The pinned members of one tool, under MCP's names.
pub(crate) type Pinned = Map<String, Value>;
/// What was approved of one server's tools, by name.
pub(crate) type Approvals = BTreeMap<String, Arc<Pinned>>;
/// The tools of one server that are quarantined, by name.
pub(crate) type Held = BTreeMap<String, Quarantined>;

/// Approvals cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the approved tools of `{server}` at {place}: {why}")]
pub struct PinError {
    /// The server.
    pub server: String,
    /// The file.
    pub place: String,
    /// What happened, and what to do.
    pub why: String,
}

impl PinError {
    fn not_ended(server: &str) -> Self {
        let why = "the work on it was broken off; try again".to_owned();
        Self { server: server.to_owned(), place: "its file".to_owned(), why }
    }
}

/// A tool that is quarantined: as its server describes it now, and what was approved.
#[derive(Clone, Debug)]
pub struct Quarantined {
    tool: Arc<Tool>,
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    New,
    Changed(Arc<Pinned>),
    /// Nobody can say what was approved.
    Unknown(Arc<PinError>),
}

impl Quarantined {
    /// Its server.
    pub fn server(&self) -> &str {
        &self.tool.server
    }

    /// Its name, as the server lists it. Untrusted text, without control characters.
    pub fn tool(&self) -> &str {
        &self.tool.name
    }

    /// Why it is quarantined, as the end of a sentence about it: `was changed since it was approved`.
    pub fn why(&self) -> String {
        match &self.why {
            Why::New => "is new since the tools of its server were approved".to_owned(),
            Why::Changed(_) => "was changed since it was approved".to_owned(),
            Why::Unknown(error) => format!("cannot be compared with what was approved: {error}"),
        }
    }

    /// What an approval would approve, a line each: what changed, or all that a new tool says of itself. What
    /// cannot be seen is escaped, what is cut off is counted; a server's text all the same.
    pub fn changes(&self) -> Vec<String> {
        self.lines(LONG)
    }

    fn lines(&self, room: Room) -> Vec<String> {
        let now = pinned(&self.tool);
        match &self.why {
            Why::New => diff::lines(&Pinned::new(), &now, room),
            Why::Changed(approved) => diff::lines(approved, &now, room),
            Why::Unknown(_) => Vec::new(),
        }
    }

    /// What its caller is told.
    fn message(&self) -> String {
        let (server, why) = (self.server(), self.why());
        let name = format!("`{server}:{}`", visible(self.tool(), 256));
        let do_this = match &self.why {
            Why::New | Why::Changed(_) => format!("; to accept it, run `tollgate approve {}`", self.argument()),
            Why::Unknown(_) => String::new(),
        };
        match self.lines(SHORT).join("; ") {
            changes if changes.is_empty() => format!("{name} is quarantined: it {why}{do_this}"),
            changes => format!("{name} is quarantined: it {why} ({changes}){do_this}"),
        }
    }

    /// What names it on a command line. A name that a shell would not take as one word is left out: the server
    /// chose it.
    fn argument(&self) -> String {
        let (server, tool) = (self.server(), self.tool());
        let plain = tool.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:/@".contains(c));
        if plain { format!("{server}:{tool}") } else { server.to_owned() }
    }
}

fn pinned(tool: &Tool) -> Pinned {
    let text = |text: &String| Value::String(text.clone());
    let members = [
        ("title", tool.title.as_ref().map(text)),
        ("description", Some(text(&tool.description))),
        ("inputSchema", Some(tool.input_schema.clone())),
        ("outputSchema", tool.output_schema.clone()),
        ("annotations", tool.annotations.clone()),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn pinned_all(tools: &[Arc<Tool>]) -> Approvals {
    tools.iter().map(|tool| (tool.name.clone(), Arc::new(pinned(tool)))).collect()
}

/// What was found out about the tools of a server.
pub(crate) struct Verdict {
    pub(crate) held: Held,
    /// What was read to find it out. `None` when that failed, or there is no file.
    pub(crate) stamp: Option<Stamp>,
    /// Whether it was the first sight of them.
    first: bool,
}

impl Verdict {
    /// Nothing could be found out.
    fn unknown(error: PinError, tools: &[Arc<Tool>]) -> Self {
        let error = Arc::new(error);
        let hold = |tool: &Arc<Tool>| Quarantined { tool: tool.clone(), why: Why::Unknown(error.clone()) };
        Self { held: tools.iter().map(|tool| (tool.name.clone(), hold(tool))).collect(), stamp: None, first: false }
    }
}

/// Where approvals are kept.
#[derive(Clone)]
pub(crate) enum Pins {
    /// As long as the fleet lives, by server.
    Memory(Arc<Mutex<HashMap<String, Approvals>>>),
    Folder(PinStore),
}

impl Pins {
    pub(crate) fn new(store: Option<PinStore>) -> Self {
        store.map_or_else(|| Self::Memory(Arc::default()), Self::Folder)
    }

    /// Holds a server's tools against what was approved; approves them if they are the first. May block.
    pub(crate) fn judge(&self, server: &str, tools: &[Arc<Tool>]) -> Verdict {
        match self.read_or_begin(server, tools) {
            Ok((approvals, stamp, first)) => {
                let held = tools.iter().filter_map(|tool| {
                    let why = match approvals.get(&tool.name) {
                        None => Why::New,
                        Some(approved) if diff::same(approved, &pinned(tool)) => return None,
                        Some(approved) => Why::Changed(approved.clone()),
                    };
                    Some((tool.name.clone(), Quarantined { tool: tool.clone(), why }))
                });
                Verdict { held: held.collect(), stamp, first }
            }
            Err(error) => Verdict::unknown(error, tools),
        }
    }

    /// Whether there is something to hold a server's tools against. May block.
    fn is_begun(&self, server: &str) -> bool {
        match self {
            Self::Memory(servers) => servers.lock().contains_key(server),
            // What cannot be read quarantines them.
            Self::Folder(store) => !matches!(store.read(server), Ok(None)),
        }
    }

    /// Without tools there is nothing to begin with: the first that come are the first sight.
    fn read_or_begin(&self, server: &str, tools: &[Arc<Tool>]) -> Result<(Approvals, Option<Stamp>, bool), PinError> {
        match self {
            Self::Memory(servers) => {
                let mut servers = servers.lock();
                if let Some(approvals) = servers.get(server) {
                    return Ok((approvals.clone(), None, false));
                }
                let approvals = pinned_all(tools);
                if !tools.is_empty() {
                    servers.insert(server.to_owned(), approvals.clone());
                }
                Ok((approvals, None, true))
            }
            Self::Folder(store) => {
                let mut first = false;
                if store.read(server)?.is_none() {
                    if tools.is_empty() {
                        return Ok((Approvals::new(), None, true));
                    }
                    store.change(server, |there| {
                        first = there.is_none();
                        // Another process may have been faster.
                        first.then(|| pinned_all(tools))
                    })?;
                }
                Ok(match store.read(server)? {
                    Some((approvals, stamp)) => (approvals, Some(stamp), first),
                    // It was deleted in this moment.
                    None => (Approvals::new(), None, false),
                })
            }
        }
    }

    /// Approves tools of one server as they were seen. May block.
    fn approve(&self, server: &str, tools: &[Arc<Tool>]) -> Result<(), PinError> {
        let seen = pinned_all(tools);
        match self {
            Self::Memory(servers) => servers.lock().entry(server.to_owned()).or_default().extend(seen),
            Self::Folder(store) => store.change(server, |there| {
                let mut approvals = there.unwrap_or_default();
                approvals.extend(seen);
                Some(approvals)
            })?,
        }
        Ok(())
    }

    /// Whether what was approved may be something else than what the verdict `stamp` goes by.
    fn may_differ(&self, server: &str, stamp: Option<Stamp>) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Folder(store) => stamp.is_none() || store.stamp(server) != stamp,
        }
    }

    /// Does what may block beside the runtime, where it does.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> Option<T> {
        let pins = self.clone();
        match self {
            Self::Memory(_) => Some(work(&pins)),
            Self::Folder(_) => tokio::task::spawn_blocking(move || work(&pins)).await.ok(),
        }
    }
}
