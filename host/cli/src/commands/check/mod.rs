//! `tollgate check`: a component by its file, or by the name that a configuration gives it.
//!
//! - This file: what is meant. `show`: how it is told. `outside`: servers that are no components.

mod outside;
mod show;

use crate::args::{Check, Global};
use crate::exit::Failure;
use crate::{print, setup};
use std::path::Path;
use tollgate::config::model::{Code, Policy};
use tollgate::config::permissions::{Permissions, SecretUse, Subject, permissions};
use tollgate::config::{Config, suggest};
use tollgate::{Checked, ComponentSource, Given, Host};

/// What was looked at.
struct Looked {
    /// Under which name it is known, where it is.
    named: Option<Named>,
    /// The component; none of a script, nor of a server that is none.
    component: Option<Checked>,
    /// What it was given, where it has a name.
    given: Option<Given>,
    /// What it may do: as what it was given allows, or what it asks for would.
    permissions: Permissions,
    /// What it asks for, in words, where that is another thing.
    asks: Vec<String>,
}

/// A name, and what stands behind it.
struct Named {
    kind: &'static str,
    name: String,
    /// Where the name is from.
    place: String,
    /// What runs, in the words of the configuration.
    runs: String,
}

pub(crate) async fn check(global: &Global, args: Check) -> Result<u8, Failure> {
    let what = args.what.as_str();
    // No name has a slash, and a file need not wait for a configuration that is in order.
    let looked = if what.contains('/') || what.ends_with(".wasm") {
        file(what.as_ref()).await?
    } else {
        named(setup::configuration(global)?.unwrap_or_default(), what).await?
    };
    if args.json { print::json(&show::document(&looked)) } else { print::out(show::text(&looked)) }.map(|()| 0)
}

async fn file(path: &Path) -> Result<Looked, Failure> {
    let host = setup::builder(vec![], None)?.build().await?;
    let checked = host.check(&ComponentSource::File(path.to_owned())).await;
    host.shutdown().await;
    let checked = checked?;
    let grants = checked.descriptor.as_ref().map(|said| said.grants.clone()).unwrap_or_default();
    let subject = Subject { imports: Some(&checked.inspection.imports), grants: &grants, ..Subject::default() };
    let permissions = permissions(&subject);
    Ok(Looked { named: None, component: Some(checked), given: None, permissions, asks: Vec::new() })
}

async fn named(config: Config, what: &str) -> Result<Looked, Failure> {
    let kept = |kind: &str| match what.split_once(':') {
        Some((word, name)) if word == kind => Some(name.to_owned()),
        Some(("policy" | "server", _)) => None,
        _ => Some(what.to_owned()),
    };
    let (policy, server) = (kept("policy").unwrap_or_default(), kept("server").unwrap_or_default());
    let policy_there = config.policies.iter().find(|known| *known.name == policy).cloned();
    let server_there = config.servers.iter().find(|known| *known.name == server).cloned();
    let place = config.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (policy_there, server_there) {
        (Some(policy), other) => {
            if other.is_some() {
                print::note(format_args!("a server has this name too: `tollgate check server:{what}` looks at it"));
            }
            let name = policy.name.value.clone();
            let runs = runs(&policy);
            of_policy(Config { policies: vec![policy], ..config }, Named { kind: "policy", name, place, runs }).await
        }
        (None, Some(server)) => {
            let named =
                Named { kind: "server", name: server.name.value.clone(), place, runs: server.transport.to_string() };
            let host = host(Config { policies: Vec::new(), ..config.clone() }).await?;
            let given = host.check_server(&config, &named.name).await;
            host.shutdown().await;
            Ok(match given? {
                Some(given) => told(named, given),
                None => Looked {
                    component: None,
                    given: None,
                    permissions: outside::permissions(&server),
                    named: Some(named),
                    asks: Vec::new(),
                },
            })
        }
        (None, None) if Path::new(what).is_file() => file(what.as_ref()).await,
        (None, None) if setup::shipped().any(|shipped| shipped == policy) => {
            let place = "the program itself".to_owned();
            let named = Named { kind: "policy", runs: format!("tollgate:{policy}"), name: policy, place };
            of_policy(Config { policies: Vec::new(), ..config }, named).await
        }
        (None, None) => Err(unknown(&config, what)),
    }
}

async fn of_policy(config: Config, named: Named) -> Result<Looked, Failure> {
    let host = host(config).await?;
    let given = host.check_policy(&named.name).await;
    host.shutdown().await;
    let mut looked = told(named, given?);
    if looked.permissions.notes.iter().any(|note| note.starts_with("it asks for")) {
        looked.permissions.notes.push("a run can be given more than this, by `--grant SCOPE`".to_owned());
    }
    Ok(looked)
}

/// A host that starts no server.
async fn host(config: Config) -> Result<Host, Failure> {
    Ok(setup::builder(vec![], None)?.config(Config { servers: Vec::new(), ..config }).build().await?)
}

/// Holds what it asks for against what it was given.
fn told(named: Named, mut given: Given) -> Looked {
    let component = given.component.take();
    let grants: Vec<_> = given.grants.iter().map(ToString::to_string).collect();
    let asked = component.as_ref().and_then(|checked| checked.descriptor.as_ref()).map(|said| said.grants.as_slice());
    let secrets: Vec<_> = given
        .secrets
        .iter()
        .flat_map(|secret| secret.hosts().iter().map(move |host| (secret.name(), host)))
        .map(|(name, host)| SecretUse { name: name.to_owned(), origin: host.to_string() })
        .collect();
    let permissions = permissions(&Subject {
        imports: component.as_ref().map(|checked| checked.inspection.imports.as_slice()),
        grants: &grants,
        asks: asked.unwrap_or_default(),
        secrets: &secrets,
        state: Some((given.quota.keys, given.quota.total_bytes)),
    });
    let asks = asked.map(asks).unwrap_or_default();
    Looked { named: Some(named), component, given: Some(given), permissions, asks }
}

/// What it asks for, in words.
fn asks(grants: &[String]) -> Vec<String> {
    let mut may = permissions(&Subject { grants, ..Subject::default() }).may;
    // The last says what nobody can ask for.
    may.pop();
    may
}

/// What a policy runs, as the configuration says it.
fn runs(policy: &Policy) -> String {
    match &policy.code {
        Code::Component(file) => format!("component {}", file.display()),
        Code::Shipped(name) => format!("tollgate:{}", name.value),
        Code::Script(file, _) => format!("script {}", file.display()),
    }
}

fn unknown(config: &Config, what: &str) -> Failure {
    let mut known: Vec<&str> = config.policies.iter().map(|policy| policy.name.as_str()).collect();
    known.extend(config.servers.iter().map(|server| server.name.as_str()));
    setup::shipped().for_each(|name| known.push(name));
    let name = what.strip_prefix("policy:").or(what.strip_prefix("server:")).unwrap_or(what);
    let help = match suggest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", known.join(", ")),
    };
    Failure::usage(format!("`{}` is no file, and no policy or server has this name; {help}", print::visible(what)))
}
