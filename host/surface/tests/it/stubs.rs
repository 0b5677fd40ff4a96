//! The files for editors, held against the checkers that read them: `tsc --strict` and `mypy --strict`.

use crate::signature::{hostile, tracker, with_schemas};
use crate::{catalog, tool};
use proptest::strategy::Strategy as _;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tollgate_core::Tool;
use tollgate_surface::{Language, bindings};

/// A checker of tests/stubs.
#[track_caller]
fn checker(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stubs").join(path);
    assert!(path.exists(), "{} is missing: run `cargo xtask fleet`", path.display());
    path
}

/// 500 tools, the ones with shapes that make trouble, and names that do.
fn tools() -> Vec<Arc<Tool>> {
    let nasty = [
        ("fetch", "fetch"),
        ("print", "class"),
        ("tools", "2fa"),
        ("größe", "搜索"),
        ("Map", "then"),
        ("my-server", "get-it"),
        ("tollgate", "complete"),
    ];
    let schema = json!({"type": "object", "properties": {"self": {"type": "string"}, "größe": {"type": "integer"}, "2": {"enum": ["a", 1, null]}}, "required": ["self"]});
    let nasty = nasty.into_iter().map(|(server, name)| Arc::new(tool(server, name, "*/ \"\"\" evil", schema.clone())));
    catalog().into_iter().chain(tracker()).chain(nasty).collect()
}

/// Writes the stubs and scripts into a folder, runs a checker there, and gives its words; none when it is content.
fn check(tools: &[Arc<Tool>], language: Language, scripts: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in bindings(tools, language) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for (name, text) in scripts {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let names = scripts.iter().map(|(name, _)| *name);
    let mut command = match language {
        Language::TypeScript => {
            let mut command = Command::new("node");
            command
                .arg(checker("node_modules/typescript/bin/tsc"))
                .args(["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022"]);
            command.args(["--module", "esnext", "--moduleDetection", "force", "tollgate.d.ts"]).args(names);
            command
        }
        Language::Python => {
            let mut command = Command::new(checker(".venv/bin/python"));
            command
                .args(["-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "cache", "unified_api.pyi"])
                .args(names);
            command
        }
    };
    let ran = command.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.success(), said.is_empty(), "{said}");
    said
}

const TYPESCRIPT: &str = r#"
const found = await tracker.list_issues({ repo: "a/b", state: "open", "per-page": 3 });
const id: number = found.issues[0]!.id;
const again = await tracker.list_issues({ repo: "a/b" });
const raw = await tracker.list_issues.raw({ repo: "x" });
print(id, again.first?.author?.login, raw.content[0]?.type, raw.isError);
const tree = await tools["tracker"]["get-tree"]();
const label: string = tree.label + tree.children?.[0]?.label;
await tracker__put_tree({ tree: { label, children: [{ label: "x" }] } });
await Promise.all([tracker.either({ id: 1 }), tracker.either({ name: "x" })]);
try { await fetch_or(1); } catch (error) { if (error instanceof ToolError && error.kind === "denied") log(error.server ?? error.tool, "warn"); }
async function fetch_or(n: number) { await sleep(n); progress(1, 2, "x"); session.n = input.n; }
await tools["my-server"]["get-it"]({ self: "x", "größe": 1, "2": null });
await tools_._2fa({ self: "x" });
await tools["tollgate"].complete({ self: "x" });
await tollgate_.complete({ self: "x" });
await my_server.get_it("x", 1, "a");
const { text, toolUses } = await tollgate.complete("Why?");
const told: tollgate.Message[] = [{ role: "user", content: "Why?" }, { role: "assistant", content: text, toolUses }];
const limits = { maxTokens: 200, temperature: 0.2, stop: ["END"] };
const tool = { name: "look", inputSchema: { type: "object" }, title: "Look" };
const asked = await tollgate.complete({ messages: told, system: "Be brief.", tools: [tool], toolChoice: { tool: "look" }, schema: {}, ...limits });
const tokens: number = asked.usage.inputTokens + asked.value.n;
if ((await tollgate.ask("Sure?")).action === "accept") print(tokens, (await tollgate.ask("Where?", { type: "object" })).content.city);
const ready = (await tollgate.serversByCapability("search")).filter((server) => server.health === "ready");
print(ready[0]?.name, (await tollgate.servers()).length, Object.keys(await tollgate.gatherAllResources({ failFast: true })));
print((await tollgate.resourcesForDomain("products"))["crm"]?.resources?.["note"].uri);
const entry = await tollgate.state.get("cursor");
const version: number = await tollgate.state.set("cursor", { n: 1 }, entry === null ? { absent: true } : { version: entry.version });
await tollgate.state.delete("cursor", { version });
for (const { key } of (await tollgate.state.list("cur", { limit: 10 })).keys) print(key.length);
print((await tollgate.resources.list())[0]?.uri, (await tollgate.resources.read("docs", "docs://a")).contents[0]?.uri);
print((await tollgate.prompts.list())[0]?.server, (await tollgate.prompts.get("docs", "greet", { name: "Ada" })).messages.length);
"#;

#[test]
fn tsc_takes_the_stubs_and_right_uses_and_refuses_wrong_ones() {
    let said = check(&tools(), Language::TypeScript, &[("right.ts", TYPESCRIPT)]);
    assert_eq!(said, "");
    let wrong = [
        "await tracker.list_issues({});",
        "await tracker.list_issues({ repo: 1 });",
        "await tracker.list_issues({ repo: \"x\", state: \"shut\" });",
        "await tracker.list_issues({ repo: \"x\", nothing: 1 });",
        "await tracker.no_such_tool({});",
        "await nobody.tool({});",
        "const n: string = (await tracker.list_issues({ repo: \"x\" })).issues[0]!.id;",
        "(await tracker.store({})).anything;",
        "await tracker__put_tree({ tree: { label: 1 } });",
        "log(\"x\", \"loud\");",
        "await my_server.get_it(1);",
        "await sleep(\"1\");",
        "await tollgate.complete({ prompt: \"x\" });",
        "await tollgate.complete({ messages: [{ role: \"bot\" }] });",
        "await tollgate.complete(\"x\", { maxTokens: 1 });",
        "const s: string = (await tollgate.state.get(\"a\")).value;",
        "await tollgate.state.set(\"a\", 1, { versio: 1 });",
        "await tollgate.fetch();",
    ];
    let said = check(&tools(), Language::TypeScript, &[("wrong.ts", &wrong.join("\n"))]);
    for (at, line) in wrong.iter().enumerate() {
        assert!(said.contains(&format!("wrong.ts({},", at + 1)), "accepted: {line}\n{said}");
    }
    assert!(!said.contains("tollgate.d.ts("), "{said}");
}

#[test]
fn mypy_takes_the_stubs_and_right_uses_and_refuses_wrong_ones() {
    let right = r#"
from unified_api import *
import unified_api
import asyncio

async def main() -> None:
    found = await tracker.list_issues(repo="a/b", state="open", per_page=3)
    number: int = found["issues"][0]["id"]
    again = await unified_api.tracker__list_issues(repo="a/b")
    raw = await tracker.list_issues.raw(repo="x")
    print(number, again["issues"], raw["content"][0]["type"], input["n"])
    await tracker.put_tree(tree={"label": "x", "children": [{"label": "y"}]})
    one, two = await asyncio.gather(tracker.either(id=1), tracker.either(name="x"))
    try:
        await tools["tracker"]["get-tree"]()
    except ToolError as error:
        log((error.server or error.tool) + error.kind, "warn")
    session["n"] = one
    progress(1, 2, "x")
    await sleep(0.5)
    await tools_._2fa(self_="x")
    await my_server.get_it("x", 1, "a")
    await tollgate_.complete(self_="x")
    first = await tollgate.complete("Why?", max_tokens=200, stop=["END"])
    text: str = first["text"]
    asked = await unified_api.tollgate.complete(
        {"messages": [{"role": "assistant", "content": text, "tool_uses": first["tool_uses"]}], "system": "Be brief."},
        tools=[{"name": "look", "inputSchema": {}}], tool_choice={"tool": "look"}, schema={"type": "object"},
    )
    print(asked["usage"]["input_tokens"] + 1, asked["value"]["n"])
    if (await tollgate.ask("Sure?"))["action"] == "accept":
        print((await tollgate.ask("Where?", {"type": "object"}))["content"]["city"])
    print((await tollgate.servers())[0]["health"], len(await tollgate.servers_by_capability("search")))
    print(list(await tollgate.gather_all_resources(fail_fast=True)), await tollgate.resources_for_domain("products"))
    entry = await tollgate.state.get("cursor")
    version = await tollgate.state.set("cursor", {"n": 1}, version=entry["version"] if entry else None, absent=entry is None)
    await tollgate.state.delete("cursor", version=version)
    print([key["size"] + 1 for key in (await tollgate.state.list("cur", limit=10))["keys"]])
    print((await tollgate.resources.list())[0]["uri"], (await tollgate.resources.read("docs", "docs://a"))["contents"])
    print((await tollgate.prompts.list())[0], (await tollgate.prompts.get("docs", "greet", {"name": "Ada"}))["messages"])
"#;
    let said = check(&tools(), Language::Python, &[("right.py", right)]);
    assert_eq!(said, "");
    let wrong = [
        "await tracker.list_issues()",
        "await tracker.list_issues(repo=1)",
        "await tracker.list_issues(repo='x', state='shut')",
        "await tracker.list_issues(repo='x', nothing=1)",
        "await tracker.no_such_tool()",
        "await nobody.tool()",
        "n: str = (await tracker.list_issues(repo='x'))['issues'][0]['id']",
        "await tracker__put_tree(tree={'label': 1})",
        "log('x', 'loud')",
        "await my_server.get_it(1)",
        "await sleep('1')",
        "await tollgate.complete(1)",
        "await tollgate.complete('x', prompt='y')",
        "await tollgate.complete({'messages': [{'role': 'bot'}]})",
        "(await tollgate.state.get('a'))['value']",
        "await tollgate.state.set('a', 1, 2)",
        "await tollgate.fetch()",
    ];
    let script = format!("from unified_api import *\nasync def main() -> None:\n    {}\n", wrong.join("\n    "));
    let said = check(&tools(), Language::Python, &[("wrong.py", &script)]);
    for (at, line) in wrong.iter().enumerate() {
        assert!(said.contains(&format!("wrong.py:{}:", at + 3)), "accepted: {line}\n{said}");
    }
    assert!(!said.contains("unified_api.pyi:"), "{said}");
}

#[test]
fn checkers_take_the_stubs_of_any_schemas() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut tools: Vec<Arc<Tool>> = Vec::new();
    for n in 0..60 {
        for tool in proptest::strategy::ValueTree::current(&hostile().new_tree(&mut runner).unwrap()) {
            tools.push(Arc::new(Tool { server: format!("{}{n}", tool.server), ..Tool::clone(&tool) }));
        }
    }
    tools.push(with_schemas(
        "recursive",
        json!({"type": "object", "properties": {"a": {"$ref": "#"}}}),
        Some(json!({"$ref": "#"})),
    ));
    for language in [Language::TypeScript, Language::Python] {
        let said = check(&tools, language, &[]);
        assert_eq!(said.lines().take(20).collect::<Vec<_>>().join("\n"), "", "{language:?}");
    }
}
