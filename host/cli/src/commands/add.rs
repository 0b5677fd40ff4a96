//! `tollgate add`: a server into the configuration file.

use crate::args::{AddCommand, Global};
use crate::exit::Failure;
use crate::{print, setup, wait};
use std::path::{Path, PathBuf};
use tollgate::config::{self, edit};
use tollgate::{Host, ServerState};

/// The file that is begun where there is none.
const NEW_FILE: &str = "tollgate.yaml";

pub(crate) async fn add(global: &Global, command: AddCommand) -> Result<u8, Failure> {
    let (key, value, name) = match command {
        AddCommand::Openapi { document, name } => {
            let name = name.unwrap_or_else(|| name_of(document.rsplit('/').next().unwrap_or_default()));
            ("openapi", document, name)
        }
        AddCommand::Component { file, name } => {
            let stem = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            ("component", file.to_string_lossy().into_owned(), name.unwrap_or_else(|| name_of(&stem)))
        }
        AddCommand::Url { url, name } => ("url", url, name),
    };
    let file = match &global.config {
        Some(file) => file.clone(),
        None => setup::discovered()?.unwrap_or_else(|| PathBuf::from(NEW_FILE)),
    };
    let is_url = value.contains("://");
    // What is found from here must be found from the configuration's folder too.
    let value = if is_url { value } else { from_folder(&file, &value)? };
    let shown = file.display();
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::usage(format!("{shown} cannot be read: {error}"))),
    };
    let folders = setup::home();
    let added = edit::add_server(&file, folders.as_deref(), &text, &name, &[(key, &value)])
        .map_err(|error| Failure::usage(error.to_string()))?;

    // It is looked at before it is written: a document that is none should not stay in the file.
    let only = edit::add_server(&file, folders.as_deref(), "", &name, &[(key, &value)]);
    let only = only.map_err(|error| Failure::usage(error.to_string()))?;
    let only = config::parse(&file, folders.as_deref(), only.as_bytes())?;
    let host = setup::builder(vec![], None)?.config(only).build().await?;
    tokio::select! {
        () = wait::wait(|| wait::connecting(&host), host.settled()) => {}
        () = setup::interrupted() => {
            host.shutdown().await;
            return Err(Failure::cancelled("cancelled; nothing was added"));
        }
    }
    let told = looked_at(&host, &name);
    host.shutdown().await;
    write(&file, &added).map_err(|error| Failure::usage(format!("{shown} cannot be written: {error}")))?;
    print::out(format_args!("added `{name}` to {shown}: {told}"))?;
    if global.config.is_none() {
        // Whoever adds to a file has read what is in it, but not everybody who may write it is that person.
        print::note(format_args!("the file changed, so it is to be trusted anew: tollgate trust {shown}"));
    }
    Ok(0)
}

/// How the new server is. One that needs a secret or a login first is added all the same.
fn looked_at(host: &Host, name: &str) -> String {
    match host.servers().into_iter().find(|server| server.name == name) {
        Some(server) if server.state == ServerState::Ready => format!("{} tools", server.tools),
        Some(server) => {
            let why = server.error.as_deref().unwrap_or("not ready yet");
            format!("it is not ready: {}", print::line(why, 400))
        }
        None => "it is not ready".to_owned(),
    }
}

/// A server's name of a file's.
fn name_of(file: &str) -> String {
    let stem = file.split('.').next().unwrap_or_default();
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let name = name.trim_matches(['-', '_']).to_owned();
    if name.is_empty() { "api".to_owned() } else { name }
}

/// A path as the configuration's folder sees it.
fn from_folder(config: &Path, value: &str) -> Result<String, Failure> {
    let path = Path::new(value);
    if !path.exists() {
        return Err(Failure::usage(format!("{value} is not there")));
    }
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_absolute() || folder.is_none_or(|folder| folder == Path::new(".")) {
        return Ok(value.to_owned());
    }
    let cwd = std::env::current_dir().map_err(|error| Failure::usage(error.to_string()))?;
    Ok(cwd.join(path).to_string_lossy().into_owned())
}

/// In place of the old file at once, with its permissions.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = std::fs::metadata(file) {
        new.as_file().set_permissions(old.permissions())?;
    }
    new.persist(file).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_names_of_servers() {
        for (file, want) in
            [("petstore.yaml", "petstore"), ("My API v2.json", "my-api-v2"), ("日本.json", "api"), ("", "api")]
        {
            assert_eq!(name_of(file), want, "{file}");
        }
    }
}
