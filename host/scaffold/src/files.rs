//! The files that a project is made of, as the crate carries them.

use crate::{Kind, Language};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/files.rs"));
}

/// A file of a project: its path in it, and its contents.
pub(crate) struct File {
    pub path: String,
    pub contents: Vec<u8>,
}

/// Where a project keeps what is ours.
pub(crate) const VENDOR: &str = "tollgate";

/// The author's own files, filled in with the project's name.
pub(crate) fn template(kind: Kind, language: Language, name: &str) -> Vec<File> {
    let prefix = format!("{language}/{kind}/");
    let own = embedded::TEMPLATES.iter().filter_map(|(path, contents)| Some((path.strip_prefix(&*prefix)?, contents)));
    own.map(|(path, contents)| {
        // Kept without the dot, so that it does not hide files from our own repository.
        let path = if path == "gitignore" { ".gitignore" } else { path };
        let text = String::from_utf8_lossy(contents).replace("{{name}}", name);
        File { path: path.to_owned(), contents: text.into_bytes() }
    })
    .collect()
}

/// The helper package of the language, and the WIT.
pub(crate) fn vendored(language: Language) -> Vec<File> {
    let wanted = |path: &str| path.starts_with("wit/") || path.starts_with(language.helper_package());
    let ours = embedded::VENDORED.iter().filter(|(path, _)| wanted(path));
    ours.map(|(path, contents)| File { path: format!("{VENDOR}/{path}"), contents: contents.to_vec() }).collect()
}
