//! Other programs' configurations, made into Tollgate's: the `mcpServers` of MCP clients, VS Code's `servers` with its `inputs`,
//! and the `mcp_servers` of orchestrators in Python.
//!
//! What comes out is YAML that this crate reads, the same for the same file. Secrets are left behind: where one stood, the new
//! file says `${secret:NAME}`. Each server is read back before it is written, and what the parser would refuse of it is left
//! out and said; a server that cannot work as it stands is `disabled`, or a comment.

mod entry;
mod fill;
mod retry;
mod writer;

use crate::diagnostic::{ConfigError, Diagnostic, Report, quoted, visible};
use crate::read::{Cx, Key};
use crate::tree::{Node, Value};
use crate::{Format, fit_name, parse_as, tree_of};
use fill::SecretNames;
use std::collections::HashSet;
use std::path::Path;
use tollgate_core::name::check_server_name;
use writer::{Draft, Item};

/// The most servers of one file.
const SERVERS_MAX: usize = 1000;
/// The file that a draft is read back as.
const DRAFT: &str = "draft.yaml";

/// Whose configuration a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// `mcpServers`, as Claude Desktop, Cursor, Cline and others write it.
    Client,
    /// `servers` and `inputs`, as VS Code writes them; in its settings below `mcp`.
    VsCode,
    /// `mcp_servers` and `orchestration`.
    Orchestrator,
}

impl ImportKind {
    /// Every kind, in the order in which they are looked for.
    pub const ALL: [Self; 3] = [Self::Orchestrator, Self::Client, Self::VsCode];

    /// The word that names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::VsCode => "vscode",
            Self::Orchestrator => "orchestrator",
        }
    }

    fn servers_key(self) -> &'static str {
        match self {
            Self::Client => "mcpServers",
            Self::VsCode => "servers",
            Self::Orchestrator => "mcp_servers",
        }
    }

    /// The map that has the servers, if `root` is of this kind.
    fn find(self, root: &Node) -> Option<&Node> {
        let below = root.get("mcp").filter(|_| self == Self::VsCode);
        [Some(root), below].into_iter().flatten().find(|node| node.get(self.servers_key()).is_some())
    }
}

/// How a file is imported.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Whose it is. `None`: what its keys tell.
    pub kind: Option<ImportKind>,
    /// Copies secrets that stand in the file in plain text. Unless it is set they are left behind.
    pub keep_secrets: bool,
}

/// What a file was made into.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Whose it was.
    pub kind: ImportKind,
    /// The configuration: YAML.
    pub text: String,
    /// How many servers it has, the disabled ones too.
    pub servers: usize,
    /// The secrets that it names, for `tollgate secrets set`; each once, in the order of the file.
    pub secrets: Vec<String>,
    /// What was not carried over or needs a look, with the lines of the imported file. Their text is safe to print, and no
    /// secret is in it.
    pub notes: Vec<Diagnostic>,
}

/// Makes a configuration of another program's.
///
/// `file` tells the format by its extension (without one that is known, the text does) and stands in notes and errors; nothing
/// is opened.
///
/// # Errors
/// What keeps the file from being read at all: it is not of its format, too large, not UTF-8, nested too deep, has a key twice
/// or no servers. Values that cannot be carried over are notes.
pub fn import(file: &Path, bytes: &[u8], options: &ImportOptions) -> Result<Imported, ConfigError> {
    let mut cx = Cx { file, home: None, foreign: true, errors: Report::default(), warnings: Report::default() };
    let root = tree_of(Format::of(file).unwrap_or_else(|| guess(bytes)), bytes, &mut cx)?;
    let kinds = ImportKind::ALL.into_iter().filter(|kind| options.kind.is_none_or(|wanted| wanted == *kind));
    let Some((kind, top)) = kinds.into_iter().find_map(|kind| Some((kind, kind.find(&root)?))) else {
        let known = ImportKind::ALL.into_iter().filter(|kind| options.kind.is_none_or(|wanted| wanted == *kind));
        let keys: Vec<_> = known.map(|kind| format!("`{}`", kind.servers_key())).collect();
        let message = format!("has no {}", keys.join(", "));
        return Err(Diagnostic::of_file(file, message).help("there is nothing to import").into());
    };
    let mut importer = Importer {
        file,
        kind,
        keep_secrets: options.keep_secrets,
        notes: Report::default(),
        secrets: SecretNames::default(),
        names: HashSet::new(),
        reserved: HashSet::new(),
    };
    let mut body = String::new();
    let servers = importer.servers(top, &mut body)?;
    importer.rest(&root, top, &mut body);
    let secrets = importer.secrets.into_names();
    let text = head(file, &secrets) + &body;
    // Each part was read back alone; together they can only be too long.
    parse_as(Format::Yaml, Path::new(DRAFT), Some(Path::new("/")), text.as_bytes()).map_err(|error| {
        let why = error.errors.first().map(ToString::to_string).unwrap_or_default();
        Diagnostic::of_file(file, format!("what it would become cannot be read: {why}"))
    })?;
    Ok(Imported { kind, text, servers, secrets, notes: importer.notes.into_list() })
}

/// JSON begins with a bracket or a comment of its own; YAML that does is JSON nearly always.
fn guess(bytes: &[u8]) -> Format {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    if text.starts_with(b"{") || text.starts_with(b"//") || text.starts_with(b"/*") {
        Format::Json
    } else {
        Format::Yaml
    }
}

fn head(file: &Path, secrets: &[String]) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let mut text = format!("# Made by `tollgate import` of {}.\n", writer::comment(&name));
    if !secrets.is_empty() {
        text += "# Before it is used, its secrets have to be set:\n";
        for name in secrets {
            text += &format!("#   tollgate secrets set {name}\n");
        }
    }
    text
}

struct Importer<'a> {
    file: &'a Path,
    kind: ImportKind,
    keep_secrets: bool,
    notes: Report,
    secrets: SecretNames,
    /// Names that are given already.
    names: HashSet<String>,
    /// Names in the file that need no change.
    reserved: HashSet<String>,
}

impl Importer<'_> {
    fn note(&mut self, line: u32, key: &Key<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.notes.push(Diagnostic::at(self.file, line, key, message).help(help));
    }

    /// Writes the servers, and tells how many there are.
    fn servers(&mut self, top: &Node, out: &mut String) -> Result<usize, ConfigError> {
        let name = self.kind.servers_key();
        let Some(node) = top.get(name) else { return Ok(0) };
        let section = Key::Child(&Key::Root, name);
        let inputs = fill::inputs(top);
        // It let nothing start where one server failed.
        let fail_fast = top.get("orchestration").and_then(|node| node.get("fail_fast"));
        let required = fail_fast.is_some_and(|node| matches!(node.value, Value::Bool(true)));
        // Some write a list, with the name inside.
        let entries: Vec<(&str, &Node)> = match &node.value {
            Value::Map(entries) => entries.iter().map(|(name, child)| (name.as_str(), child)).collect(),
            Value::List(items) => items.iter().map(|item| (entry::name_within(item), item)).collect(),
            _ => {
                let message = format!("expected a map of servers, found {}", node.kind());
                return Err(Diagnostic::at(self.file, node.line, section, message).into());
            }
        };
        if entries.len() > SERVERS_MAX {
            let message = format!("has more than {SERVERS_MAX} servers");
            return Err(Diagnostic::at(self.file, node.line, section, message).into());
        }
        // Who has a good name keeps it.
        self.reserved =
            entries.iter().map(|(name, _)| (*name).to_owned()).filter(|name| check_server_name(name).is_ok()).collect();
        let mut count = 0;
        let mut parts = Vec::new();
        for (given, child) in entries {
            let key = section.child(given);
            let Some(name) = self.name(given) else {
                self.note(child.line, &key, "left out: no name can be made of this one", "rename it");
                continue;
            };
            let written = entry::server(self, &name, given, child, &key, &inputs).map(|mut draft| {
                if required {
                    draft.set("required", Item::Word("true".into()));
                }
                draft
            });
            match written.and_then(|draft| self.checked(&name, 1, draft, child.line, &key)) {
                Ok(part) => {
                    count += 1;
                    parts.push(part);
                }
                Err(why) => {
                    self.note(child.line, &key, format!("not carried over: {why}"), "add it by hand");
                    parts.push(format!("  # {name} was not carried over: {}\n", writer::comment(&why)));
                }
            }
        }
        // A map of comments alone would be nothing, which is no map.
        *out += if count == 0 { "servers: {}\n" } else { "servers:\n" };
        parts.iter().for_each(|part| *out += part);
        Ok(count)
    }

    /// A name that servers may have, and that no other has here.
    fn name(&mut self, given: &str) -> Option<String> {
        let fit = fit_name(given)?;
        // What has to change anyway becomes what is easy to type.
        let fit = if fit == given { fit } else { fit.to_ascii_lowercase() };
        let mut name = fit.clone();
        for n in 2.. {
            let taken = self.reserved.contains(&name) && name != given;
            if !taken && self.names.insert(name.clone()) {
                break;
            }
            let short: String = fit.chars().take(56).collect();
            name = format!("{short}-{n}");
        }
        Some(name)
    }

    /// Renders a draft as the parser takes it: what it refuses is left out, with a note. Servers are at depth 1.
    fn checked(
        &mut self,
        name: &str,
        depth: usize,
        mut draft: Draft,
        line: u32,
        key: &Key<'_>,
    ) -> Result<String, String> {
        let above = if depth == 0 { "" } else { "servers" };
        let prefix = format!("{above}{}{}.", if depth == 0 { "" } else { "." }, Key::Child(&Key::Root, name));
        loop {
            let part = draft.render(name, depth);
            let text = if depth == 0 { part.clone() } else { format!("{above}:\n{part}") };
            let Err(error) = parse_as(Format::Yaml, Path::new(DRAFT), Some(Path::new("/")), text.as_bytes()) else {
                return Ok(part);
            };
            let why = error.errors.first().map(|first| first.message.clone()).unwrap_or_default();
            let mut removed = false;
            for wrong in &error.errors {
                let Some(at) = wrong.key.strip_prefix(&prefix) else { continue };
                let end = at.find(['.', '[']).unwrap_or(at.len());
                let (top, inner) = at.split_at_checked(end).unwrap_or((at, ""));
                // Without these a server is none.
                if ["command", "url"].contains(&top) || !draft.remove(top) {
                    continue;
                }
                removed = true;
                let help = wrong.help.clone().unwrap_or_else(|| "add it by hand".to_owned());
                self.note(
                    line,
                    &key.child(top),
                    format!("not carried over: {}", inner_message(inner, &wrong.message)),
                    help,
                );
            }
            if !removed {
                return Err(why);
            }
        }
    }

    /// What stands beside the servers.
    fn rest(&mut self, root: &Node, top: &Node, out: &mut String) {
        let draft = retry::orchestration(self, top);
        if !draft.keys.is_empty() {
            let key = Key::Child(&Key::Root, "orchestration");
            let line = top.get("orchestration").map_or(top.line, |node| node.line);
            match self.checked("orchestration", 0, draft, line, &key) {
                Ok(part) => *out += &part,
                Err(why) => self.note(line, &key, format!("not carried over: {why}"), "add it by hand"),
            }
        }
        let known = [self.kind.servers_key(), "inputs", "orchestration", "retry_policy", "$schema"];
        let nested = !std::ptr::eq(root, top);
        for (name, child) in entries(root).iter().filter(|(name, _)| !nested && !known.contains(&name.as_str())) {
            self.note(child.line, &Key::Root.child(name), "not carried over", "it is not about servers");
        }
    }
}

fn inner_message(inner: &str, message: &str) -> String {
    if inner.is_empty() {
        message.to_owned()
    } else {
        format!("{}: {message}", quoted(visible(inner).trim_start_matches('.')))
    }
}

/// The entries of a map; of anything else none.
fn entries(node: &Node) -> &[(String, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        _ => &[],
    }
}
