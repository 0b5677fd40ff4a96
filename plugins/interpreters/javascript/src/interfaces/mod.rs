//! The functions of the global `tollgate`: a script's arguments as the host's types, and what comes of them as JSON.
//!
//! # Layout
//!
//! - This file: which function asks what of the host.
//! - [`model`]: requests to the model and its answers. [`state`]: options and answers of what is kept.
//! - [`failure`]: how they fail.

mod failure;
mod model;
mod state;

use std::future::ready;

use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;

use crate::bindings::{CallFailure, Health, Reply, Server};
use crate::host::Host;
use failure::Failure;

/// The answer as JSON text, or the failure as the prelude reads it.
type Asked = LocalBoxFuture<'static, Result<String, String>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GatherOptions {
    fail_fast: Option<bool>,
}

/// Asks the host what a function of `tollgate` asks, by its path (`state.get`). `args` is a JSON list with all of the
/// function's arguments.
// Apart: what it has on the stack would lie on that of every run, whose memory is counted in pages.
#[cold]
#[inline(never)]
pub(crate) fn ask(host: &dyn Host, path: &str, args: &str) -> Asked {
    let asked = start(host, path, args);
    let path = path.to_owned();
    match asked {
        Ok(answer) => async move { answer.await.map_err(|failure| failure.to_json(&path)) }.boxed_local(),
        Err(failure) => ready(Err(failure.to_json(&path))).boxed_local(),
    }
}

type Started = LocalBoxFuture<'static, Result<String, Failure>>;

fn start(host: &dyn Host, path: &str, args: &str) -> Result<Started, Failure> {
    Ok(match path {
        "complete" => model::complete(host, args)?,
        "ask" => {
            let (message, schema): (String, Option<&RawValue>) =
                serde_json::from_str(args).map_err(|why| Failure::in_words("invalid-question", &why))?;
            let answer = host.ask(message, schema.map_or_else(String::new, |schema| schema.get().to_owned()));
            answer.map(|reply| reply.map(|reply| told_reply(&reply)).map_err(Failure::from)).boxed_local()
        }
        "servers" => now(servers(host, |_| true)),
        "serversByDomain" => {
            let [domain]: [String; 1] = arguments(args)?;
            now(servers(host, |server| server.domains.contains(&domain)))
        }
        "serversByCapability" => {
            let [capability]: [String; 1] = arguments(args)?;
            now(servers(host, |server| server.capabilities.contains(&capability)))
        }
        "gatherAllResources" => {
            let [options]: [Option<GatherOptions>; 1] = arguments(args)?;
            document(host.gather_resources(None, options.and_then(|options| options.fail_fast)))
        }
        "resourcesForDomain" => {
            let [domain]: [String; 1] = arguments(args)?;
            document(host.gather_resources(Some(domain), None))
        }
        "resources.list" => host.list_resources().map(Ok).boxed_local(),
        "resources.read" => {
            let (server, uri) = arguments(args)?;
            document(host.read_resource(server, uri))
        }
        "prompts.list" => host.list_prompts().map(Ok).boxed_local(),
        "prompts.get" => {
            let (server, name, given): (_, _, Option<&RawValue>) = arguments(args)?;
            document(host.get_prompt(server, name, given.map_or("{}", RawValue::get).to_owned()))
        }
        _ => return state::start(host, path, args),
    })
}

/// The arguments of a function.
fn arguments<'a, T: Deserialize<'a>>(args: &'a str) -> Result<T, Failure> {
    serde_json::from_str(args).map_err(|why| Failure::in_words("invalid-arguments", &why))
}

fn now(answer: String) -> Started {
    ready(Ok(answer)).boxed_local()
}

/// What the host answers as JSON.
fn document(answer: crate::host::Answer<String, CallFailure>) -> Started {
    answer.map(|answer| answer.map_err(Failure::from)).boxed_local()
}

/// A text as JSON where it is some.
fn as_json(text: &str) -> Option<&RawValue> {
    // Whether the engine will take it: it may nest too deep to be read.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    serde_json::from_str(text).ok()
}

fn told_reply(reply: &Reply) -> String {
    let (action, content) = match reply {
        Reply::Accepted(content) => ("accept", as_json(content)),
        Reply::Declined => ("decline", None),
        Reply::Dismissed => ("cancel", None),
    };
    format!(r#"{{"action":"{action}","content":{}}}"#, content.map_or("null", RawValue::get))
}

fn servers(host: &dyn Host, wanted: impl Fn(&Server) -> bool) -> String {
    let servers = host.list_servers();
    let told = servers.iter().filter(|server| wanted(server)).map(|server| {
        json!({
            "name": server.name,
            "health": health(server.health),
            "priority": server.priority,
            "domains": server.domains,
            "capabilities": server.capabilities,
            "error": server.error,
        })
    });
    json!(told.collect::<Vec<_>>()).to_string()
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Ready => "ready",
        Health::Connecting => "connecting",
        Health::Idle => "idle",
        Health::Failed => "failed",
        Health::Broken => "broken",
        Health::Stopped => "stopped",
    }
}
