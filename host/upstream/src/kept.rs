//! The catalogs of lazy servers, in files: what such a server has is known without starting it.

use crate::catalog::{MAX_TOOLS, read_tool};
use crate::client::Lists;
use crate::spec::{ServerSpec, Transport};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io;
use std::path::PathBuf;
use tollgate_core::Tool;
use tollgate_secrets::private;

/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 32 << 20;
/// The format of the files.
const FORMAT: u32 = 1;

/// Keeps the catalogs of lazy servers in files of mode 0600, in a folder of mode 0700: one for each server, replaced as a
/// whole. Several processes may use one folder.
///
/// A file is good for the very command or URL that it was made from, and of at most 32 MiB. What is wrong with one makes
/// its server be started and asked again.
#[derive(Clone, Debug)]
pub struct CatalogStore {
    folder: PathBuf,
}

/// What a server said last.
pub(crate) struct Kept {
    /// All of its tools, as MCP has them: neither what the configuration hides nor what it says of effects is in it.
    pub(crate) tools: Vec<Tool>,
    pub(crate) lists: Lists,
}

/// The first line of a file; each tool is a line of its own.
#[derive(Serialize, Deserialize)]
struct Head {
    tollgate_catalog: u32,
    server: String,
    /// Of what is started or connected to.
    digest: String,
    tools: usize,
    resources: bool,
    prompts: bool,
}

impl CatalogStore {
    /// A store in `folder`, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The names of servers are names of files too, whatever their case.
    fn path(&self, server: &str) -> PathBuf {
        self.folder.join(format!("{server}.jsonl"))
    }

    /// What was kept of the server. `None` when nothing was, or of another command or URL. May block.
    ///
    /// # Errors
    /// The file, and why it cannot be used.
    pub(crate) fn read(&self, spec: &ServerSpec) -> Result<Option<Kept>, String> {
        let Some(digest) = digest(spec) else { return Ok(None) };
        let path = self.path(&spec.name);
        let read = private::read(&path, MAX_FILE_BYTES).map_err(|error| error.to_string());
        let parsed = match read {
            Ok(None) => return Ok(None),
            Ok(Some((bytes, _))) => parse(spec, &digest, &bytes),
            Err(why) => Err(why),
        };
        parsed.map_err(|why| format!("{}: {why}", path.display()))
    }

    /// Keeps what the server says. May block.
    ///
    /// # Errors
    /// The file, and why it cannot be written.
    pub(crate) fn write(&self, spec: &ServerSpec, kept: &Kept) -> Result<(), String> {
        let Some(digest) = digest(spec) else { return Ok(()) };
        let path = self.path(&spec.name);
        let written = || -> io::Result<()> {
            let text = text(&spec.name, digest, kept)?;
            private::open_folder(&self.folder)?;
            match private::read(&path, MAX_FILE_BYTES) {
                Ok(Some((there, _))) if there == text => Ok(()),
                _ => private::replace(&path, &text),
            }
        };
        written().map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The digest of what is started or connected to. Of variables and headers it has the names only. `None` of what is in
/// this process, which is there anyway.
fn digest(spec: &ServerSpec) -> Option<String> {
    let what = match &spec.transport {
        Transport::Stdio { command, args, env, cwd } => {
            json!(["stdio", command, args, env.keys().collect::<Vec<_>>(), cwd.as_deref().map(|c| c.to_string_lossy())])
        }
        Transport::Http { url, headers, kind } => {
            let mut url = reqwest::Url::parse(url).ok()?;
            // They are secrets, and say nothing of what is there.
            let _ = url.set_username("").and_then(|()| url.set_password(None));
            json!(["http", url.as_str(), headers.keys().collect::<Vec<_>>(), format!("{kind:?}")])
        }
        Transport::Stream(_) | Transport::Provider(_) | Transport::Misconfigured { .. } => return None,
    };
    let digest = Sha256::digest(what.to_string());
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn text(server: &str, digest: String, kept: &Kept) -> io::Result<Vec<u8>> {
    let Lists { resources, prompts } = kept.lists;
    let server = server.to_owned();
    let head = Head { tollgate_catalog: FORMAT, server, digest, tools: kept.tools.len(), resources, prompts };
    let mut text = serde_json::to_vec(&head)?;
    for tool in &kept.tools {
        text.push(b'\n');
        serde_json::to_writer(&mut text, &members(tool))?;
        if text.len() as u64 >= MAX_FILE_BYTES {
            return Err(io::Error::other(format!("it has more than {} MiB", MAX_FILE_BYTES >> 20)));
        }
    }
    text.push(b'\n');
    Ok(text)
}

/// The tool as MCP has it.
fn members(tool: &Tool) -> Map<String, Value> {
    let mut members = tool.other.clone();
    let known = [
        ("name", Some(Value::from(tool.name.as_str()))),
        ("title", tool.title.as_deref().map(Value::from)),
        ("description", Some(Value::from(tool.description.as_str()))),
        ("inputSchema", Some(tool.input_schema.clone())),
        ("outputSchema", tool.output_schema.clone()),
        ("annotations", tool.annotations.clone()),
    ];
    members.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    members
}

/// Each tool is a line of its own, so it nests as deep as it did when the server sent it: what could be read then
/// can be read again.
fn parse(spec: &ServerSpec, digest: &str, bytes: &[u8]) -> Result<Option<Kept>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut lines = text.lines();
    let head: Option<Head> = lines.next().and_then(|line| serde_json::from_str(line).ok());
    let head = head.ok_or("line 1 is not what it must be")?;
    if head.tollgate_catalog != FORMAT || head.digest != digest {
        return Ok(None);
    }
    if head.server != spec.name {
        return Err("it is of another server".to_owned());
    }
    if head.tools > MAX_TOOLS {
        return Err(format!("it has over {MAX_TOOLS} tools"));
    }
    let tools: Result<Vec<Tool>, String> = lines
        .enumerate()
        .take(MAX_TOOLS + 1)
        .map(|(i, line)| read_tool(&spec.name, line).map_err(|(_, why)| format!("line {}: {why}", i + 2)))
        .collect();
    let tools = tools?;
    if tools.len() != head.tools {
        return Err(format!("it has {} tools and says that it has {}", tools.len(), head.tools));
    }
    Ok(Some(Kept { tools, lists: Lists { resources: head.resources, prompts: head.prompts } }))
}
