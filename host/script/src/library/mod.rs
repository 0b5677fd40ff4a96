//! Scripts kept on disk under names.
//!
//! A folder has, for each script, its source (`NAME.js`, `NAME.ts`, `NAME.py`), so that editors open it, and `NAME.json`
//! with what is known about it, its digest too. Source that is not what was saved is not run: whoever edits a file saves
//! it again, under the eyes of whoever may. Files are 0600, the folder 0700; each is renamed into place, and processes
//! that share a folder take turns. A crash between a script's two files leaves one that is refused until it is saved
//! again.
//!
//! Each principal has a folder of its own, and runs nothing of another's by name. A script that its owner shares is copied to a
//! folder of the tenant, where it is named by the digest of all that it is: nobody can change it there, and whoever runs it
//! names exactly what was looked at.

mod files;
mod schema;

pub use schema::{INPUT_MAX_STEPS, SCHEMA_MAX_BYTES};

use crate::language::Language;
use crate::prepare::SOURCE_MAX_BYTES;
use files::Folder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tollgate_core::{Principal, Tenant};

/// The longest name of a script, in characters.
pub const NAME_MAX_CHARS: usize = 64;
/// The most scripts of a folder.
pub const SCRIPTS_MAX: usize = 1_000;
/// The most scripts that one principal shares with its tenant.
pub const SHARED_MAX: usize = 100;
/// The most scripts that are shared within a tenant.
const ALL_SHARED_MAX: usize = 5_000;
/// What the name of a shared script begins with.
const SHARED_PREFIX: &str = "sha256:";
/// The longest description, in characters.
pub const DESCRIPTION_MAX_CHARS: usize = 2_000;

/// Why a script cannot be saved, read or run.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No name for a script.
    #[error(
        "`{0}` cannot name a script: use 1 to {NAME_MAX_CHARS} of `a-z`, `0-9`, `_` and `-`, a letter or digit first"
    )]
    Name(String),
    /// There is none of this name.
    #[error("there is no script `{0}`: `list_scripts` names those there are")]
    Unknown(String),
    /// There is one already.
    #[error("there is a script `{0}` already: ask to overwrite it, or save it under another name")]
    Exists(String),
    /// The source is too long.
    #[error("the script has {0} bytes, and {SOURCE_MAX_BYTES} is the most")]
    TooLong(usize),
    /// The description is too long.
    #[error("the description is longer than {DESCRIPTION_MAX_CHARS} characters")]
    Description,
    /// The library is full.
    #[error("there are {SCRIPTS_MAX} scripts already: delete some first")]
    Full,
    /// Too many are shared.
    #[error("{0} scripts are shared already: no more can be")]
    TooManyShared(usize),
    /// Nothing can be shared here.
    #[error("this host shares no scripts")]
    NotShared,
    /// The source is not what was saved.
    #[error("script `{0}` is not what was saved: its file was changed since. Look at it, and save it again")]
    Changed(String),
    /// What is known about a script cannot be read.
    #[error("what is known about script `{0}` cannot be read ({1}): save it again, or delete it")]
    Damaged(String, String),
    /// The schema for the input is none that can be used.
    #[error("the input schema cannot be used: {0}")]
    Schema(String),
    /// The input does not fit the script's schema.
    #[error("the input does not fit the script's schema: {0}")]
    Input(String),
    /// A file cannot be read or written.
    #[error("{} cannot be {what}: {source}", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried: `read`, `written`, `locked`, `deleted`, `made`, `moved`.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

/// A script to save.
#[derive(Clone, Debug)]
pub struct NewScript<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its language.
    pub language: Language,
    /// Its source, as it was submitted.
    pub code: &'a str,
    /// What it does, for whoever chooses.
    pub description: &'a str,
    /// JSON Schema of its input. Without one, any input is taken.
    pub input_schema: Option<&'a Value>,
    /// Who saves it.
    pub principal: &'a Principal,
    /// On whose account.
    pub tenant: &'a Tenant,
    /// Whether one of this name is replaced.
    pub overwrite: bool,
}

/// What is known about a saved script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedScript {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: Language,
    /// What it does.
    pub description: String,
    /// JSON Schema of its input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_schema: Option<Value>,
    /// SHA-256 of its source, in hexadecimal digits.
    pub sha256: String,
    /// When it was saved, in milliseconds since the epoch.
    pub saved_unix_ms: u64,
    /// Who saved it.
    pub principal: String,
    /// On whose account.
    pub tenant: String,
}

/// The scripts of one principal, in a folder of its own; and those that its tenant shares.
#[derive(Clone, Debug)]
pub struct Library {
    folder: Folder,
    shared: Option<Folder>,
}

impl Library {
    /// The scripts of a folder, which is made when the first is saved.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Folder::new(folder.into()), shared: None }
    }

    /// The same, with a folder for what is shared among several such.
    #[must_use]
    pub fn sharing(mut self, folder: impl Into<PathBuf>) -> Self {
        self.shared = Some(Folder::new(folder.into()));
        self
    }

    /// Takes over the scripts that this principal saved in a folder that several had together, as older versions did. What has
    /// a name that is taken here stays there.
    ///
    /// # Errors
    /// [`LibraryError::File`] when a file cannot be moved.
    pub fn adopt(&self, from: impl Into<PathBuf>, principal: &Principal) -> Result<(), LibraryError> {
        let old = Self::new(from);
        let names = old.folder.names()?;
        if names.is_empty() {
            return Ok(());
        }
        let _turns = (old.folder.lock()?, self.folder.lock()?);
        let taken = self.folder.names()?;
        for name in names.iter().filter(|name| !taken.contains(name)) {
            let name = Name::new(name)?;
            if let Ok(saved) = old.about(&name)
                && *saved.principal == *principal.0
            {
                old.folder.move_to(&self.folder, &name.source(saved.language))?;
                old.folder.move_to(&self.folder, &name.about())?;
            }
        }
        Ok(())
    }

    /// Shares a script as it is now with all principals of the tenant, and gives the name under which they run it. What is
    /// shared is not taken back by saving another.
    ///
    /// # Errors
    /// [`LibraryError`]; [`LibraryError::TooManyShared`] when there is no room.
    pub fn share(&self, name: &str) -> Result<String, LibraryError> {
        let shared = Self { folder: self.shared.clone().ok_or(LibraryError::NotShared)?, shared: None };
        let (mut saved, code) = self.get(name)?;
        saved.name = saved.whole_digest(&code)?;
        let text = serde_json::to_string_pretty(&saved)
            .map_err(|error| LibraryError::Damaged(name.to_owned(), error.to_string()))?;
        let name = Name::new(&saved.name)?;
        let _turn = shared.folder.lock()?;
        let names = shared.folder.names()?;
        if !names.contains(&saved.name) {
            let others = names.iter().filter_map(|name| shared.about(&Name::new(name).ok()?).ok());
            let own = others.filter(|other| other.principal == saved.principal).count();
            if own >= SHARED_MAX || names.len() >= ALL_SHARED_MAX {
                return Err(LibraryError::TooManyShared(own.min(SHARED_MAX)));
            }
            shared.folder.write(&name.source(saved.language), code.as_bytes())?;
            shared.folder.write(&name.about(), text.as_bytes())?;
        }
        Ok(format!("{SHARED_PREFIX}{}", saved.name))
    }

    /// The scripts that are shared within the tenant, under the names by which they run. What cannot be read is left out.
    ///
    /// # Errors
    /// [`LibraryError::File`] when the folder cannot be read.
    pub fn shared(&self) -> Result<Vec<SavedScript>, LibraryError> {
        let Some(folder) = &self.shared else { return Ok(Vec::new()) };
        let shared = Self { folder: folder.clone(), shared: None };
        let mut names = folder.names()?;
        names.sort();
        let named = |name: &String| {
            let saved = shared.about(&Name::new(name).ok()?).ok()?;
            Some(SavedScript { name: format!("{SHARED_PREFIX}{name}"), ..saved })
        };
        Ok(names.iter().filter_map(named).collect())
    }

    /// A shared script and its source: exactly what the digest names.
    fn get_shared(&self, digest: &str) -> Result<(SavedScript, String), LibraryError> {
        let unknown = || LibraryError::Unknown(format!("{SHARED_PREFIX}{}", Name::shown(digest)));
        let folder = self.shared.clone().ok_or_else(unknown)?;
        let (saved, code) = Self { folder, shared: None }.get(digest).map_err(|error| match error {
            LibraryError::Name(_) | LibraryError::Unknown(_) => unknown(),
            error => error,
        })?;
        if saved.whole_digest(&code)? != saved.name {
            return Err(LibraryError::Changed(saved.name));
        }
        Ok((saved, code))
    }

    /// Saves a script at `now`.
    ///
    /// # Errors
    /// [`LibraryError`]: nothing is changed then, except that a script whose second file cannot be written is refused
    /// until it is saved again.
    pub fn save(&self, script: &NewScript<'_>, now: SystemTime) -> Result<SavedScript, LibraryError> {
        let name = Name::new(script.name)?;
        if script.code.len() > SOURCE_MAX_BYTES {
            return Err(LibraryError::TooLong(script.code.len()));
        }
        if script.description.chars().nth(DESCRIPTION_MAX_CHARS).is_some() {
            return Err(LibraryError::Description);
        }
        if let Some(schema) = script.input_schema {
            schema::compile(schema).map_err(LibraryError::Schema)?;
        }
        let millis = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let saved = SavedScript {
            name: script.name.to_owned(),
            language: script.language,
            description: script.description.to_owned(),
            input_schema: script.input_schema.cloned(),
            sha256: digest(script.code),
            saved_unix_ms: u64::try_from(millis).unwrap_or(u64::MAX),
            principal: script.principal.0.to_string(),
            tenant: script.tenant.0.to_string(),
        };
        let text = serde_json::to_string_pretty(&saved)
            .map_err(|error| LibraryError::Damaged(script.name.to_owned(), error.to_string()))?;
        let _turn = self.folder.lock()?;
        let names = self.folder.names()?;
        let known = names.iter().any(|other| other == script.name);
        if known && !script.overwrite {
            return Err(LibraryError::Exists(script.name.to_owned()));
        }
        if !known && names.len() >= SCRIPTS_MAX {
            return Err(LibraryError::Full);
        }
        self.folder.write(&name.source(script.language), script.code.as_bytes())?;
        self.folder.write(&name.about(), text.as_bytes())?;
        for other in Language::ALL.into_iter().filter(|language| *language != script.language) {
            self.folder.delete(&name.source(other))?;
        }
        Ok(saved)
    }

    /// All scripts, by name. What cannot be read is among the others as an error.
    ///
    /// # Errors
    /// [`LibraryError::File`] when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Result<SavedScript, LibraryError>>, LibraryError> {
        let mut names = self.folder.names()?;
        names.sort();
        names.truncate(SCRIPTS_MAX);
        Ok(names.iter().map(|name| self.about(&Name::new(name)?)).collect())
    }

    /// A script and its source: one's own by its name, a shared one by `sha256:` and its digest.
    ///
    /// # Errors
    /// [`LibraryError`]; [`LibraryError::Changed`] when the source is not what was saved.
    pub fn get(&self, name: &str) -> Result<(SavedScript, String), LibraryError> {
        if let Some(digest) = name.strip_prefix(SHARED_PREFIX) {
            return self.get_shared(digest);
        }
        let name = Name::new(name)?;
        let _turn = self.folder.lock_shared()?;
        let saved = self.about(&name)?;
        let source = self.folder.read(&name.source(saved.language), SOURCE_MAX_BYTES)?;
        let changed = || LibraryError::Changed(saved.name.clone());
        let code = String::from_utf8(source.ok_or_else(changed)?).map_err(|_| changed())?;
        if digest(&code) != saved.sha256 {
            return Err(changed());
        }
        Ok((saved, code))
    }

    /// Deletes a script. Says whether there was one.
    ///
    /// # Errors
    /// [`LibraryError::Name`] and [`LibraryError::File`].
    pub fn delete(&self, name: &str) -> Result<bool, LibraryError> {
        let name = Name::new(name)?;
        if !self.folder.exists() {
            return Ok(false);
        }
        let _turn = self.folder.lock()?;
        let mut found = self.folder.delete(&name.about())?;
        for language in Language::ALL {
            found |= self.folder.delete(&name.source(language))?;
        }
        Ok(found)
    }

    fn about(&self, name: &Name<'_>) -> Result<SavedScript, LibraryError> {
        let unknown = || LibraryError::Unknown(name.0.to_owned());
        let text = self.folder.read(&name.about(), ABOUT_MAX_BYTES)?.ok_or_else(unknown)?;
        let damaged = |why: String| LibraryError::Damaged(name.0.to_owned(), why);
        let saved: SavedScript = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if saved.name != name.0 {
            return Err(damaged("it is about another script".to_owned()));
        }
        Ok(saved)
    }
}

/// The longest `NAME.json`, in bytes: the schema may grow sixfold when it is escaped and indented.
const ABOUT_MAX_BYTES: usize = 1 << 20;

impl SavedScript {
    /// The digest of all that a script is for whoever runs it: its language, source, description and schema.
    fn whole_digest(&self, code: &str) -> Result<String, LibraryError> {
        let whole = serde_json::to_string(&(self.language, code, &self.description, &self.input_schema));
        whole.map(|whole| digest(&whole)).map_err(|error| LibraryError::Damaged(self.name.clone(), error.to_string()))
    }

    /// Holds a script's input, a JSON document, against its schema.
    ///
    /// # Errors
    /// [`LibraryError::Input`] with the first few reasons, and [`LibraryError::Schema`].
    pub fn check_input(&self, input: &str) -> Result<(), LibraryError> {
        tollgate_core::json::check(input).map_err(|error| LibraryError::Input(format!("it is not JSON: {error}")))?;
        self.input_schema.as_ref().map_or(Ok(()), |schema| schema::check(schema, input))
    }
}

/// A name that is one: nothing in it leads out of a folder.
struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    fn new(name: &'a str) -> Result<Self, LibraryError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = name.starts_with(plain)
            && name.len() <= NAME_MAX_CHARS
            && name.chars().all(|c| plain(c) || matches!(c, '_' | '-'));
        if fits { Ok(Self(name)) } else { Err(LibraryError::Name(Self::shown(name))) }
    }

    /// What is no name, fit for an error.
    fn shown(name: &str) -> String {
        name.chars().filter(|c| !c.is_control()).take(80).collect()
    }

    fn source(&self, language: Language) -> String {
        format!("{}.{}", self.0, language.extension())
    }

    fn about(&self) -> String {
        format!("{}.json", self.0)
    }
}

fn digest(code: &str) -> String {
    Sha256::digest(code.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
