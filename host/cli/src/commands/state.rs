//! `tollgate state`: what components keep from run to run.

use crate::args::{Global, Owner, StateCommand};
use crate::exit::{ERROR, Failure};
use crate::print::{self, BOLD, styled};
use crate::setup;
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use tollgate::config::suggest;
use tollgate::state::{
    Holder, Key, KeyInfo, KeyRange, LazySqliteStore, Namespace, PAGE_MAX_KEYS, SqliteOptions, StateError,
    StateStore as _,
};
use tollgate::{Status, Tenant};

/// How many owners are read at once.
const PAGE_OWNERS: u32 = 1_000;

pub(crate) async fn state(global: &Global, command: StateCommand) -> Result<u8, Failure> {
    let kept = Kept::open(global)?;
    match command {
        StateCommand::List { owner: Some(owner), tenant, json } => {
            let tenant = tenant.unwrap_or_else(|| Tenant::default().0.to_string());
            kept.keys(&Owner { owner, tenant }, json).await
        }
        StateCommand::List { owner: None, tenant, json } => kept.owners(tenant.as_deref(), json).await,
        StateCommand::Get { owner, key, json } => kept.get(&owner, key, json).await,
        StateCommand::Clear { owner, yes, json } => kept.clear(&owner, yes, json).await,
    }
}

/// The file; nothing where there is none yet.
struct Kept {
    file: PathBuf,
    store: Option<LazySqliteStore>,
}

impl Kept {
    fn open(global: &Global) -> Result<Self, Failure> {
        let configured = setup::configuration(global)?.and_then(|config| config.state.file);
        let file = configured.or_else(setup::state_file).ok_or_else(|| {
            Failure::usage("there is no home folder where state is kept: set HOME, or the key `state.file`")
        })?;
        // A look at nothing leaves no file behind.
        let store = file.exists().then(|| LazySqliteStore::new(&file, SqliteOptions::default()));
        Ok(Self { file, store })
    }

    async fn holders(&self) -> Result<Vec<Holder>, Failure> {
        let mut holders: Vec<Holder> = Vec::new();
        let Some(store) = &self.store else { return Ok(holders) };
        loop {
            let after = holders.last().map(|holder| holder.space.clone());
            let page = store.holders(after, PAGE_OWNERS).await.map_err(failed)?;
            let more = page.len() == PAGE_OWNERS as usize;
            holders.extend(page);
            if !more {
                return Ok(holders);
            }
        }
    }

    async fn owners(&self, tenant: Option<&str>, as_json: bool) -> Result<u8, Failure> {
        let mut holders = self.holders().await?;
        holders.retain(|holder| tenant.is_none_or(|tenant| holder.space.tenant() == tenant));
        if as_json {
            let list = holders.iter().map(|Holder { space, used }| {
                json!({"owner": space.owner(), "tenant": space.tenant(), "keys": used.keys, "bytes": used.bytes})
            });
            print::json(&list.collect::<Vec<_>>())?;
        } else if holders.is_empty() {
            print::note(format_args!("nothing is kept in {}", self.file.display()));
        } else {
            let rows = holders.iter().map(|Holder { space, used }| {
                vec![
                    styled(BOLD, shown(space.owner())),
                    shown(space.tenant()),
                    used.keys.to_string(),
                    print::bytes(used.bytes),
                ]
            });
            print::out(print::table(&["OWNER", "TENANT", "KEYS", "SIZE"], rows))?;
        }
        Ok(0)
    }

    /// The store and the namespace of an owner that keeps something.
    async fn of(&self, owner: &Owner) -> Result<(&LazySqliteStore, Holder), Failure> {
        let holders = self.holders().await?;
        let is_it = |holder: &&Holder| holder.space.owner() == owner.owner && holder.space.tenant() == owner.tenant;
        match (&self.store, holders.iter().find(is_it)) {
            (Some(store), Some(holder)) => Ok((store, holder.clone())),
            _ => Err(unknown(owner, &holders)),
        }
    }

    async fn keys(&self, owner: &Owner, as_json: bool) -> Result<u8, Failure> {
        let (store, Holder { space, .. }) = self.of(owner).await?;
        let keys = keys(store, &space).await?;
        if as_json {
            let list = keys
                .iter()
                .map(|KeyInfo { key, version, size }| json!({"key": key, "version": version, "bytes": size}));
            print::json(&list.collect::<Vec<_>>())?;
        } else {
            let rows = keys.iter().map(|KeyInfo { key, version, size }| {
                vec![styled(BOLD, shown(key)), version.to_string(), print::bytes(*size)]
            });
            print::out(print::table(&["KEY", "VERSION", "SIZE"], rows))?;
        }
        Ok(0)
    }

    async fn get(&self, owner: &Owner, key: String, as_json: bool) -> Result<u8, Failure> {
        let (store, Holder { space, .. }) = self.of(owner).await?;
        let wanted = Key::new(key.as_str()).map_err(|error| Failure::usage(error.to_string()))?;
        let Some(entry) = store.get(&space, wanted).await.map_err(failed)? else {
            let known = keys(store, &space).await?;
            let known: Vec<_> = known.iter().map(|info| info.key.as_str()).collect();
            let help = match suggest(&key, &known) {
                Some(near) => format!("did you mean `{}`?", shown(near)),
                None => format!("`tollgate state list {}` lists its keys", shown(space.owner())),
            };
            return Err(Failure::usage(format!("`{}` keeps no key `{}`; {help}", shown(space.owner()), shown(&key))));
        };
        let value: Value = serde_json::from_str(&entry.value)
            .map_err(|error| Failure::error(format!("the value is not JSON: {error}")))?;
        if as_json {
            print::json(&json!({
                "owner": space.owner(), "tenant": space.tenant(), "key": key, "version": entry.version, "value": value,
            }))?;
        } else {
            print::out(print::tame(&format!("{value:#}")))?;
        }
        Ok(0)
    }

    async fn clear(&self, owner: &Owner, yes: bool, as_json: bool) -> Result<u8, Failure> {
        let (store, Holder { space, used }) = self.of(owner).await?;
        let what = if used.keys == 1 { "the key".to_owned() } else { format!("all {} keys", used.keys) };
        let what = format!("{what} of `{}` ({})", shown(space.owner()), print::bytes(used.bytes));
        if !yes {
            if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
                let message = format!("there is no terminal to ask on; give --yes to forget {what}");
                return Err(Failure { code: Status::Denied.exit_code(), message });
            }
            match setup::answers_yes(&format!("Forget {what}? [y/N] ")).await {
                Some(true) => {}
                Some(false) => {
                    let message = "nothing was forgotten".to_owned();
                    return Err(Failure { code: Status::Denied.exit_code(), message });
                }
                None => return Err(Failure::cancelled("cancelled; nothing was forgotten")),
            }
        }
        let gone = store.clear(&space).await.map_err(failed)?;
        if as_json {
            print::json(&json!({
                "owner": space.owner(), "tenant": space.tenant(), "keys": gone.keys, "bytes": gone.bytes,
            }))?;
        } else {
            let keys = if gone.keys == 1 { "key" } else { "keys" };
            print::out(format_args!("{} {keys} forgotten", gone.keys))?;
        }
        Ok(0)
    }
}

/// Every key of an owner.
async fn keys(store: &LazySqliteStore, space: &Namespace) -> Result<Vec<KeyInfo>, Failure> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let range = KeyRange { prefix: String::new(), after, limit: PAGE_MAX_KEYS };
        let page = store.list(space, range).await.map_err(failed)?;
        keys.extend(page.keys);
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

fn failed(error: StateError) -> Failure {
    Failure { code: ERROR, message: error.to_string() }
}

/// Says who is near the one that keeps nothing: the same in another tenant, of another kind, or nearly so written.
fn unknown(owner: &Owner, holders: &[Holder]) -> Failure {
    let name = |owner: &'_ str| owner.split_once(':').map_or(owner.to_owned(), |(_, name)| name.to_owned());
    let mut help = "`tollgate state list` lists who keeps something".to_owned();
    if let Some(other) = holders.iter().find(|holder| holder.space.owner() == owner.owner) {
        help = format!("the tenant `{0}` has one: give --tenant {0}", shown(other.space.tenant()));
    } else {
        let here = holders.iter().filter(|holder| holder.space.tenant() == owner.tenant);
        let known: Vec<_> = here.map(|holder| holder.space.owner()).collect();
        let same = known.iter().copied().find(|known| name(known) == name(&owner.owner));
        if let Some(near) = same.or_else(|| suggest(&owner.owner, &known)) {
            help = format!("did you mean `{}`?", shown(near));
        }
    }
    Failure::usage(format!("`{}` keeps nothing; {help}", shown(&owner.owner)))
}

/// A name that a component gave, fit for a terminal: what cannot be seen is escaped.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_and_the_rest_stays() {
        assert_eq!(shown("plan/Ä's \"x\"\\"), "plan/Ä's \"x\"\\");
        assert_eq!(shown("a\u{1b}[2J\u{202e}\u{200b}"), "a\\u{1b}[2J\\u{202e}\\u{200b}");
    }
}
