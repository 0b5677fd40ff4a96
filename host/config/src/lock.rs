//! The lock file: which bytes a configuration's components and OpenAPI documents had when somebody last looked.
//!
//! `tollgate.lock` stands beside the configuration. Where there is one, a file that differs from what it pins, or that it
//! does not list, is refused until `tollgate lock --update`. Where there is none, nothing is checked.

use crate::diagnostic::{ConfigError, Diagnostic, Report, quoted, visible};
use crate::model::{Adapter, AdapterCode, Code, Config, Digest, Document, Transport};
use crate::resolve::open_regular;
use crate::tree::{Node, Value};
use crate::{toml, too_large};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

/// The lock file's name.
pub const LOCK_FILE: &str = "tollgate.lock";
/// The largest lock file, in bytes.
pub const LOCK_MAX_BYTES: u64 = 4 << 20;
/// The version of its form that is read and written.
pub const LOCK_VERSION: u32 = 1;

/// What is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A component's file.
    Component,
    /// An OpenAPI document.
    Document,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Component, Self::Document];

    /// The key of its list in the file.
    fn key(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Document => "document",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// Where bytes come from, as the lock file names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A file: relative to the lock file's folder where it is below it, else absolute.
    Path(String),
    /// A URL.
    Url(String),
}

impl Source {
    fn key(&self) -> &'static str {
        match self {
            Self::Path(_) => "path",
            Self::Url(_) => "url",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Path(text) | Self::Url(text) => text,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(self.text()))
    }
}

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Their SHA-256.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
}

impl Pin {
    /// The pin of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest(Sha256::digest(bytes).into()), size: bytes.len() as u64 }
    }
}

/// A lock file's content. Entries are kept in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    file: PathBuf,
    pins: BTreeMap<(Kind, Source), Pin>,
}

/// Why something may not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is not what was pinned.
    #[error(
        "the {kind} {source_} has changed: it is {} now, and {} pins {}; if you changed it, run `tollgate lock --update`",
        short(.now, .pinned), .file.display(), short(.pinned, .now)
    )]
    Changed {
        /// The lock file.
        file: PathBuf,
        /// What it is.
        kind: Kind,
        /// Where it comes from.
        source_: Source,
        /// What was pinned.
        pinned: Pin,
        /// What there is.
        now: Pin,
    },
    /// It is not in the lock file.
    #[error("the {kind} {source_} is not in {}; run `tollgate lock --update` to pin it as it is now", .file.display())]
    Missing {
        /// The lock file.
        file: PathBuf,
        /// What it is.
        kind: Kind,
        /// Where it comes from.
        source_: Source,
    },
    /// Its path cannot be written in a lock file.
    #[error("{} cannot be pinned: its path is not UTF-8 text; rename it", .0.display())]
    NotText(PathBuf),
}

/// A digest short enough to read, or whole where the two would look the same.
fn short(one: &Pin, other: &Pin) -> String {
    let (one, other) = (one.digest.to_string(), other.digest.to_string());
    let short = |text: &str| text.get(..12).map(str::to_owned).unwrap_or_default();
    if short(&one) == short(&other) && one != other {
        format!("sha256:{one}")
    } else {
        format!("sha256:{}…", short(&one))
    }
}

impl Lock {
    /// The lock file beside a configuration.
    pub fn beside(config: &Path) -> PathBuf {
        config.with_file_name(LOCK_FILE)
    }

    /// A lock file in which nothing is pinned yet.
    pub fn new(file: PathBuf) -> Self {
        Self { file, pins: BTreeMap::new() }
    }

    /// Reads a lock file. None if there is none: then nothing is checked.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn load(file: &Path) -> Result<Option<Self>, ConfigError> {
        let unreadable = |error| Diagnostic::of_file(file, format!("cannot be read: {error}"));
        let opened = match open_regular(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error).into()),
        };
        let mut bytes = Vec::new();
        opened.take(LOCK_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Self::parse(file, &bytes).map(Some)
    }

    /// Reads the bytes of a lock file.
    ///
    /// # Errors
    /// Everything that is wrong in them.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() as u64 > LOCK_MAX_BYTES {
            return Err(Diagnostic::of_file(file, too_large(LOCK_MAX_BYTES)).into());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Diagnostic::of_file(file, "not UTF-8 text"))?;
        let root = toml::parse(text).map_err(|error| Diagnostic::at(file, error.line, "", error.message))?;
        let mut reading = Reading { file, errors: Report::default(), lines: BTreeMap::new(), pins: BTreeMap::new() };
        reading.root(&root);
        if !reading.errors.is_empty() {
            return Err(ConfigError { errors: reading.errors.into_list(), warnings: Vec::new() });
        }
        Ok(Self { file: file.to_owned(), pins: reading.pins })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How a file is named here. `path` is as the configuration has it.
    ///
    /// # Errors
    /// [`LockError::NotText`].
    pub fn path(&self, path: &Path) -> Result<Source, LockError> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let below = path.strip_prefix(folder).unwrap_or(path);
        // `./a.wasm` and `a.wasm` are one file.
        let plain: PathBuf = below.components().filter(|part| !matches!(part, Component::CurDir)).collect();
        match plain.to_str() {
            Some(text) => Ok(Source::Path(text.to_owned())),
            None => Err(LockError::NotText(path.to_owned())),
        }
    }

    /// Checks that bytes are what was pinned. Call it with the very bytes that will be used, not with a file that is read
    /// again.
    ///
    /// # Errors
    /// [`LockError::Changed`], [`LockError::Missing`].
    pub fn check(&self, kind: Kind, source: &Source, bytes: &[u8]) -> Result<(), LockError> {
        self.check_pin(kind, source, Pin::of(bytes))
    }

    /// As [`Lock::check`], for bytes whose digest is known already.
    ///
    /// # Errors
    /// [`LockError::Changed`], [`LockError::Missing`].
    pub fn check_pin(&self, kind: Kind, source: &Source, now: Pin) -> Result<(), LockError> {
        let (file, source_) = (self.file.clone(), source.clone());
        match self.pins.get(&(kind, source.clone())) {
            Some(pinned) if *pinned == now => Ok(()),
            Some(pinned) => Err(LockError::Changed { file, kind, source_, pinned: *pinned, now }),
            None => Err(LockError::Missing { file, kind, source_ }),
        }
    }

    /// Pins bytes as they are.
    pub fn pin(&mut self, kind: Kind, source: Source, pin: Pin) {
        self.pins.insert((kind, source), pin);
    }

    /// What changes from this to another, in the order of the file.
    pub fn changes(&self, to: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let all: BTreeMap<_, ()> = self.pins.keys().chain(to.pins.keys()).map(|key| (key, ())).collect();
        for (key, ()) in all {
            let (before, after) = (self.pins.get(key).copied(), to.pins.get(key).copied());
            if before != after {
                changes.push(Change { kind: key.0, source: key.1.clone(), before, after });
            }
        }
        changes
    }

    /// How many of what are pinned, in words.
    pub fn summary(&self) -> String {
        let count = |kind: Kind| self.pins.keys().filter(|(of, _)| *of == kind).count();
        let words = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        format!("{}, {}", words(count(Kind::Component), "component"), words(count(Kind::Document), "document"))
    }

    /// How a document is named here.
    ///
    /// # Errors
    /// [`LockError::NotText`].
    pub fn document(&self, document: &Document) -> Result<Source, LockError> {
        match document {
            Document::File(file) => self.path(file),
            Document::Url(url) => Ok(Source::Url(url.clone())),
        }
    }

    /// The file's text. The same pins give the same text.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "# Written by `tollgate lock --update`: what the configuration beside runs. Keep both together.\nversion = {LOCK_VERSION}\n"
        );
        for ((kind, source), Pin { digest, size }) in &self.pins {
            let name = ::toml::Value::String(source.text().to_owned());
            text.push_str(&format!(
                "\n[[{kind}]]\n{} = {name}\ndigest = \"sha256:{digest}\"\nsize = {size}\n",
                source.key()
            ));
        }
        text
    }

    /// Writes the file: whole, or not at all.
    ///
    /// # Errors
    /// It cannot be written, or would be larger than [`LOCK_MAX_BYTES`].
    pub fn write(&self) -> std::io::Result<()> {
        let text = self.to_text();
        if text.len() as u64 > LOCK_MAX_BYTES {
            return Err(std::io::Error::other(too_large(LOCK_MAX_BYTES)));
        }
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mode = std::fs::Permissions::from_mode(0o644);
        let mut file = tempfile::Builder::new().prefix(".tollgate.lock").permissions(mode).tempfile_in(folder)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all())?;
        file.persist(&self.file).map(drop).map_err(|error| error.error)
    }
}

/// The components that a configuration names: what its lock file pins of it, beside documents. Servers that are not started
/// are among them, because a reload may start them.
pub fn components(config: &Config) -> impl Iterator<Item = &Path> {
    let adapters = config.servers.iter().filter_map(|server| match &server.transport {
        Transport::Adapter(Adapter { code: AdapterCode::Component(file), .. }) => Some(file.value.as_path()),
        Transport::Adapter(_) | Transport::Process(_) | Transport::Remote(_) => None,
    });
    let policies = config.policies.iter().filter_map(|policy| match &policy.code {
        Code::Component(file) => Some(file.value.as_path()),
        // What is shipped is of the program, not of a file.
        Code::Script(..) | Code::Shipped(_) => None,
    });
    adapters.chain(policies)
}

/// The documents that a configuration names.
pub fn documents(config: &Config) -> impl Iterator<Item = &Document> {
    config.servers.iter().filter_map(|server| match &server.transport {
        Transport::Adapter(Adapter { code: AdapterCode::OpenApi(api), .. }) => Some(&api.document.value),
        _ => None,
    })
}

/// What an update changes. Written as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
    /// What was pinned.
    pub before: Option<Pin>,
    /// What is pinned then.
    pub after: Option<Pin>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, source, .. } = self;
        match (self.before, self.after) {
            (Some(before), Some(after)) => {
                write!(f, "~ {kind} {source}: {} -> {}", short(&before, &after), short(&after, &before))?;
                write!(f, ", {} -> {} bytes", before.size, after.size)
            }
            (None, Some(after)) => write!(f, "+ {kind} {source}: {}, {} bytes", short(&after, &after), after.size),
            (Some(before), None) => write!(f, "- {kind} {source}: {}", short(&before, &before)),
            (None, None) => Ok(()),
        }
    }
}

/// A lock file that is being read.
struct Reading<'a> {
    file: &'a Path,
    errors: Report,
    /// Where each entry was found first.
    lines: BTreeMap<(Kind, Source), u32>,
    pins: BTreeMap<(Kind, Source), Pin>,
}

impl Reading<'_> {
    fn wrong(&mut self, line: u32, key: impl fmt::Display, message: impl Into<String>) {
        let help = "undo the change, or run `tollgate lock --update` to write the file anew";
        self.errors.push(Diagnostic::at(self.file, line, key, message).help(help));
    }

    fn root(&mut self, root: &Node) {
        match root.get("version").map(|node| (node.line, &node.value)) {
            Some((_, Value::Number(version))) if *version == LOCK_VERSION.to_string() => {}
            Some((line, _)) => {
                let message = format!("this program knows version {LOCK_VERSION} of lock files");
                let help = "use the newer Tollgate that wrote it";
                // What a later version has cannot be judged.
                return self.errors.push(Diagnostic::at(self.file, line, "version", message).help(help));
            }
            None => self.wrong(1, "version", format!("is missing; write `version = {LOCK_VERSION}`")),
        }
        let Value::Map(keys) = &root.value else { return };
        for (key, node) in keys {
            let kind = Kind::ALL.into_iter().find(|kind| kind.key() == key);
            match (kind, &node.value) {
                (Some(kind), Value::List(entries)) => {
                    for entry in entries {
                        if self.errors.is_full() {
                            return;
                        }
                        self.entry(kind, entry);
                    }
                }
                (Some(kind), _) => self.wrong(node.line, key, format!("is not a list; write `[[{kind}]]`")),
                (None, _) if key == "version" => {}
                (None, _) => self.wrong(node.line, quoted(key), "unknown key"),
            }
        }
    }

    fn entry(&mut self, kind: Kind, entry: &Node) {
        let Value::Map(keys) = &entry.value else {
            return self.wrong(entry.line, kind, format!("is not a list of tables; write `[[{kind}]]`"));
        };
        let line = keys.iter().map(|(_, node)| node.line).min().unwrap_or(entry.line);
        let (mut source, mut digest, mut size) = (None, None, None);
        for (key, node) in keys {
            let known = match (key.as_str(), &node.value) {
                ("path", Value::Text(text)) => source.replace(Source::Path(text.clone())).is_none(),
                ("url", Value::Text(text)) => source.replace(Source::Url(text.clone())).is_none(),
                ("digest", Value::Text(text)) => {
                    digest = read_digest(text);
                    digest.is_some()
                }
                ("size", Value::Number(text)) => {
                    size = text.parse().ok();
                    size.is_some()
                }
                _ => false,
            };
            if !known {
                let wanted = "an entry has `path` or `url`, `digest` (`sha256:` and 64 digits) and `size` (bytes)";
                return self.wrong(node.line, format_args!("{kind}.{}", visible(key)), wanted);
            }
        }
        let (Some(source), Some(digest), Some(size)) = (source, digest, size) else {
            return self.wrong(line, kind, "an entry lacks `path` or `url`, `digest` or `size`");
        };
        if let Some(first) = self.lines.insert((kind, source.clone()), line) {
            return self.wrong(
                line,
                kind,
                format!("{} is pinned twice; line {first} has it too", quoted(source.text())),
            );
        }
        self.pins.insert((kind, source), Pin { digest, size });
    }
}

fn read_digest(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    hex::decode_to_slice(text.strip_prefix("sha256:")?, &mut digest.0).ok()?;
    Some(digest)
}
