//! `tollgate secrets`. No value is ever printed.

use crate::args::{Global, SecretsCommand};
use crate::exit::{ERROR, Failure};
use crate::print::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::setup;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Read as _};
use tollgate::Secret;
use tollgate::config::Config;
use tollgate::config::model::{SecretPlace, Transport};
use tollgate::secrets::{SecretStore as _, StoreError};

/// The longest value that is read from stdin, in bytes.
const VALUE_MAX_BYTES: u64 = 64 << 10;

pub(crate) async fn secrets(global: &Global, command: SecretsCommand) -> Result<u8, Failure> {
    match command {
        SecretsCommand::List { json } => list(global, json).await,
        SecretsCommand::Set { name } => set(&name).await,
        SecretsCommand::Check { json } => check(global, json).await,
    }
}

fn failed(error: &StoreError) -> Failure {
    Failure::usage(error.to_string())
}

/// Where each secret is, in words.
async fn places(config: &Config) -> Result<BTreeMap<String, String>, Failure> {
    let mut places = BTreeMap::new();
    if let Some(store) = setup::secret_folder() {
        for name in store.list().await.map_err(|error| failed(&error))? {
            places.insert(name, "kept for this user".to_owned());
        }
    }
    for secret in &config.secrets {
        let place = match &secret.from {
            SecretPlace::Env(variable) => format!("the variable {variable}"),
            SecretPlace::File(file) => format!("the file {}", file.display()),
            SecretPlace::Command(argv) => format!("the command {}", argv.first().map_or("", String::as_str)),
        };
        places.insert(secret.name.value.clone(), place);
    }
    Ok(places)
}

/// The secrets that a configuration uses, and who does.
fn users(config: &Config) -> BTreeMap<String, BTreeSet<String>> {
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |secret: &str, user: &str| {
        users.entry(secret.to_owned()).or_default().insert(user.to_owned());
    };
    for server in &config.servers {
        match &server.transport {
            Transport::Adapter(adapter) => {
                adapter.secrets.iter().for_each(|used| add(&used.secret.value, &server.name.value));
            }
            Transport::Process(process) => {
                process.env.iter().flat_map(|v| v.value.value.secrets()).for_each(|s| add(s, &server.name.value));
            }
            Transport::Remote(remote) => {
                remote.headers.iter().flat_map(|v| v.value.value.secrets()).for_each(|s| add(s, &server.name.value));
            }
        }
    }
    for policy in &config.policies {
        policy.secrets.iter().for_each(|used| add(&used.secret.value, &policy.name.value));
    }
    users
}

async fn list(global: &Global, as_json: bool) -> Result<u8, Failure> {
    let config = setup::configuration(global)?.unwrap_or_default();
    let (places, users) = (places(&config).await?, users(&config));
    let used_by = |name: &str| users.get(name).into_iter().flatten().cloned().collect::<Vec<_>>();
    if as_json {
        let list = places.iter().map(|(name, place)| json!({"name": name, "place": place, "used_by": used_by(name)}));
        print::json(&list.collect::<Vec<_>>())?;
        return Ok(0);
    }
    if places.is_empty() {
        print::note("there are no secrets; `tollgate secrets set NAME` keeps one");
    }
    for (name, place) in &places {
        let by = used_by(name);
        let by = if by.is_empty() { String::new() } else { format!("; used by {}", by.join(", ")) };
        print::out(format_args!("{}  {}", styled(BOLD, name), styled(DIM, format_args!("{place}{by}"))))?;
    }
    Ok(0)
}

async fn set(name: &str) -> Result<u8, Failure> {
    let store =
        setup::secret_folder().ok_or_else(|| Failure::usage("there is no home folder to keep secrets in: set HOME"))?;
    let value = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("The value of {name} (it is not shown): "))
    } else {
        let mut text = String::new();
        std::io::stdin().take(VALUE_MAX_BYTES + 1).read_to_string(&mut text).map(|_| text)
    };
    let value = value.map_err(|error| Failure::usage(format!("the value cannot be read: {error}")))?;
    if value.len() as u64 > VALUE_MAX_BYTES {
        return Err(Failure::usage("a secret has at most 64 KiB"));
    }
    let value = value.strip_suffix('\n').map_or(value.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    store.set(name, Secret::from(value)).await.map_err(|error| failed(&error))?;
    print::out(format_args!("{name} is kept for this user"))?;
    Ok(0)
}

async fn check(global: &Global, as_json: bool) -> Result<u8, Failure> {
    let config = setup::needed_configuration(global)?;
    let store = setup::secret_store(&config);
    let mut found = Vec::new();
    let mut names = users(&config);
    config.secrets.iter().for_each(|secret| {
        names.entry(secret.name.value.clone()).or_default();
    });
    for (name, users) in names {
        let problem = store.get(&name).await.err().map(|error| error.to_string());
        found.push((name, users, problem));
    }
    let bad = found.iter().any(|(.., problem)| problem.is_some());
    if as_json {
        let list = found.iter().map(|(name, users, problem)| json!({"name": name, "used_by": users, "error": problem}));
        print::json(&list.collect::<Vec<_>>())?;
    } else {
        for (name, _, problem) in &found {
            match problem {
                None => print::out(format_args!("{} {name}", styled(GOOD, "ok ")))?,
                Some(why) => print::out(format_args!("{} {name}: {}", styled(BAD, "no "), print::visible(why)))?,
            }
        }
    }
    Ok(if bad { ERROR } else { 0 })
}
