//! Servers that are no components: what they do is not bounded by grants, and that is said.

use tollgate::config::Server;
use tollgate::config::model::{Auth, Process, Remote, Transport, Variable};
use tollgate::config::permissions::Permissions;

/// What such a server can do, and what it gets.
pub(super) fn permissions(server: &Server) -> Permissions {
    let mut may = Vec::new();
    match &server.transport {
        Transport::Process(Process { env, env_file, .. }) => {
            may.push("runs as a process of this user, outside of the sandbox: no grant bounds what it does".to_owned());
            gets(&mut may, "variables", env);
            if let Some(file) = env_file {
                may.push(format!("gets the variables of `{}`", file.path.display()));
            }
        }
        Transport::Remote(Remote { headers, auth, .. }) => {
            may.push("runs elsewhere: no grant bounds what it does".to_owned());
            gets(&mut may, "headers", headers);
            if matches!(auth, Auth::OAuth(_)) {
                may.push("gets a token of this user's login (OAuth), if it asks for one".to_owned());
            }
        }
        Transport::Adapter(_) => {}
    }
    let mut notes = Vec::new();
    if server.disabled {
        notes.push("it is disabled: nothing starts it".to_owned());
    }
    Permissions { may, notes }
}

/// The names of what it gets, and of the secrets in it.
fn gets(may: &mut Vec<String>, what: &str, variables: &[Variable]) {
    if variables.is_empty() {
        return;
    }
    let names: Vec<_> = variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
    may.push(format!("gets the {what} {}", names.join(", ")));
    let secrets: Vec<_> =
        variables.iter().flat_map(|variable| variable.value.value.secrets()).map(|name| format!("`{name}`")).collect();
    if !secrets.is_empty() {
        may.push(format!("gets in them the secrets {}", secrets.join(", ")));
    }
}
