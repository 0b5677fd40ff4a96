//! The front end's own tools: a few that find and call all others, so that an agent's context does not hold hundreds.

use crate::agent::Agent;
use crate::answers::{MAX_ANSWER_BYTES, absent, answer, listed, overview, servers_of, structured, told};
use crate::catalog::{Catalog, name_of};
use crate::drive::Outcome;
use crate::{policies, scripts, tools};
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, JsonObject, Tool};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tollgate::{CallError, Client, DOMAIN_PREFIX, ScriptLanguage, Surface, ToolName, View};
use tollgate_surface::{Detail, Language, Query};

/// The most tools that one answer tells of.
const MAX_FOUND: usize = 50;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetaTool {
    Search,
    Documentation,
    Call,
    RunPolicy,
    Execute,
    SaveScript,
    ListScripts,
    RunScript,
    List,
    Refresh,
    ListPolicies,
    Status,
}

const SMALL: [MetaTool; 5] =
    [MetaTool::Search, MetaTool::Documentation, MetaTool::Call, MetaTool::RunPolicy, MetaTool::Execute];
const FULL: [MetaTool; 7] = [
    MetaTool::SaveScript,
    MetaTool::ListScripts,
    MetaTool::RunScript,
    MetaTool::List,
    MetaTool::Refresh,
    MetaTool::ListPolicies,
    MetaTool::Status,
];

/// How many of them an agent has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Small,
    Full,
}

impl Set {
    /// `None` where tools are seen directly.
    pub(crate) fn of(surface: Surface) -> Option<Self> {
        match surface {
            Surface::Meta => Some(Self::Small),
            Surface::MetaFull => Some(Self::Full),
            Surface::Direct => None,
        }
    }

    fn tools(self) -> impl Iterator<Item = MetaTool> {
        let more: &[MetaTool] = if self == Self::Full { &FULL } else { &[] };
        SMALL.iter().chain(more).copied()
    }
}

/// The tools as agents see them. Scripts are told of where a language can be run.
pub(crate) fn definitions(set: Set, view: &View) -> Vec<Tool> {
    let (languages, seconds) = (view.script_languages(), scripts::max_timeout_seconds(view));
    let tools = set.tools().filter(|tool| !tool.is_of_scripts() || !languages.is_empty());
    tools.filter_map(|tool| serde_json::from_value(tool.definition(&languages, seconds)).ok()).collect()
}

impl MetaTool {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Set::Full.tools()
    }

    pub(crate) fn find(name: &str, set: Set) -> Option<Self> {
        set.tools().find(|tool| tool.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Search => "search_tools",
            Self::Documentation => "get_api_documentation",
            Self::Call => "call_tool",
            Self::RunPolicy => "run_policy",
            Self::Execute => "execute_code",
            Self::SaveScript => "save_script",
            Self::ListScripts => "list_scripts",
            Self::RunScript => "run_script",
            Self::List => "list_available_tools",
            Self::Refresh => "refresh_tools",
            Self::ListPolicies => "list_policies",
            Self::Status => "server_status",
        }
    }

    fn is_of_scripts(self) -> bool {
        matches!(self, Self::Execute | Self::SaveScript | Self::ListScripts | Self::RunScript)
    }

    /// Written for a model that sees it for the first time, in as few tokens as do.
    fn definition(self, languages: &[ScriptLanguage], max_seconds: u64) -> Value {
        let text = json!({"type": "string"});
        let language = json!({"type": "string", "enum": ["typescript", "python"], "default": "typescript"});
        let (description, properties, required, read_only) = match self {
            Self::Search => (
                "Find tools by what they do. Answers with each tool's server:tool name, arguments and purpose, best first. Start here.",
                json!({
                    "query": {"type": "string", "description": "What you want to do, in your own words"},
                    "server": {"type": "string", "description": "Only this server's tools"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_FOUND, "default": 10},
                    "detail": {"type": "string", "enum": ["names", "brief", "full"], "default": "brief"},
                }),
                json!(["query"]),
                true,
            ),
            Self::Documentation => (
                "Typed signatures of tools, with every argument and result: of one tool, one server, or what a query finds. Without any of them: the servers and how many tools each has.",
                json!({"server": text, "tool": text, "query": text, "language": language}),
                json!([]),
                true,
            ),
            Self::Call => (
                "Call one tool. Arguments that do not fit its schema are answered with what is wrong.",
                json!({
                    "server": text,
                    "tool": {"type": "string", "description": "Its name, or server:tool"},
                    "arguments": {"type": "object"},
                }),
                json!(["tool"]),
                false,
            ),
            Self::RunPolicy => (
                "Run a policy: a ready-made workflow over many tools. Without `policy`: lists them with their inputs.",
                json!({"policy": text, "input": {"type": "object"}}),
                json!([]),
                false,
            ),
            Self::Execute => (
                "Run a script in which every tool is a function: loops, conditions, many calls at once. JavaScript: `await server.tool({arg: 1})`, Promise.all; Python: `await server.tool(arg=1)`, asyncio.gather. Answers with the last expression's value (or `return`'s), what is printed, and the calls made. No network or files but by tools.",
                json!({
                    "language": {"type": "string", "enum": languages.iter().map(|l| l.name()).collect::<Vec<_>>()},
                    "code": text,
                    "input": {"description": "The script's `input`: any JSON"},
                    "timeout": {"type": "integer", "description": "Seconds", "minimum": 1, "maximum": max_seconds},
                    "session": {"type": "string", "description": "Scripts of one session share the object `session`"},
                }),
                json!(["language", "code"]),
                false,
            ),
            Self::SaveScript => (
                "Keep a script under a name, for run_script. Answers with its digest.",
                json!({
                    "name": {"type": "string", "description": "a-z, 0-9, - and _"},
                    "language": {"type": "string", "enum": languages.iter().map(|l| l.name()).collect::<Vec<_>>()},
                    "code": text,
                    "description": text,
                    "input_schema": {"type": "object", "description": "JSON Schema of its input"},
                    "overwrite": {"type": "boolean", "default": false},
                    "share": {"type": "boolean", "default": false, "description": "Let others run it as it is now, by its digest"},
                }),
                json!(["name", "language", "code", "description"]),
                false,
            ),
            Self::ListScripts => (
                "List your saved scripts, and those that others share: what each does and takes.",
                json!({}),
                json!([]),
                true,
            ),
            Self::RunScript => (
                "Run a saved script, as execute_code does: yours by its name, a shared one by sha256:…",
                json!({"name": text, "input": {}, "timeout": {"type": "integer", "minimum": 1, "maximum": max_seconds}, "session": text}),
                json!(["name"]),
                false,
            ),
            Self::List => {
                let properties = json!({"server": text, "language": language});
                ("List every tool of every server, or of one, with its signature.", properties, json!([]), true)
            }
            Self::Refresh => (
                "Ask every server anew which tools it has, wait for those that are starting, and say how many tools there are now.",
                json!({}),
                json!([]),
                true,
            ),
            Self::ListPolicies => ("List the policies: what each does and takes.", json!({}), json!([]), true),
            Self::Status => (
                "How each server is: state, tools, calls and their latency, circuit breaker, last error; and what was answered from memory.",
                json!({}),
                json!([]),
                true,
            ),
        };
        json!({
            "name": self.name(),
            "description": description,
            "inputSchema": {"type": "object", "properties": properties, "required": required},
            "annotations": {"readOnlyHint": read_only},
        })
    }

    /// Does it.
    pub(crate) async fn run(
        self,
        agent: Agent,
        client: Arc<dyn Client>,
        args: JsonObject,
        meta: Option<String>,
        cancelled: CancellationToken,
    ) -> Outcome {
        let (front, view) = (agent.front(), agent.view());
        match self {
            Self::Search => {
                let args: SearchArgs = match self.read(args) {
                    Ok(args) => args,
                    Err(why) => return told(why),
                };
                let found = search(&*front.settled_catalog(view).await, &args);
                answer(found + &absent(&agent))
            }
            Self::Documentation => {
                let args: DocumentationArgs = match self.read(args) {
                    Ok(args) => args,
                    Err(why) => return told(why),
                };
                let catalog = front.settled_catalog(view).await;
                documentation(&catalog, &args).map_or_else(told, answer)
            }
            Self::Call => {
                let args: CallArgs = match self.read(args) {
                    Ok(args) => args,
                    Err(why) => return told(why),
                };
                let name = match named(args.server, args.tool) {
                    Ok(name) => name,
                    Err(why) => return told(why),
                };
                let arguments = Value::Object(args.arguments.unwrap_or_default()).to_string();
                match tools::call(&agent, client, name, arguments, meta).await {
                    Ok(text) => Ok(text),
                    // The name was the agent's, so the mistake is one that it can mend.
                    Err(failure) if matches!(failure.error, CallError::UnknownTool(_)) => told(failure.to_string()),
                    Err(failure) => tools::failure_result(&failure),
                }
            }
            Self::RunPolicy => {
                let args: PolicyArgs = match self.read(args) {
                    Ok(args) => args,
                    Err(why) => return told(why),
                };
                let Some(policy) = args.policy else { return list_policies(&agent).await };
                let known = view.policies();
                if !known.contains(&policy) {
                    return told(format!("there is no policy `{policy}`; there is: {}", known.join(", ")));
                }
                policies::run(&agent, client, &policy, args.input.unwrap_or_default(), cancelled).await
            }
            Self::Execute => match self.read(args) {
                Ok(args) => scripts::execute(&agent, client, args, cancelled).await,
                Err(why) => told(why),
            },
            Self::SaveScript => match self.read(args) {
                Ok(args) => scripts::save(&agent, args).await,
                Err(why) => told(why),
            },
            Self::ListScripts => scripts::list(&agent).await,
            Self::RunScript => match self.read(args) {
                Ok(args) => scripts::run_saved(&agent, client, args, cancelled).await,
                Err(why) => told(why),
            },
            Self::List => {
                let args: ListArgs = match self.read(args) {
                    Ok(args) => args,
                    Err(why) => return told(why),
                };
                let catalog = front.settled_catalog(view).await;
                let of_server = |tool: &&Arc<tollgate::Tool>| args.server.as_ref().is_none_or(|s| *s == tool.server);
                let tools: Vec<_> = catalog.tools.iter().filter(of_server).cloned().collect();
                let names: Vec<String> = tools.iter().map(|tool| name_of(tool).to_string()).collect();
                let language = args.language.map_or(Language::TypeScript, Language::from);
                structured(names.join("\n"), listed(&catalog, &tools, language))
            }
            Self::Refresh => {
                view.ask_anew().await;
                let catalog = front.catalog(view);
                let counts = json!({
                    "status": "ok",
                    "server_count": servers_of(&catalog.tools).len(),
                    "tool_count": catalog.tools.len(),
                });
                structured(overview(&catalog) + &absent(&agent), counts)
            }
            Self::ListPolicies => list_policies(&agent).await,
            Self::Status => {
                let status = serde_json::to_value(view.status())
                    .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                let mut result = CallToolResult::success(vec![ContentBlock::text(status.to_string())]);
                result.structured_content = Some(status);
                tools::text_of(&result)
            }
        }
    }

    fn read<T: DeserializeOwned>(self, args: JsonObject) -> Result<T, String> {
        serde_json::from_value(Value::Object(args))
            .map_err(|error| format!("the arguments of {} do not fit: {error}", self.name()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchArgs {
    query: String,
    server: Option<String>,
    limit: Option<usize>,
    detail: Option<SearchDetail>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SearchDetail {
    Names,
    Brief,
    Full,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentationArgs {
    server: Option<String>,
    tool: Option<String>,
    query: Option<String>,
    language: Option<DocLanguage>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DocLanguage {
    #[serde(alias = "javascript", alias = "js", alias = "ts")]
    Typescript,
    #[serde(alias = "py")]
    Python,
}

impl From<DocLanguage> for Language {
    fn from(language: DocLanguage) -> Self {
        match language {
            DocLanguage::Typescript => Self::TypeScript,
            DocLanguage::Python => Self::Python,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallArgs {
    server: Option<String>,
    tool: String,
    arguments: Option<JsonObject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyArgs {
    policy: Option<String>,
    input: Option<JsonObject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListArgs {
    server: Option<String>,
    language: Option<DocLanguage>,
}

/// The tool that is meant; models write `server:tool` in one argument too.
fn named(server: Option<String>, tool: String) -> Result<ToolName, String> {
    // `domain:TOPIC:tool` is for the best server of a topic.
    let of_domain = tool.strip_prefix(DOMAIN_PREFIX).and_then(|rest| rest.split_once(':'));
    if let (None, Some((domain, tool))) = (&server, of_domain) {
        return Ok(ToolName { server: format!("{DOMAIN_PREFIX}{domain}"), tool: tool.to_owned() });
    }
    match (server, tool.split_once(':')) {
        (Some(server), Some((prefix, rest))) if prefix == server => Ok(ToolName { server, tool: rest.to_owned() }),
        (Some(server), _) => Ok(ToolName { server, tool }),
        (None, Some((server, tool))) => Ok(ToolName { server: server.to_owned(), tool: tool.to_owned() }),
        (None, None) => Err(format!("which server's `{tool}`? search_tools says it, as server:tool")),
    }
}

fn search(catalog: &Catalog, args: &SearchArgs) -> String {
    let limit = args.limit.unwrap_or(10).clamp(1, MAX_FOUND);
    let query = Query { text: &args.query, server: args.server.as_deref(), limit };
    let found: Vec<_> = catalog.index().search(&query).into_iter().map(|hit| hit.tool).collect();
    if found.is_empty() {
        return match &args.server {
            Some(server) if !catalog.tools.iter().any(|tool| tool.server == *server) => {
                format!("There is no server `{server}` with tools.\n{}", overview(catalog))
            }
            _ => format!("Nothing found. Try other words, or one of the servers.\n{}", overview(catalog)),
        };
    }
    let mut text = String::new();
    match args.detail.unwrap_or(SearchDetail::Brief) {
        SearchDetail::Names => {
            for tool in &found {
                let _ = writeln!(text, "{}:{}", tool.server, tool.name);
            }
        }
        SearchDetail::Brief => {
            let signatures = catalog.signatures(Language::TypeScript);
            for tool in &found {
                let one = signatures.summaries(std::slice::from_ref(tool));
                let _ = writeln!(text, "{}:{}\n  {}", tool.server, tool.name, one.trim());
            }
        }
        SearchDetail::Full => text = catalog.signatures(Language::TypeScript).document(&found, Detail::Full),
    }
    text
}

fn documentation(catalog: &Catalog, args: &DocumentationArgs) -> Result<String, String> {
    let language = args.language.map_or(Language::TypeScript, Language::from);
    let (server, tool) = match (&args.server, &args.tool) {
        (None, Some(tool)) => {
            let name = named(None, tool.clone())?;
            (Some(name.server), Some(name.tool))
        }
        (server, tool) => (server.clone(), tool.clone()),
    };
    let fits = |t: &&Arc<tollgate::Tool>| {
        server.as_ref().is_none_or(|s| *s == t.server) && tool.as_ref().is_none_or(|name| *name == t.name)
    };
    let found: Vec<_> = match (&args.query, &server, &tool) {
        (Some(text), ..) => {
            let query = Query { text, server: server.as_deref(), limit: 10 };
            catalog.index().search(&query).into_iter().map(|hit| hit.tool).collect()
        }
        (None, None, None) => return Ok(overview(catalog)),
        _ => catalog.tools.iter().filter(fits).cloned().collect(),
    };
    if found.is_empty() {
        return Err(format!("there is no such tool; search_tools finds it by what it does\n{}", overview(catalog)));
    }
    // One tool in full; a whole server in short, when it is large.
    let signatures = catalog.signatures(language);
    let text = signatures.document(&found, Detail::Full);
    Ok(if text.len() > MAX_ANSWER_BYTES { signatures.document(&found, Detail::Brief) } else { text })
}

async fn list_policies(agent: &Agent) -> Outcome {
    let catalog = agent.front().catalog(agent.view());
    let mut text = String::new();
    for policy in policies::definitions(agent.view(), &catalog).await {
        let schema = Value::Object((*policy.input_schema).clone());
        let _ = writeln!(text, "{}: {}\n  input: {schema}", policy.name, policy.description.unwrap_or_default());
    }
    answer(if text.is_empty() { "There are no policies.".to_owned() } else { text })
}
