//! Signatures: what each part of JSON Schema becomes, that hostile schemas do no harm, and that the languages' own
//! parsers read the documents.

use crate::{catalog, tool};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use tollgate_core::{Tool, ToolName};
use tollgate_surface::signature::{SIGNATURE_MAX_BYTES, python_parameters};
use tollgate_surface::{Detail, Language, Signatures, python, summaries, typescript};

/// A tool whose only argument is of the schema.
fn with_argument(schema: Value) -> Arc<Tool> {
    Arc::new(tool("s", "t", "", json!({"type": "object", "properties": {"x": schema}, "required": ["x"]})))
}

pub(crate) fn with_schemas(name: &str, input: Value, output: Option<Value>) -> Arc<Tool> {
    Arc::new(Tool { output_schema: output, ..tool("tracker", name, "Does it.", input) })
}

/// The type of the only argument, in TypeScript and Python, each with the types that it needs.
fn types(schema: &Value) -> String {
    let tools = [with_argument(schema.clone())];
    let typescript = typescript(&tools, Detail::Brief);
    let typescript =
        typescript.split_once("declare namespace s {\n").unwrap().1.replace("): Promise<Untyped>;\n}\n", "");
    let python = python(&tools, Detail::Brief);
    let python = python.split_once("\n\n").unwrap().1.replace(") -> Any: ...\n", "").replace("class s:\n", "");
    format!("{schema}\n{}\n{}\n", typescript.replace("function t(args: ", ""), python.replace("async def t(*, ", ""))
}

#[test]
fn parts_of_a_schema_become_types() {
    let schemas = [
        json!(true),
        json!(false),
        json!({}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": ["integer", "null"]}),
        json!({"type": "string", "nullable": true}),
        json!({"enum": ["open", "closed", 3, null, true]}),
        json!({"enum": [0.5, "x"]}),
        json!({"const": "fixed"}),
        json!({"enum": [{"a": 1}, [2]]}),
        json!({"enum": (0..100).map(|n| json!(format!("v{n}"))).collect::<Vec<_>>()}),
        json!({"type": "array", "items": {"enum": ["a", "b"]}}),
        json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}], "items": false}),
        json!({"items": [{"type": "number"}], "additionalItems": {"type": "string"}}),
        json!({"type": "object"}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        json!({"type": "object", "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b-c": {"type": "array", "items": {"type": "object", "properties": {"d": {}}}}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": true}),
        json!({"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "string"}]}),
        json!({"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]}, {"type": "integer"}]}),
        json!({"allOf": [{"type": "object", "properties": {"a": {"type": "number"}}}, {"properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}]}),
        json!({"type": "string", "enum": ["a"], "allOf": [{"enum": ["a", "b"]}]}),
        json!({"allOf": [{"type": "string"}, {"type": "number"}]}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        json!({"$ref": "https://example.com/other.json"}),
        json!({"$ref": "#/nowhere"}),
        json!({"$ref": "#/properties/x/$defs/A", "$defs": {
            "A": {"anyOf": [{"type": "string"}, {"$ref": "#/properties/x/$defs/B"}]},
            "B": {"anyOf": [{"type": "null"}, {"$ref": "#/properties/x/$defs/A"}]},
        }}),
        json!({"$ref": "#/properties/x/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "integer"}}}),
        json!({"allOf": [{"$ref": "#/properties/x/$defs/Base"}, {"properties": {"next": {"$ref": "#/properties/x"}}}], "$defs": {"Base": {"properties": {"id": {"type": "integer"}}, "required": ["id"]}}}),
        json!({"$ref": "#/properties/x"}),
    ];
    insta::assert_snapshot!(schemas.iter().map(types).collect::<Vec<_>>().join("\n"));
}

/// A server with the shapes that real ones have, and names that make trouble.
pub(crate) fn tracker() -> Vec<Arc<Tool>> {
    let node = json!({
        "type": "object",
        "properties": {"label": {"type": "string", "description": "What it is called"}, "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
        "required": ["label"],
    });
    let json_value = json!({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "array", "items": {"$ref": "#/$defs/Json"}}, {"type": "object", "additionalProperties": {"$ref": "#/$defs/Json"}}]});
    vec![
        with_schemas(
            "list_issues",
            json!({
                "type": "object",
                "properties": {
                    "state": {"type": "string", "enum": ["open", "closed"], "default": "open", "description": "Which ones."},
                    "repo": {"type": "string", "description": "`owner/name`", "minLength": 3},
                    "per-page": {"type": "integer", "minimum": 1, "maximum": 100, "default": 30},
                    "since": {"type": "string", "format": "date-time"},
                    "class": {"type": "boolean"},
                },
                "required": ["repo"],
            }),
            Some(json!({
                "type": "object",
                "properties": {"issues": {"type": "array", "items": {"$ref": "#/$defs/Issue"}}, "first": {"$ref": "#/$defs/Issue"}},
                "required": ["issues"],
                "$defs": {"Issue": {
                    "type": "object",
                    "properties": {"id": {"type": "integer"}, "author": {"type": "object", "properties": {"login": {"type": "string"}}}, "content-type": {"type": "string"}},
                    "required": ["id"],
                }},
            })),
        ),
        with_schemas(
            "put_tree",
            json!({"type": "object", "properties": {"tree": {"$ref": "#/$defs/Node"}}, "required": ["tree"], "$defs": {"Node": node}}),
            None,
        ),
        with_schemas(
            "get-tree",
            json!({"type": "object"}),
            Some(json!({"$ref": "#/$defs/Node", "$defs": {"Node": node}})),
        ),
        with_schemas(
            "get_tree",
            json!({"type": "object", "properties": {}}),
            Some(
                json!({"$ref": "#/$defs/Node", "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}}}),
            ),
        ),
        with_schemas(
            "delete",
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            Some(json!({"type": "boolean"})),
        ),
        with_schemas(
            "store",
            json!({"type": "object", "properties": {"value": {"$ref": "#/$defs/Json"}}, "$defs": {"Json": json_value}}),
            None,
        ),
        with_schemas(
            "either",
            json!({"oneOf": [
                {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
                {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            ]}),
            None,
        ),
    ]
}

#[test]
fn a_servers_tools_in_typescript() {
    insta::assert_snapshot!(typescript(&tracker(), Detail::Full));
}

#[test]
fn a_servers_tools_in_python() {
    insta::assert_snapshot!(python(&tracker(), Detail::Full));
}

#[test]
fn a_servers_tools_on_a_line_each() {
    insta::assert_snapshot!(summaries(&tracker(), Language::Python));
}

#[test]
fn a_value_that_a_server_wraps_is_of_its_own_type() {
    let object = || json!({"type": "object", "properties": {}});
    let wrapped = |more: Value| {
        let mut schema = json!({"type": "object", "required": ["result"],
            "properties": {"result": {"type": "array", "items": {"$ref": "#/$defs/Row"}}},
            "$defs": {"Row": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    for (more, is_wrapped) in [
        (json!({"x-fastmcp-wrap-result": true}), true),
        (json!({"title": "list_rowsOutput"}), true),
        (json!({"title": "Rows"}), false),
        (json!({}), false),
    ] {
        let tool = with_schemas("list_rows", object(), Some(wrapped(more.clone())));
        let document = typescript(&[tool], Detail::Full);
        assert_eq!(document.contains("result: "), !is_wrapped, "{more}: {document}");
        assert!(document.contains("n: number"), "{document}");
    }
}

#[test]
fn a_tool_has_the_same_identifier_in_every_answer() {
    let signatures = Signatures::new(&tracker(), Language::TypeScript);
    let name: ToolName = "tracker:get-tree".parse().unwrap();
    let (server, id) = signatures.path_of(&name).unwrap();
    assert_eq!(signatures.tool_at(server, id), Some(&name));
    let alone = signatures.document(&tracker()[2..3], Detail::Brief);
    assert!(alone.contains(&format!("function {id}(")) && id != "get_tree", "{alone}");
    assert_eq!(signatures.document(&[with_argument(json!({}))], Detail::Brief), "");
}

#[test]
fn keyword_parameters_lead_back_to_arguments() {
    let parameters = python_parameters(&tracker()[0]);
    let of = |argument: &str| parameters.iter().find(|(_, name)| name == argument).unwrap().0.clone();
    assert_eq!((of("per-page"), of("class"), of("repo")), ("per_page".into(), "class_".into(), "repo".into()));
}

#[test]
fn text_from_outside_stays_inside_its_comment() {
    let evil = "ends */ here \"\"\" and ''' here\n}\nimport os\u{2028}x = 1 // \\";
    let mut tool = tool(
        "s",
        evil,
        evil,
        json!({"type": "object", "properties": {evil: {"description": evil, "default": evil, "enum": [evil]}}}),
    );
    tool.title = Some(evil.to_owned());
    let tools = [Arc::new(tool)];
    for detail in [Detail::Brief, Detail::Full] {
        check_typescript(&typescript(&tools, detail));
        check_python(&[python(&tools, detail)]);
    }
    assert_eq!(summaries(&tools, Language::TypeScript).lines().count(), 1);
}

#[test]
fn a_signature_is_bounded_whatever_the_schema() {
    let wide: serde_json::Map<String, Value> = (0..20_000)
        .map(|n| (format!("field_{n}"), json!({"type": "object", "description": "x".repeat(1_000), "properties": {"a": {"enum": ["y".repeat(70)]}}})))
        .collect();
    let mut deep = json!({"type": "string"});
    for _ in 0..120 {
        deep = json!({"type": "array", "items": {"anyOf": [deep, {"type": "object", "properties": {"x": {"type": "null"}}}]}});
    }
    let defs: serde_json::Map<String, Value> = (0..2_000)
        .map(|n| {
            let next = |by: usize| json!({"$ref": format!("#/$defs/D{}", (n * 7 + by) % 2_000)});
            (format!("D{n}"), json!({"allOf": [next(1), next(2)], "anyOf": [next(3), next(4)], "properties": {format!("p{n}"): next(5)}}))
        })
        .collect();
    for schema in [
        json!({"type": "object", "properties": wide}),
        json!({"type": "object", "properties": {"deep": deep}}),
        json!({"$ref": "#/$defs/D0", "$defs": defs}),
        json!({"anyOf": (0..5_000).map(|n| json!({"properties": {format!("a{n}"): {}}})).collect::<Vec<_>>()}),
    ] {
        let tools = [with_schemas("big", schema.clone(), Some(schema))];
        let began = std::time::Instant::now();
        for language in [Language::TypeScript, Language::Python] {
            let document = Signatures::new(&tools, language).document(&tools, Detail::Full);
            // The header stands beside the tool's signature.
            assert!(document.len() <= SIGNATURE_MAX_BYTES + 400, "{language:?}: {} bytes", document.len());
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
}

#[test]
fn five_hundred_tools_are_read_by_python_and_resolve() {
    let tools: Vec<Arc<Tool>> = catalog().into_iter().chain(tracker()).collect();
    for detail in [Detail::Brief, Detail::Full] {
        let document = python(&tools, detail);
        println!("python {detail:?}: {} bytes for {} tools", document.len(), tools.len());
        check_python(std::slice::from_ref(&document));
        run_python(
            r#"
import sys, types, typing
module = types.ModuleType("stubs")
sys.modules["stubs"], scope = module, vars(module)
exec(compile(sys.stdin.read(), "stubs", "exec"), scope)
classes = [value for value in scope.values() if isinstance(value, type) and value.__module__ == "stubs"]
members = [getattr(value, "__func__", value) for one in classes for value in vars(one).values()]
functions = [value for value in members if isinstance(value, types.FunctionType)]
for value in classes + functions:
    typing.get_type_hints(value, scope)
assert len(functions) == 507, len(functions)
"#,
            &document,
        );
    }
}

#[test]
fn five_hundred_tools_in_typescript_are_balanced() {
    for detail in [Detail::Brief, Detail::Full] {
        let document = typescript(&catalog(), detail);
        println!("typescript {detail:?}: {} bytes", document.len());
        check_typescript(&document);
    }
    println!("summaries: {} bytes", summaries(&catalog(), Language::TypeScript).len());
}

/// Checks that a document is what we write and nothing else: comments and strings taken away, brackets are
/// balanced, only characters of types are left, and at the outside stand only our own declarations.
#[track_caller]
fn check_typescript(document: &str) {
    let mut left = String::new();
    let mut chars = document.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('/', Some('/')) => {
                while chars.next_if(|c| !matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')).is_some() {}
            }
            ('/', Some('*')) => {
                chars.next();
                let mut before = ' ';
                loop {
                    let c = chars.next().unwrap_or_else(|| panic!("a comment does not end: {document}"));
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
            }
            ('"', _) => loop {
                match chars.next().unwrap_or_else(|| panic!("a string does not end: {document}")) {
                    '"' => break,
                    '\\' => drop(chars.next()),
                    '\n' | '\r' => panic!("a string breaks: {document}"),
                    _ => {}
                }
            },
            _ => left.push(c),
        }
    }
    let mut open = Vec::new();
    let mut outside = String::new();
    for c in left.chars() {
        assert!(c.is_ascii_alphanumeric() || "_ \n{}[]()<>|;:?=.,-".contains(c), "{c:?} in {document}");
        if open.is_empty() {
            outside.push(c);
        }
        match c {
            '{' | '[' | '(' | '<' => open.push(c),
            '}' | ']' | ')' | '>' => {
                let want = match c {
                    '}' => '{',
                    ']' => '[',
                    ')' => '(',
                    _ => '<',
                };
                assert_eq!(open.pop(), Some(want), "{document}");
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{document}");
    for line in outside.lines().filter(|line| !line.trim().is_empty()) {
        assert!(
            line == "type Untyped = unknown;" || line.starts_with("declare namespace ") || line == "}",
            "{line:?} in {document}"
        );
    }
}

/// Checks with Python's own parser that documents hold our declarations and nothing else.
#[track_caller]
fn check_python(documents: &[String]) {
    run_python(
        r#"
import ast, json, sys
for text in json.load(sys.stdin):
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            assert node.module in ("__future__", "typing"), text
        elif isinstance(node, ast.Assign):
            assert node.value.func.id == "TypedDict", text
        elif isinstance(node, ast.AnnAssign):
            assert node.annotation.id == "TypeAlias" and isinstance(node.value.value, str), text
        else:
            assert isinstance(node, ast.ClassDef), text
            for inner in node.body:
                ours = isinstance(inner, ast.AnnAssign) and inner.value is None
                if isinstance(inner, ast.AsyncFunctionDef):
                    ours = len(inner.body) == 1 and isinstance(inner.body[0], ast.Expr) and isinstance(inner.body[0].value, ast.Constant)
                assert ours, text
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.Import, ast.Lambda, ast.Attribute, ast.JoinedStr)), text
        if isinstance(node, ast.Call):
            assert node.func.id == "TypedDict", text
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and isinstance(getattr(node, "slice", None), ast.Constant):
            ast.parse(node.value)
"#,
        &serde_json::to_string(documents).unwrap(),
    );
}

#[track_caller]
fn run_python(program: &str, input: &str) {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, input.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let ran = Command::new("python3").args(["-c", program]).stdin(file).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{}", said.chars().take(4_000).collect::<String>());
}

/// Text that would like to end what it stands in.
fn nasty() -> impl proptest::strategy::Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "a",
            "b",
            "then",
            "class",
            "list",
            "*/",
            "\"\"\"",
            "'''",
            "\\",
            "\\\"",
            "\n",
            "\r",
            "\u{2028}",
            "*/ } evil(); /*",
            "\"; x()",
            "${x}",
            "`",
            "\u{202e}",
            "#",
            "//",
            "",
            "__proto__",
            "Any",
            "日本",
            "\u{e0041}",
            "\0",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
        prop::collection::vec(prop::sample::select(vec!["\"", "\\", "*", "/", "\n", "'", "}", "a", " "]), 0..8)
            .prop_map(|parts| parts.concat()),
    ]
}

/// JSON that looks more or less like a schema.
fn schema() -> impl proptest::strategy::Strategy<Value = Value> {
    let keyword = prop_oneof![
        4 => prop::sample::select(vec![
            "type", "properties", "items", "prefixItems", "anyOf", "oneOf", "allOf", "enum", "const", "$ref", "$defs", "required",
            "additionalProperties", "patternProperties", "description", "default", "format", "pattern", "minimum", "nullable",
        ])
        .prop_map(str::to_owned),
        1 => nasty(),
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| serde_json::Number::from_f64(n).map_or(Value::Null, Value::Number)),
        nasty().prop_map(Value::from),
        prop::sample::select(vec!["object", "array", "string", "integer", "number", "null", "boolean"])
            .prop_map(Value::from),
        prop::sample::select(vec![
            "#",
            "#/$defs/a",
            "#/$defs/b",
            "#/properties/a",
            "#/items",
            "#/anyOf/0",
            "#/%24defs/a",
            "http://x"
        ])
        .prop_map(|to| json!({"$ref": to})),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((keyword.clone(), inner.clone()), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            1 => prop::collection::vec((nasty(), inner.clone()), 1..5).prop_map(|members| {
                let names: Vec<Value> = members.iter().take(2).map(|(name, _)| json!(name)).collect();
                json!({"type": "object", "properties": members.into_iter().collect::<serde_json::Map<_, _>>(), "required": names})
            }),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, x)| json!({"$defs": {"a": a, "b": b}, "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#/$defs/b"}, "x": x}})),
        ]
    })
}

pub(crate) fn hostile() -> impl proptest::strategy::Strategy<Value = Vec<Arc<Tool>>> {
    let one = ("[a-z]{1,2}|class|Any", nasty(), nasty(), schema(), prop::option::of(schema()));
    let one = one.prop_map(|(server, name, description, input, output)| {
        Arc::new(Tool { output_schema: output, ..tool(&server, &name, &description, input) })
    });
    prop::collection::vec(one, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_schema_becomes_a_document_that_nothing_breaks_out_of(tools in hostile()) {
        for detail in [Detail::Brief, Detail::Full] {
            check_typescript(&typescript(&tools, detail));
            let mut turned = tools.clone();
            turned.reverse();
            // Two tools of one name are one; which, is the order's to say.
            let distinct: std::collections::BTreeSet<_> = tools.iter().map(|t| (&t.server, &t.name)).collect();
            if distinct.len() == tools.len() {
                prop_assert_eq!(python(&tools, detail), python(&turned, detail));
            }
        }
        for line in summaries(&tools, Language::Python).lines() {
            prop_assert!(line.contains('(') && !line.chars().any(char::is_control));
        }
    }
}

#[test]
fn any_schema_becomes_stubs_that_python_reads() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut documents = Vec::new();
    for _ in 0..400 {
        let tools = proptest::strategy::ValueTree::current(&hostile().new_tree(&mut runner).unwrap());
        documents.extend([python(&tools, Detail::Brief), python(&tools, Detail::Full)]);
    }
    check_python(&documents);
}
