//! Compiled components on disk.
//!
//! A file is named by the component's digest and stands in a folder named by the engine's settings. It
//! holds machine code, so it is loaded only when it belongs to this user or the system's and nobody else can
//! write it, and when its checksum (its last 40 bytes) is right. Anything else is compiled anew.
//! Files are written aside and renamed, so that processes that race see a whole file or none.

use crate::inspect::Digest;
use rustix::fs::{FileType, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"TGCACHE1";
const TRAILER_BYTES: usize = 32 + MAGIC.len();

/// Where compiled components are kept. Without a folder, they are compiled in every process.
#[derive(Clone, Debug, Default)]
pub struct CompileCache {
    /// Written and read: this user's own.
    dir: Option<PathBuf>,
    /// Read only: what came with the program.
    bundled: Option<PathBuf>,
}

impl CompileCache {
    /// Keeps compiled components under `root`, which is made when it is not there, for this user alone.
    /// A folder that cannot be made or that others can write is not used, and a warning says so. `bundled`
    /// is a folder of the same form that is only read.
    pub fn new(root: Option<&Path>, bundled: Option<&Path>, engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let settings = format!("{:016x}", hasher.finish());
        let dir = root.map(|root| root.join(&settings)).filter(|dir| {
            let made = make_private(dir);
            if let Err(error) = &made {
                tracing::warn!(folder = %dir.display(), %error, "the compile cache is not used");
            }
            made.is_ok()
        });
        Self { dir, bundled: bundled.map(|root| root.join(&settings)) }
    }

    /// The file that a component is kept in.
    pub fn path(&self, digest: Digest) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(file_name(digest)))
    }

    /// Loads a compiled component, where there is a good one.
    pub(crate) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let folders = [self.bundled.as_ref(), self.dir.as_ref()];
        folders.into_iter().flatten().find_map(|dir| load_file(engine, &dir.join(file_name(digest))))
    }

    /// Keeps a compiled component. Failing to is no error: the next process compiles again.
    pub(crate) fn store(&self, digest: Digest, component: &Component) {
        let Some(path) = self.path(digest) else { return };
        let kept = component
            .serialize()
            .map_err(|e| e.to_string())
            .and_then(|code| write_aside(&path, &code).map_err(|e| e.to_string()));
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "the compiled component could not be kept");
        }
    }
}

fn file_name(digest: Digest) -> String {
    format!("{}.cwasm", digest.hex())
}

fn load_file(engine: &Engine, path: &Path) -> Option<Component> {
    match read_verified(path) {
        Ok(code) => {
            // SAFETY: `deserialize` runs what it is given, so it must be given only what `Component::serialize`
            // wrote. The file belongs to this user or the system, nobody else can write it, and its checksum
            // is right; whoever could forge that is already this user.
            #[allow(unsafe_code)]
            let component = unsafe { Component::deserialize(engine, code) };
            component.inspect_err(|error| tracing::warn!(path = %path.display(), %error, "compiling anew")).ok()
        }
        Err(Unusable::Missing) => None,
        Err(Unusable::Bad(why)) => {
            tracing::warn!(path = %path.display(), why, "this cache entry is not used; compiling anew");
            None
        }
    }
}

enum Unusable {
    Missing,
    Bad(&'static str),
}

fn make_private(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let meta = std::fs::symlink_metadata(dir)?;
    if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(std::io::Error::other("it is not a folder of this user's"));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn read_verified(path: &Path) -> Result<Vec<u8>, Unusable> {
    // NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Err(Unusable::Missing),
        Err(_) => return Err(Unusable::Bad("it cannot be opened")),
    };
    let stat = rustix::fs::fstat(&file).map_err(|_| Unusable::Bad("it cannot be looked at"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
        || (stat.st_uid != rustix::process::geteuid().as_raw() && stat.st_uid != 0)
        || stat.st_mode & 0o022 != 0
    {
        return Err(Unusable::Bad("others could have written it"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stat.st_size).unwrap_or(0));
    std::fs::File::from(file).read_to_end(&mut bytes).map_err(|_| Unusable::Bad("it cannot be read"))?;
    let code_bytes = bytes.len().checked_sub(TRAILER_BYTES).ok_or(Unusable::Bad("it is cut off"))?;
    let (code, trailer) = bytes.split_at(code_bytes);
    if trailer != seal(code) {
        return Err(Unusable::Bad("its checksum is wrong"));
    }
    bytes.truncate(code_bytes);
    Ok(bytes)
}

fn seal(code: &[u8]) -> [u8; TRAILER_BYTES] {
    let mut trailer = [0; TRAILER_BYTES];
    let (sum, magic) = trailer.split_at_mut(32);
    sum.copy_from_slice(&Sha256::digest(code));
    magic.copy_from_slice(MAGIC);
    trailer
}

fn write_aside(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().ok_or_else(|| std::io::Error::other("no folder"))?;
    // Made with mode 0600, and removed again when anything fails before the rename.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(code)?;
    file.write_all(&seal(code))?;
    file.persist(path)?;
    Ok(())
}
