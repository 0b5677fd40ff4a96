//! Filling in `${env:NAME}` and `${secret:NAME}`, when a server is about to start and not before.

use crate::diagnostic::{ConfigError, Diagnostic, Report, quoted};
use crate::model::{Auth, Config, Server, Transport, Variable};
use crate::template::{Piece, Source, Template};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tollgate_core::Secret;
use tollgate_secrets::PlaceError;

/// What fills in a variable: the host's environment for [`Source::Env`]; for [`Source::Secret`], secrets that the
/// configuration does not declare, which an embedding program may hold.
pub type Lookup<'a> = dyn Fn(Source, &str) -> Option<String> + 'a;

/// A server's variables, filled in: the environment of a process (its `envFile` first, then `env` over it), the headers
/// of a remote server, nothing for an adapter. Each name is there once.
///
/// It is asked server by server, so that a variable that is missing stops one server and not the host. It blocks on the
/// files and commands of secrets; a command takes up to 30 seconds.
///
/// # Errors
/// Each value that cannot be filled in, with its line.
pub fn resolve(config: &Config, server: &Server, lookup: &Lookup<'_>) -> Result<Vec<(String, Secret)>, ConfigError> {
    let mut errors = Report::default();
    let (section, variables) = match &server.transport {
        Transport::Process(process) => ("env", process.env.as_slice()),
        Transport::Remote(remote) => ("headers", remote.headers.as_slice()),
        Transport::Adapter(_) => return Ok(Vec::new()),
    };
    let mut resolved = std::collections::BTreeMap::new();
    if let Transport::Process(process) = &server.transport {
        let from_file = process.env_file.iter().flat_map(|file| file.variables.iter().cloned());
        resolved.extend(from_file);
    }
    for Variable { name, value } in variables {
        let key = format!("{}.{section}.{name}", server.key);
        let filled = fill(config, value, lookup).and_then(|filled| match section {
            "headers" if http::HeaderValue::from_str(&filled).is_err() => Err((
                "the value cannot be sent as a header".into(),
                "it holds a line break or control character".into(),
            )),
            _ if filled.contains('\0') => Err(("the value holds a NUL character".into(), "remove it".into())),
            _ => Ok(filled),
        });
        match filled {
            Ok(filled) => {
                resolved.insert(name.clone(), Secret::from(filled));
            }
            Err((message, help)) => {
                errors.push(Diagnostic::at(&config.file, value.line, key, message).help(help));
            }
        }
    }
    if !errors.is_empty() {
        return Err(ConfigError { errors: errors.into_list(), warnings: Vec::new() });
    }
    Ok(resolved.into_iter().collect())
}

/// What a client of OAuth proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthSecret {
    /// Its secret.
    Secret(Secret),
    /// Its private key, in PEM.
    Key(Secret),
}

/// What the server's `auth` proves itself with, filled in. `None` where it needs nothing.
///
/// # Errors
/// The value that cannot be filled in, with its line.
pub fn resolve_auth(config: &Config, server: &Server, lookup: &Lookup<'_>) -> Result<Option<AuthSecret>, ConfigError> {
    let Transport::Remote(remote) = &server.transport else { return Ok(None) };
    let Auth::OAuth(oauth) = &remote.auth else { return Ok(None) };
    let (name, value) = match (&oauth.client_secret, &oauth.client_key) {
        (Some(secret), _) => ("client_secret", secret),
        (None, Some(key)) => ("client_key", key),
        (None, None) => return Ok(None),
    };
    match fill(config, value, lookup) {
        Ok(filled) if name == "client_key" => Ok(Some(AuthSecret::Key(filled.into()))),
        Ok(filled) => Ok(Some(AuthSecret::Secret(filled.into()))),
        Err((message, help)) => {
            let key = format!("{}.auth.{name}", server.key);
            Err(Diagnostic::at(&config.file, value.line, key, message).help(help).into())
        }
    }
}

/// What is wrong, and what to do.
type Trouble = (String, String);

fn fill(config: &Config, template: &Template, lookup: &Lookup<'_>) -> Result<String, Trouble> {
    template
        .pieces()
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => Ok(text.clone()),
            Piece::Variable(Source::Env, name) => environment(name, lookup),
            Piece::Variable(Source::Secret, name) => secret(config, name, lookup),
        })
        .collect()
}

fn environment(name: &str, lookup: &Lookup<'_>) -> Result<String, Trouble> {
    lookup(Source::Env, name).ok_or_else(|| {
        (format!("the environment variable {} is not set", quoted(name)), "set it before the host starts".into())
    })
}

fn secret(config: &Config, name: &str, lookup: &Lookup<'_>) -> Result<String, Trouble> {
    let Some(source) = config.secrets.iter().find(|secret| *secret.name == name) else {
        return lookup(Source::Secret, name).ok_or_else(|| {
            let help =
                format!("add it as `secrets.{name}: {{env: VARIABLE}}`, `{{file: PATH}}` or `{{command: [PROGRAM]}}`");
            (format!("there is no secret {}", quoted(name)), help)
        });
    };
    let found = source.from.read(&|variable| lookup(Source::Env, variable));
    let told = |error: PlaceError| (format!("secret {}: {}", quoted(name), error.message), error.help);
    found.map(|value| value.expose().to_owned()).map_err(told)
}

/// Opens a file, and nothing that could block or never end: a pipe, a device.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    // On Unix an open of a pipe waits for its writer unless it is told not to.
    let file = File::options().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
}
