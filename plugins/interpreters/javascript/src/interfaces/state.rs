//! What is kept between runs: `tollgate.state`.

use futures_util::future::FutureExt;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::failure::Failure;
use super::{Started, arguments};
use crate::bindings::state::{Entry, Expected, Page};
use crate::host::Host;

/// What must be there: `{version: 3}` or `{absent: true}`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetOptions {
    version: Option<u64>,
    #[serde(default)]
    absent: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteOptions {
    version: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListOptions {
    after: Option<String>,
    limit: Option<u32>,
}

/// Asks what a function of `tollgate.state` asks.
pub(super) fn start(host: &dyn Host, path: &str, args: &str) -> Result<Started, Failure> {
    Ok(match path {
        "state.get" => {
            let [key]: [String; 1] = arguments(args)?;
            host.get_state(key).map(|entry| Ok(told_entry(entry?))).boxed_local()
        }
        "state.set" => {
            let (key, value, options): (_, &RawValue, Option<SetOptions>) = arguments(args)?;
            let expected = expected(&options.unwrap_or_default())?;
            host.set_state(key, value.get().to_owned(), expected).map(|version| Ok(version?.to_string())).boxed_local()
        }
        "state.delete" => {
            let (key, options): (_, Option<DeleteOptions>) = arguments(args)?;
            let version = options.unwrap_or_default().version;
            host.delete_state(key, version).map(|was_there| Ok(was_there?.to_string())).boxed_local()
        }
        "state.list" => {
            let (prefix, options): (Option<String>, Option<ListOptions>) = arguments(args)?;
            let ListOptions { after, limit } = options.unwrap_or_default();
            let page = host.list_state(prefix.unwrap_or_default(), after, limit);
            page.map(|page| Ok(told_page(&page?))).boxed_local()
        }
        _ => {
            let why = "there is no such function".to_owned();
            return Err(Failure::new("invalid-arguments", why.clone(), why));
        }
    })
}

fn expected(options: &SetOptions) -> Result<Expected, Failure> {
    match (options.version, options.absent.unwrap_or_default()) {
        (None, false) => Ok(Expected::Any),
        (None, true) => Ok(Expected::Absent),
        (Some(version), false) => Ok(Expected::Version(version)),
        (Some(_), true) => {
            let why = "a key that has a version is not absent: give one of the two".to_owned();
            Err(Failure::new("invalid-arguments", why.clone(), why))
        }
    }
}

fn told_entry(entry: Option<Entry>) -> String {
    // The value is JSON: the host has checked it.
    entry.map_or_else(
        || "null".to_owned(),
        |Entry { value, version }| format!(r#"{{"value":{value},"version":{version}}}"#),
    )
}

fn told_page(page: &Page) -> String {
    let keys = page.keys.iter().map(|key| json!({"key": key.key, "version": key.version, "size": key.size}));
    json!({"keys": keys.collect::<Vec<_>>(), "next": page.next}).to_string()
}
