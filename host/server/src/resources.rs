//! Resources, resource templates, prompts and completion of all servers.
//!
//! A resource is seen as `tollgate://SERVER/URI`, its own URI whole at the end, so that templates still expand. One
//! that comes under its own URI, as in a tool's result or where names are left as they are, is the server's that gave it to the agent, else the one server's that
//! lists it or whose template makes it. What may be several servers' is refused.

use crate::agent::{Agent, unknown};
use crate::drive::Outcome;
use crate::tools::rpc_error;
use crate::uri_template;
use rmcp::RoleServer;
use rmcp::model::{CompleteRequestParams, ErrorData, JsonObject, Reference};
use rmcp::service::RequestContext;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate::{CallError, Client, ListKind, Listed, Query, QueryKind, ToolName};

const SCHEME: &str = "tollgate://";

/// The name of a server's resource, or template, for agents.
pub(crate) fn exposed_uri(agent: &Agent, server: &str, uri: &str) -> String {
    if agent.front().options().prefix_resources { format!("{SCHEME}{server}/{uri}") } else { uri.to_owned() }
}

/// The items of all servers, under the names under which agents see them.
pub(crate) async fn list<T: DeserializeOwned>(agent: &Agent, kind: ListKind) -> Vec<T> {
    agent.front().settled().await;
    let items = agent.view().list(kind).await;
    let prompts = if kind == ListKind::Prompts { Some(prompt_names(agent, &items)) } else { None };
    items
        .into_iter()
        .filter_map(|Listed { server, mut item }| {
            let member = kind.name_of_item();
            let name = item.get(member)?.as_str()?.to_owned();
            let exposed = match &prompts {
                Some(names) => names.name_of(&ToolName { server, tool: name })?.to_owned(),
                None => exposed_uri(agent, &server, &name),
            };
            item.insert(member.to_owned(), exposed.into());
            serde_json::from_value(Value::Object(item)).ok()
        })
        .collect()
}

fn prompt_names(agent: &Agent, items: &[Listed]) -> tollgate_surface::Exposed {
    let names = items.iter().filter_map(|listed| {
        let name = listed.item.get(ListKind::Prompts.name_of_item())?.as_str()?;
        Some(ToolName { server: listed.server.clone(), tool: name.to_owned() })
    });
    agent.front().options().naming.expose(names)
}

/// The server that has a resource, and the resource's URI there.
pub(crate) async fn locate(agent: &Agent, uri: &str) -> Result<(String, String), ErrorData> {
    let view = agent.view();
    if !view.passes_on() {
        return Err(not_found("there is no resource here", uri));
    }
    let named = uri.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'));
    let named = named.map(|(server, uri)| (server.to_owned(), uri.to_owned()));
    if let Some(named) = named.clone().filter(|_| agent.front().options().prefix_resources) {
        return Ok(named);
    }
    let servers_there = view.servers();
    let mut servers = agent.front().given().givers(agent.identity(), uri);
    servers.retain(|name| servers_there.iter().any(|server| server.name == *name));
    if servers.is_empty() {
        servers = listers(agent, uri).await;
    }
    // Where names are not made here, one of this form may also be another host's own.
    if let Some(named) =
        named.filter(|(server, _)| servers.is_empty() && servers_there.iter().any(|there| there.name == *server))
    {
        return Ok(named);
    }
    match (&servers[..], &servers_there[..]) {
        // With a single server there is nobody else to ask.
        ([only], _) => Ok((only.clone(), uri.to_owned())),
        ([], [only]) => Ok((only.name.clone(), uri.to_owned())),
        ([], _) => Err(not_found(
            &format!("no server lists `{uri}`; a resource is named `{SCHEME}SERVER/URI`, as in resources/list"),
            uri,
        )),
        (several, _) => {
            let names: Vec<_> = several.iter().map(|server| format!("`{SCHEME}{server}/{uri}`")).collect();
            let why = format!("several servers may have `{uri}`; say which one is meant: {}", names.join(" or "));
            Err(ErrorData::invalid_params(why, Some(json!({"uri": uri, "servers": several}))))
        }
    }
}

/// The servers that list a resource, or a template, of this name; else those whose templates make it.
async fn listers(agent: &Agent, uri: &str) -> Vec<String> {
    let view = agent.view();
    let resources = view.list(ListKind::Resources).await;
    let templates = view.list(ListKind::ResourceTemplates).await;
    let named = |listed: &Listed, member: &str, is: &dyn Fn(&str) -> bool| {
        listed.item.get(member).and_then(Value::as_str).is_some_and(is)
    };
    let is_it = |name: &str| name == uri;
    let lists = resources.iter().filter(|listed| named(listed, "uri", &is_it));
    let lists = lists.chain(templates.iter().filter(|listed| named(listed, "uriTemplate", &is_it)));
    let mut servers: Vec<_> = lists.map(|listed| listed.server.clone()).collect();
    if servers.is_empty() {
        let makes_it = |template: &str| uri_template::makes(template, uri);
        let make = templates.iter().filter(|listed| named(listed, "uriTemplate", &makes_it));
        servers = make.map(|listed| listed.server.clone()).collect();
    }
    servers.sort();
    servers.dedup();
    servers
}

fn not_found(why: &str, uri: &str) -> ErrorData {
    ErrorData::resource_not_found(why.to_owned(), Some(json!({"uri": uri})))
}

/// The query for a resource.
pub(crate) async fn read(agent: &Agent, uri: &str, context: &RequestContext<RoleServer>) -> Result<Query, ErrorData> {
    let (server, name) = locate(agent, uri).await?;
    let mut params = json!({"uri": name});
    pass_on_meta(&mut params, context);
    Ok(Query { server, kind: QueryKind::ReadResource, name, params: params.to_string() })
}

/// The query for a prompt.
pub(crate) async fn prompt(
    agent: &Agent,
    name: &str,
    arguments: Option<JsonObject>,
    context: &RequestContext<RoleServer>,
) -> Result<Query, ErrorData> {
    let ToolName { server, tool: name } = locate_prompt(agent, name).await?;
    let mut params = json!({"name": name});
    if let (Some(members), Some(arguments)) = (params.as_object_mut(), arguments) {
        members.insert("arguments".to_owned(), Value::Object(arguments));
    }
    pass_on_meta(&mut params, context);
    Ok(Query { server, kind: QueryKind::GetPrompt, name, params: params.to_string() })
}

async fn locate_prompt(agent: &Agent, name: &str) -> Result<ToolName, ErrorData> {
    let items = agent.view().list(ListKind::Prompts).await;
    let found = prompt_names(agent, &items).tool_of(name).cloned();
    found.ok_or_else(|| unknown(&format!("there is no prompt `{name}`; prompts/list says which there are")))
}

/// The query for a completion.
pub(crate) async fn completion(agent: &Agent, mut request: CompleteRequestParams) -> Result<Query, ErrorData> {
    let (server, name, kind) = match &mut request.r#ref {
        Reference::Resource(reference) => {
            let (server, uri) = locate(agent, &reference.uri).await?;
            reference.uri.clone_from(&uri);
            (server, uri, QueryKind::CompleteResource)
        }
        Reference::Prompt(reference) => {
            let ToolName { server, tool } = locate_prompt(agent, &reference.name).await?;
            reference.name.clone_from(&tool);
            (server, tool, QueryKind::CompletePrompt)
        }
        _ => return Err(unknown("only arguments of prompts and resource templates can be completed")),
    };
    let params = serde_json::to_string(&request).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(Query { server, kind, name, params })
}

fn pass_on_meta(params: &mut Value, context: &RequestContext<RoleServer>) {
    let meta = crate::tools::passed_on(context).and_then(|meta| serde_json::from_str(&meta).ok());
    if let (Some(members), Some(meta)) = (params.as_object_mut(), meta) {
        members.insert("_meta".to_owned(), meta);
    }
}

/// Asks the server.
pub(crate) async fn ask(agent: Agent, query: Query, client: Option<Arc<dyn Client>>) -> Outcome {
    let server = query.server.clone();
    match agent.view().query(query, agent.context(client)).await {
        Ok(text) => {
            agent.front().given().note(agent.identity(), &server, &text);
            Ok(text)
        }
        Err(failure) => Err(match &failure.error {
            CallError::Rejected(error) => rpc_error(error),
            CallError::InvalidArguments(_) => unknown(&failure.to_string()),
            _ => ErrorData::internal_error(failure.to_string(), None),
        }),
    }
}
