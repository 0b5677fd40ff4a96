//! The demo's servers are there twice: as adapters, and as programs of the Python SDK that were written apart. What the one
//! answers, the other answers too.

mod calls;

use crate::examples::plugin;
use crate::support::{root, shared_cache};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tollgate::{
    AdapterSpec, CallError, CallFailure, ComponentSource, Host, ServerSpec, Tool, ToolName, ToolResult, Transport,
};

const NAMES: [&str; 5] = ["crm", "tickets", "payments", "analytics", "calendar"];

/// A host with each of these servers twice: `crm` is the adapter, `crm-process` the program.
async fn host(names: &[&str]) -> Host {
    let python = root().join("tests/clients/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask fleet`", python.display());
    let mut builder = Host::builder().cache_dir(shared_cache().join("tollgate/components"));
    for name in names {
        let component = ComponentSource::File(plugin(&format!("adapter_{name}")));
        let program = root().join("tests/demo_servers").join(format!("{name}_server.py"));
        let transport = Transport::stdio(python.to_str().unwrap(), [program.to_str().unwrap()]);
        builder = builder
            .adapter(*name, AdapterSpec::new(component))
            .server(ServerSpec::new(format!("{name}-process"), transport));
    }
    let host = builder.build().await.unwrap();
    host.settled().await;
    host
}

/// A tool that is there twice.
struct Twins<'a> {
    host: &'a Host,
    server: &'a str,
    tool: &'a str,
}

type Ended = Result<ToolResult, CallFailure>;

impl Twins<'_> {
    /// What the adapter and the process say to the same call.
    async fn call(&self, args: &Value) -> (Ended, Ended) {
        let call = async |server: String| {
            let name = ToolName { server, tool: self.tool.to_owned() };
            self.host.call(&name, args.to_string()).await
        };
        (call(self.server.to_owned()).await, call(format!("{}-process", self.server)).await)
    }

    fn place(&self, args: &Value) -> String {
        format!("{}:{} {args}", self.server, self.tool)
    }

    async fn answer_the_same(&self, args: &Value) {
        let place = self.place(args);
        let (adapter, process) = self.call(args).await;
        let structured = |ended: Ended| {
            let result = ended.unwrap_or_else(|failure| panic!("{place}: {failure}"));
            let result: Value = serde_json::from_str(&result.json).unwrap();
            assert!(result["structuredContent"].is_object(), "{place}: {result}");
            result["structuredContent"].clone()
        };
        assert_eq!(structured(adapter), structured(process), "{place}");
    }

    async fn fail_with_the_same_words(&self, args: &Value) {
        let place = self.place(args);
        let (adapter, process) = self.call(args).await;
        let process = words(process, &place);
        // What stands before it is the SDK's.
        let process = process.strip_prefix(&format!("Error executing tool {}: ", self.tool));
        assert_eq!(Some(words(adapter, &place).as_str()), process, "{place}");
    }

    /// Nothing is sent to either, for the same members of the arguments.
    async fn are_not_asked(&self, args: &Value) {
        let place = self.place(args);
        let (adapter, process) = self.call(args).await;
        let refused = |ended: Ended| {
            let failure = ended.err().unwrap_or_else(|| panic!("{place}: it was answered"));
            assert_eq!(failure.attempts, 0, "{place}: {failure}");
            match failure.error {
                CallError::InvalidArguments(wrong) => wrong.into_iter().map(|v| v.path).collect::<BTreeSet<_>>(),
                other => panic!("{place}: {other}"),
            }
        };
        assert_eq!(refused(adapter), refused(process), "{place}");
    }
}

/// What a tool says of its failure.
fn words(ended: Ended, place: &str) -> String {
    match ended.err().map(|failure| failure.error) {
        Some(CallError::Failed(result)) => {
            let result: Value = serde_json::from_str(&result.json).unwrap();
            result["content"][0]["text"].as_str().unwrap().to_owned()
        }
        other => panic!("{place}: {other:?}"),
    }
}

/// Arguments that break any schema of an object with such members: one is missing, is of no type that it may have, is unknown.
fn broken(schema: &Value, good: &Value) -> Vec<Value> {
    let with = |name: &str, value: Value| {
        let mut args = good.clone();
        args[name] = value;
        args
    };
    let without = |name: &str| {
        let mut args = good.clone();
        args.as_object_mut().unwrap().shift_remove(name);
        args
    };
    let members = schema["properties"].as_object().unwrap().keys();
    let required = schema["required"].as_array().into_iter().flatten();
    let mut broken: Vec<_> = members.flat_map(|name| [with(name, json!(true)), with(name, json!({"a": 1}))]).collect();
    broken.extend(required.map(|name| without(name.as_str().unwrap())));
    broken.extend([with("surprise", json!(1)), json!([good])]);
    broken
}

#[tokio::test]
async fn adapter_and_process_give_the_same_answers() {
    let host = host(&NAMES).await;
    let tools = tools(&host).await;
    let asked = calls::all();
    let names = |side: &BTreeMap<String, Arc<Tool>>| side.keys().cloned().collect::<Vec<_>>();
    for server in NAMES {
        let of_server: BTreeSet<_> = asked.iter().filter(|a| a.server == server).map(|a| a.tool.to_owned()).collect();
        assert_eq!(names(&tools[server]), of_server.into_iter().collect::<Vec<_>>(), "each tool of {server} is asked");
    }
    for calls::Asked { server, tool, answered, failed, refused } in asked {
        let twins = Twins { host: &host, server, tool };
        for args in &answered {
            twins.answer_the_same(args).await;
        }
        for args in &failed {
            twins.fail_with_the_same_words(args).await;
        }
        for args in refused.iter().chain(&broken(&tools[server][tool].input_schema, &answered[0])) {
            twins.are_not_asked(args).await;
        }
    }
    host.shutdown().await;
}

#[tokio::test]
async fn both_refuse_what_no_schema_tells() {
    let host = host(&["crm"]).await;
    let of = |tool| Twins { host: &host, server: "crm", tool };
    // To JSON Schema an integer, to neither server.
    let (adapter, process) = of("search_customers").call(&json!({"query": "a", "limit": 3.0})).await;
    let adapter = adapter.unwrap_err();
    assert_eq!(adapter.attempts, 1);
    let CallError::InvalidArguments(wrong) = &adapter.error else { panic!("{adapter}") };
    assert!(wrong[0].message.starts_with("limit"), "{adapter}");
    // MCP has no word for it: a process can only fail.
    let process = words(process, "crm-process");
    assert!(process.contains("limit\n  Input should be a valid integer"), "{process}");

    let (adapter, process) = of("drop_everything").call(&json!({})).await;
    for failure in [adapter.unwrap_err(), process.unwrap_err()] {
        assert!(matches!(failure.error, CallError::UnknownTool(_)), "{failure}");
    }
    host.shutdown().await;
}

/// The tools of each server, by name.
async fn tools(host: &Host) -> BTreeMap<String, BTreeMap<String, Arc<Tool>>> {
    let mut tools = BTreeMap::<_, BTreeMap<_, _>>::new();
    for tool in host.tools().await {
        tools.entry(tool.server.clone()).or_default().insert(tool.name.clone(), tool);
    }
    tools
}

/// What a schema demands of one argument, in whichever of its branches it stands.
fn rules(schema: &Value) -> BTreeMap<&str, BTreeSet<String>> {
    const SINGLE: [&str; 8] =
        ["default", "format", "maxItems", "maxLength", "maximum", "minLength", "minimum", "pattern"];
    let mut found = BTreeMap::<&str, BTreeSet<String>>::new();
    let mut add = |keyword, values: BTreeSet<String>| found.entry(keyword).or_default().extend(values);
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "anyOf" | "oneOf" => {
                let branches = value.as_array().unwrap().iter();
                branches.flat_map(rules).for_each(|(keyword, values)| add(keyword, values));
            }
            "items" => add("items", rules(value).remove("type").unwrap_or_default()),
            "const" => add("enum", [value.to_string()].into()),
            // Null stands in the list of words or in a branch of its own, and a default that is null says nothing.
            "enum" | "type" => {
                let each = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                add(keyword, each.iter().filter(|word| !word.is_null()).map(Value::to_string).collect());
            }
            // The names of Rust's numbers, beside `minimum` and `maximum`.
            "format" if value == "uint" || value == "uint32" => {}
            word if SINGLE.contains(&word) && !value.is_null() => add(keyword, [value.to_string()].into()),
            _ => {}
        }
    }
    found
}

/// What a schema demands of each argument.
fn demands(schema: &Value) -> BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> {
    members(schema).iter().map(|(name, argument)| (name.as_str(), rules(argument))).collect()
}

fn members(schema: &Value) -> &Map<String, Value> {
    schema["properties"].as_object().unwrap()
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect()
}

#[tokio::test]
async fn adapter_and_process_list_the_same_tools() {
    let host = host(&NAMES).await;
    let tools = tools(&host).await;
    for server in NAMES {
        let (adapters, processes) = (&tools[server], &tools[&format!("{server}-process")]);
        assert_eq!(adapters.keys().collect::<Vec<_>>(), processes.keys().collect::<Vec<_>>(), "{server}");
        for (adapter, process) in adapters.values().zip(processes.values()) {
            let place = format!("{server}:{}", adapter.name);
            assert_eq!(adapter.annotations, process.annotations, "{place}");
            let (ours, theirs) = (&adapter.input_schema, &process.input_schema);
            assert_eq!(demands(ours), demands(theirs), "{place}");
            assert_eq!(required(ours), required(theirs), "{place}");
            assert_eq!(ours["additionalProperties"], theirs["additionalProperties"], "{place}");
            let given = |tool: &Tool| -> BTreeSet<String> {
                members(tool.output_schema.as_ref().unwrap()).keys().cloned().collect()
            };
            assert_eq!(given(adapter), given(process), "{place}");
        }
    }
    host.shutdown().await;
}
