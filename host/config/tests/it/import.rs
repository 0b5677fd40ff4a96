//! Other programs' files become ours: what comes out, what is said, and what stays behind.

use crate::{accepted, lines};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;
use tollgate_config::model::{Keep, Transport};
use tollgate_config::{Format, ImportKind, ImportOptions, Imported, import, parse_bytes, route};

/// Seed 004's own example.
const ORCHESTRATOR: &str = r#"
mcp_servers:
  custom_server:
    name: Custom MCP
    url: http://localhost:9000/sse
    priority: 1
    domains: [custom]
    capabilities: [special_query]
    transport: sse
    timeout: 60
  Database Server:
    name: Database Server
    url: http://localhost:8000/sse
    priority: 10
    domains: [database, queries]
    capabilities: [execute_query, list_resources]
    transport: sse
    timeout: 30
orchestration:
  resource_cache_ttl: 600
  fail_fast: false
  enable_logging: true
  log_level: DEBUG
  max_retries: 5
"#;

/// Seed 002's own example, as it stands there.
const DESKTOP: &str = r#"{
  "mcpServers": {
    "github": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-github"],
      "env": {
        "GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_xxx"
      }
    },
    "postgres": {
      "command": "python",
      "args": ["servers/postgres_server.py"],
      "env": {
        "DATABASE_URL": "postgresql://user:pass@localhost/mydb"
      }
    },
    "filesystem": {
      "command": "npx",
      "args": [
        "-y", "@modelcontextprotocol/server-filesystem",
        "/home/user/projects"
      ]
    },
    "slack": {
      "command": "python",
      "args": ["servers/slack_server.py"],
      "env": {
        "SLACK_BOT_TOKEN": "xoxb-xxx"
      }
    }
  }
}"#;

/// Seed 003's own example.
const ROBOTS: &str = r#"{
"mcpServers": {
"mcp-tools-orchestrator": {
"disabled": false,
"timeout": 60,
"type": "stdio",
"command": "/path/to/mcp-tools-orchestrator/.venv/bin/python",
"args": ["/path/to/mcp-tools-orchestrator/server.py"]
},
"ros-mcp-server": {
"disabled": false,
"command": "bash",
"args": ["-c", "source /opt/ros/humble/setup.bash && python server.py"]
}
}
}"#;

const VSCODE: &str = r#"{
  // asked for when a server starts
  "inputs": [
    {"type": "promptString", "id": "perplexity-key", "description": "Perplexity API Key", "password": true},
    {"type": "promptString", "id": "unused"},
  ],
  "servers": {
    "Perplexity": {
      "type": "stdio",
      "command": "npx",
      "args": ["-y", "server-perplexity-ask"],
      "env": {"PERPLEXITY_API_KEY": "${input:perplexity-key}", "HOME_DIR": "${userHome}", "LEVEL": "${LEVEL:-info}"},
      "envFile": "${workspaceFolder}/.env",
      "cwd": "${workspaceFolder}",
    },
    "remote": {"type": "http", "url": "https://api.example.com/mcp", "headers": {"Authorization": "Bearer ${input:perplexity-key}"}},
    "local build": {"command": "${workspaceFolder}/bin/server", "args": ["--root", "${workspaceFolder}"], "dev": {"watch": "src"}},
  },
}"#;

/// Whatever else is found in such files.
const ODD: &str = r#"{
  "mcpServers": {
    "gemini": {"httpUrl": "https://g.example.com/mcp", "timeout": 600000, "trust": true, "excludeTools": ["rm"]},
    "windsurf": {"serverUrl": "https://me:hunter2@w.example.com/sse?region=eu&api_key=hunter2", "transport": "sse"},
    "docker": {"command": "docker", "args": ["run", "-e", "GITHUB_TOKEN=hunter2hunter2", "--db", "postgres://u:hunter2@h/d", "${env:X}", "${PLAIN}"]},
    "linear": {"url": "https://l.example.com/mcp", "auth": {"CLIENT_ID": "c", "CLIENT_SECRET": "hunter2", "scopes": ["a"]}},
    "off": {"url": "https://o.example.com/mcp", "oauth": {"enabled": false}, "disabled": true},
    "zapier": {"url": "https://z.example.com/s/hunter2hunter2hunter2hunter2hunter2hunter2/mcp"},
    "line": {"command": "npx x --db postgres://u:hunter2@h/d"},
    "headers": {"url": "https://h.example.com/mcp", "headers": {"Authorization": "Bearer hunter2", "X-Api-Key": "hunter2", "X-Trace": "on"}, "oauth": true},
    "both": {"command": "x", "url": "https://b.example.com/mcp", "env": {"API_KEY": "hunter2"}},
    "same": {"command": "x", "env": {"API_KEY": "hunter2"}},
    "other": {"command": "x", "env": {"API_KEY": "hunter3", "PLAIN": "a ${b c} $${d}", "PORT": 8080, "N": null}},
    "socket": {"url": "wss://s.example.com", "type": "websocket"},
    "nothing": {"description": "says nothing"},
    "wrong": {"command": "x", "priority": 5000, "domains": ["a:b"], "timeout": 0, "env": {"A=B": "c", "OK": "yes"}},
    "a server": {"command": "x", "description": "one\nthat # is described", "alwaysAllow": []},
    "a-server": {"command": ["node", "s.js"]},
    "---": {"command": "x"}
  },
  "globalShortcut": "Ctrl+Space"
}"#;

fn imported(name: &str, text: &str) -> Imported {
    let imported = import(Path::new(name), text.as_bytes(), &ImportOptions::default())
        .unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    parse_bytes_at_home(&imported.text).unwrap_or_else(|error| panic!("{error}\n{}", imported.text));
    imported
}

#[track_caller]
fn snapshot(topic: &str, name: &str, text: &str) -> Imported {
    let imported = imported(name, text);
    let mut out = format!("{:?}, {} servers\n\n{}", imported.kind, imported.servers, imported.text);
    for note in &imported.notes {
        write!(out, "\n=> {note}").unwrap();
    }
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(topic, out) });
    imported
}

#[test]
fn the_orchestrator_of_seed_004() {
    let made = snapshot("orchestrator", "mcp_config.yaml", ORCHESTRATOR);
    assert_eq!(made.kind, ImportKind::Orchestrator);
    let config = parse_bytes(Format::Yaml, made.text.as_bytes()).unwrap();
    let [custom, database] = config.servers.as_slice() else { panic!("two servers") };
    assert_eq!((custom.name.as_str(), database.name.as_str()), ("custom_server", "database-server"));
    assert_eq!(custom.connect_timeout, Some(std::time::Duration::from_secs(60)));
    let route = route(&config, database);
    assert_eq!(
        (route.priority, route.domains.as_slice()),
        (10, ["database".to_owned(), "queries".to_owned()].as_slice())
    );
    assert_eq!((route.retry.max_retries, config.orchestration.fail_fast), (5, Some(false)));
    assert_eq!(config.orchestration.cache.resources, Some(Keep::For(std::time::Duration::from_secs(600))));
}

#[test]
fn a_start_that_failed_with_its_first_server_requires_all() {
    for (word, required) in [("true", true), ("false", false)] {
        let text = ORCHESTRATOR.replace("fail_fast: false", &format!("fail_fast: {word}"));
        let imported = imported("orchestrator.yaml", &text);
        let config = parse_bytes(Format::Yaml, imported.text.as_bytes()).unwrap();
        assert!(config.servers.iter().all(|server| server.required == required), "{}", imported.text);
        assert_eq!(config.orchestration.fail_fast, Some(required));
    }
}

#[test]
fn the_client_of_seed_002() {
    let made = snapshot("desktop", "claude_desktop_config.json", DESKTOP);
    assert_eq!(made.secrets, ["GITHUB_PERSONAL_ACCESS_TOKEN", "DATABASE_URL", "SLACK_BOT_TOKEN"]);
    for secret in ["ghp_xxx", "user:pass", "xoxb-xxx"] {
        assert!(!made.text.contains(secret) && !format!("{:?}", made.notes).contains(secret), "{secret}");
    }
    let config = parse_bytes(Format::Yaml, made.text.as_bytes()).unwrap();
    let Transport::Process(github) = &config.servers[0].transport else { panic!("a process") };
    assert_eq!(github.env[0].value.secrets().collect::<Vec<_>>(), ["GITHUB_PERSONAL_ACCESS_TOKEN"]);
    assert_eq!(github.args, ["-y", "@modelcontextprotocol/server-github"]);
}

#[test]
fn the_servers_of_seed_003() {
    snapshot("robots", "mcp_config.json", ROBOTS);
}

#[test]
fn vs_code_with_inputs_and_comments() {
    assert_eq!(snapshot("vscode", "mcp.json", VSCODE).kind, ImportKind::VsCode);
    let settings = imported("settings.json", &format!("{{\"editor.fontSize\": 12, \"mcp\": {VSCODE}}}"));
    assert_eq!((settings.servers, settings.notes.is_empty()), (3, false));
}

#[test]
fn what_is_odd_is_said_and_no_secret_comes_along() {
    let made = snapshot("odd", "config.json", ODD);
    for secret in ["hunter2", "hunter3"] {
        assert!(!made.text.contains(secret), "{}", made.text);
        assert!(!lines(&made.notes).join("\n").contains(secret));
    }
    let kept = ImportOptions { keep_secrets: true, ..ImportOptions::default() };
    let kept = import(Path::new("config.json"), ODD.as_bytes(), &kept).unwrap();
    let config = parse_bytes(Format::Yaml, kept.text.as_bytes()).unwrap();
    assert!(
        kept.text.contains("API_KEY: hunter3") && kept.text.contains("\"Bearer hunter2\"")
            || kept.text.contains("Bearer hunter2"),
        "{}",
        kept.text
    );
    assert_eq!(config.servers.len(), made.servers + 1, "one has a secret in its command");
}

#[test]
fn retry_policies_of_seed_000_keep_their_words() {
    let made = snapshot(
        "retry_policy",
        "a.yaml",
        "mcp_servers:\n  a:\n    url: http://localhost:1/sse\n    retry_policy: {max_retries: 99, retryable_errors: [weather]}\n\
         retry_policy:\n  max_retries: 3\n  backoff_factor: 2.0\n  initial_delay: 0.5\n  max_delay: 60\n  jitter: true\n  \
         retryable_errors: [rate_limit, timeout, server_error]\n  sleep: 1\n",
    );
    let config = parse_bytes(Format::Yaml, made.text.as_bytes()).unwrap();
    let route = route(&config, &config.servers[0]);
    assert_eq!((route.retry.max_retries, route.retry.on.len()), (20, 3));
}

#[test]
fn a_list_of_servers_and_toml_are_read_too() {
    let list = imported(
        "a.yaml",
        "mcp_servers:\n  - {name: Database Server, url: 'http://localhost:1/sse', transport: sse}\n",
    );
    assert!(list.text.contains("database-server:"), "{}", list.text);
    let toml = imported(
        "config.toml",
        "model = 'x'\n[mcp_servers.docs]\ncommand = 'npx'\nargs = ['-y', 'docs']\nstartup_timeout_sec = 20\n",
    );
    assert!(toml.text.contains("connect_timeout: 20s"), "{}", toml.text);
    let bare = imported("noname", DESKTOP);
    assert_eq!((bare.kind, bare.servers), (ImportKind::Client, 4));
}

#[test]
fn the_same_file_gives_the_same_text() {
    for (name, text) in [("a.yaml", ORCHESTRATOR), ("a.json", DESKTOP), ("a.json", VSCODE), ("a.json", ODD)] {
        assert_eq!(imported(name, text).text, imported(name, text).text);
    }
}

#[test]
fn what_is_imported_needs_no_second_look_by_the_parser() {
    for (name, text) in accepted::GOOD {
        let Ok(made) = import(Path::new(name), text.as_bytes(), &ImportOptions::default()) else { continue };
        let config = parse_bytes_at_home(&made.text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(config.warnings.is_empty(), "{name}: {:?}\n{}", lines(&config.warnings), made.text);
        assert_eq!(config.servers.len(), made.servers);
    }
}

#[test]
fn files_that_cannot_be_imported_say_why() {
    let many: String = (0..1001).map(|i| format!("\"s{i}\": {{\"command\": \"x\"}},")).collect();
    let deep = format!("{{\"mcpServers\": {}{}}}", "[".repeat(100), "]".repeat(100));
    let cases: &[(&str, &[u8], &str)] = &[
        ("a.json", b"{}", "has no `mcp_servers`, `mcpServers`, `servers`"),
        ("a.yaml", b"", "has no `mcp_servers`"),
        ("a.json", b"{\"mcpServers\": 5}", "a.json:1: mcpServers: expected a map of servers, found a number"),
        ("a.json", b"{\"mcpServers\": {}, \"mcpServers\": {}}", "is written twice"),
        (
            "a.json",
            b"{\"mcpServers\": {\"a\": {\"command\": \"x\",\n\"command\": \"y\"}}}",
            "a.json:2: mcpServers.a.command",
        ),
        ("a.json", b"{\"mcpServers\": ", "not JSON"),
        ("a.yaml", b"mcp_servers: *x", "not YAML"),
        ("a.json", b"\n\xff", "a.json:2: not UTF-8 text"),
        ("a.json", deep.as_bytes(), "nested deeper than 64 levels"),
    ];
    for (name, text, why) in cases {
        let error = import(Path::new(name), text, &ImportOptions::default()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let many = format!("{{\"mcpServers\": {{{many}}}}}");
    let error = import(Path::new("a.json"), many.as_bytes(), &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("more than 1000 servers"), "{error}");
    let huge = vec![b' '; tollgate_config::FILE_MAX_BYTES as usize + 1];
    let error = import(Path::new("a.json"), &huge, &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("larger than 4 MiB"), "{error}");
    let other = ImportOptions { kind: Some(ImportKind::VsCode), ..ImportOptions::default() };
    let error = import(Path::new("a.json"), DESKTOP.as_bytes(), &other).unwrap_err().to_string();
    assert_eq!(error, "a.json: has no `servers`; there is nothing to import");
}

#[test]
fn a_file_of_servers_that_cannot_be_carried_over_is_still_a_configuration() {
    let made = imported("a.json", "{\"mcpServers\": {\"a\": {}, \"b\": 5}}");
    assert_eq!((made.servers, made.notes.len()), (0, 2));
    assert!(made.text.contains("servers: {}"), "{}", made.text);
}

#[test]
fn what_is_of_another_form_is_said_by_its_line() {
    let text = "mcp_servers:\n  a: {command: x, retry_policy: 5, env: [1], args: x, disabled: 1,\n    headers: 5, domains: crm}\norchestration: [1]\nretry_policy: fast\n";
    let made = imported("a.yaml", text);
    let said = lines(&made.notes);
    assert_eq!(said.len(), 8, "{said:#?}");
    assert!(said.iter().all(|note| note.contains("not carried over: it is ")), "{said:#?}");
    assert!(said.iter().any(|note| note.starts_with("a.yaml:3: mcp_servers.a.headers")), "{said:#?}");
    assert!(said.iter().any(|note| note.starts_with("a.yaml:5: retry_policy: ")), "{said:#?}");
    assert!(made.text.ends_with("servers:\n  a:\n    command: x\n"), "{}", made.text);
}

#[test]
fn a_hostile_file_is_bounded_in_what_is_said() {
    let keys: String = (0..100_000).map(|i| format!("\"k{i}\": \"\\u001b[2J{i}\",")).collect();
    let made = imported("a.json", &format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"x\", {keys} \"z\": 1}}}}}}"));
    assert_eq!(made.notes.len(), 101);
    let long = "\\u001b\\u202e\\n".repeat(10_000);
    let made = imported(
        "a.json",
        &format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"x\", \"description\": \"{long}\"}}}}}}"),
    );
    assert!(!made.text.contains(['\u{1b}', '\u{202e}']) && made.text.len() < 1000, "{}", made.text);
}

#[test]
fn a_hostile_file_is_imported_in_time() {
    let begun = std::time::Instant::now();
    let equal: String = (0..50_000u32)
        .filter_map(|i| char::from_u32(0x4e00 + i % 20_000))
        .enumerate()
        .map(|(i, c)| format!("\"TOKEN{c}{i:x}\": \"{i}abcdef\","))
        .collect();
    let arguments =
        format!("\"{}\", \"{}\", \"{}\"", "${env:X}".repeat(50_000), "${".repeat(200_000), "${env:".repeat(50_000));
    let list: String = (0..900)
        .map(|i| format!("\"{} {i}\": {{\"command\": \"x\", \"env\": {{\"API_KEY\": \"k{i}\"}}}},", "é".repeat(40)))
        .collect();
    imported(
        "a.json",
        &format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"x\", \"env\": {{{equal} \"Z\": 1}}}}}}}}"),
    );
    imported("a.json", &format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"x\", \"args\": [{arguments}]}}}}}}"));
    imported("a.json", &format!("{{\"mcpServers\": {{{list} \"a\": {{\"command\": \"x\"}}}}}}"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// Text that is a trap for a writer of YAML.
fn text() -> impl Strategy<Value = String> {
    let trap = prop::sample::select(vec![
        "",
        " ",
        "-",
        "--",
        "---",
        "...",
        "?",
        ": ",
        ":",
        " #",
        "#",
        "&a",
        "*a",
        "!x",
        "|",
        ">",
        "%",
        "@",
        "`",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        "~",
        "null",
        "true",
        "1",
        "1.5",
        "0x1",
        "1e3",
        "<<",
        "=",
        "a",
        "b c",
        "$",
        "${",
        "${x}",
        "${env:X}",
        "${input:i}",
        "${secret:s}",
        "$${",
        "\n",
        "\t",
        "\r",
        "\u{0}1",
        "\u{1b}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{202e}",
        "é",
        "日",
        "\u{e000}",
        "\u{fffe}",
        "\u{1f600}",
        "https://x.com/a?b=c",
        "u:p@h",
        "ghp_abc",
        "/a/b",
        "~/x",
        "Bearer x",
    ]);
    prop_oneof![
        prop::collection::vec(trap, 0..6).prop_map(|parts| parts.concat().replace('\0', "")),
        any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    prop_oneof![
        4 => text().prop_map(|text| json!(text)),
        1 => any::<i64>().prop_map(|n| json!(n)),
        1 => (-10.0..100_000.0f64).prop_map(|n| json!(n)),
        1 => prop::sample::select(vec![json!(null), json!(true), json!(false), json!([]), json!({})]),
        2 => prop::collection::vec(text(), 0..4).prop_map(|texts| json!(texts)),
        2 => prop::collection::hash_map(text(), text(), 0..4).prop_map(|map| json!(map)),
    ]
}

fn server() -> impl Strategy<Value = serde_json::Value> {
    let key = prop::sample::select(vec![
        "command",
        "args",
        "env",
        "headers",
        "url",
        "httpUrl",
        "type",
        "transport",
        "timeout",
        "priority",
        "domains",
        "capabilities",
        "cwd",
        "envFile",
        "auth",
        "oauth",
        "disabled",
        "enabled",
        "tools",
        "excludeTools",
        "retry_policy",
        "name",
        "description",
        "zzz",
    ]);
    let main = prop_oneof![
        text().prop_map(|text| ("command", serde_json::json!(text))),
        Just(("command", serde_json::json!("x"))),
        Just(("url", serde_json::json!("https://x.com/mcp"))),
    ];
    (main, prop::collection::vec((key, value()), 0..6)).prop_map(|(main, keys)| {
        let mut map: serde_json::Map<_, _> = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        map.insert(main.0.to_owned(), main.1);
        serde_json::Value::Object(map)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn whatever_is_imported_is_read_back_by_the_parser(
        servers in prop::collection::vec((text(), server()), 0..4),
        orchestration in prop::collection::vec((prop::sample::select(vec!["resource_cache_ttl", "fail_fast", "max_retries", "retry_policy", "x"]), value()), 0..4),
        orchestrator in any::<bool>(),
        keep_secrets in any::<bool>(),
    ) {
        let key = if orchestrator { "mcp_servers" } else { "mcpServers" };
        let servers: serde_json::Map<_, _> = servers.into_iter().collect();
        let orchestration: serde_json::Map<_, _> = orchestration.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let file = serde_json::json!({key: servers, "orchestration": orchestration}).to_string();
        let options = ImportOptions { kind: None, keep_secrets };
        let made = import(Path::new("a.json"), file.as_bytes(), &options).map_err(|error| TestCaseError::fail(format!("{error}\n{file}")))?;
        let config = parse_bytes_at_home(&made.text).map_err(|error| TestCaseError::fail(format!("{error}\n{}", made.text)))?;
        prop_assert_eq!(config.servers.len(), made.servers);
    }

    #[test]
    fn a_secret_never_comes_along(secret in "[a-zA-Z0-9]{12,40}") {
        let file = serde_json::json!({"mcpServers": {
            "a": {"command": "x", "env": {"API_TOKEN": secret, "DB": format!("postgres://u:{secret}@h/d")}},
            "b": {"command": "x", "args": [format!("--token={secret}"), "--api-key", secret, format!("redis://:{secret}@h")]},
            "c": {"url": format!("https://u:{secret}@x.com/mcp?token={secret}"), "headers": {"X-Api-Key": secret}},
            "d": {"url": "https://x.com/mcp", "headers": {"Authorization": format!("Bearer {secret}")}, "zzz": secret},
            "e": {"url": "https://x.com/mcp", "oauth": {"clientId": "c", "clientSecret": secret}, "type": {"x": secret}},
        }}).to_string();
        let made = import(Path::new("a.json"), file.as_bytes(), &ImportOptions::default()).unwrap();
        prop_assert_eq!(made.servers, 5);
        prop_assert!(!made.text.contains(&secret), "{}", made.text);
        prop_assert!(!lines(&made.notes).join("\n").contains(&secret), "{:?}", made.notes);
        let config = parse_bytes_at_home(&made.text).unwrap();
        prop_assert!(config.servers[1].disabled && config.servers[2].disabled && !config.servers[0].disabled);
    }

    #[test]
    fn texts_come_through_unchanged(texts in prop::collection::vec(text(), 1..5)) {
        let file = serde_json::json!({"mcpServers": {"a": {"command": "sh", "args": texts}}}).to_string();
        let options = ImportOptions { kind: None, keep_secrets: true };
        let made = import(Path::new("a.json"), file.as_bytes(), &options).unwrap();
        let config = parse_bytes_at_home(&made.text).unwrap();
        let Transport::Process(process) = &config.servers[0].transport else { panic!("a process") };
        if !config.servers[0].disabled {
            prop_assert_eq!(&process.args, &texts);
        }
    }

    #[test]
    fn any_bytes_are_imported_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for name in ["a.json", "a.yaml", "a.toml", "a"] {
            let _ = import(Path::new(name), &bytes, &ImportOptions::default());
        }
    }
}

/// `~/` needs a home.
fn parse_bytes_at_home(text: &str) -> Result<tollgate_config::Config, tollgate_config::ConfigError> {
    tollgate_config::parse(Path::new("a.yaml"), Some(Path::new("/home/ada")), text.as_bytes())
}
