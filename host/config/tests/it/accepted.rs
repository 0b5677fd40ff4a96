//! What is accepted, and what it means.

use crate::{config, lines};
use std::path::Path;
use std::time::Duration;
use tollgate_config::model::{
    Adapter, AdapterCode, Auth, Category, Code, Document, Expose, KeyAlgorithm, Language, NameStrategy, OAuthGrant,
    RemoteProtocol, SecretIn, SecretPlace, Serve, Transport,
};
use tollgate_core::Limits;

/// Files that are right; the schema must accept each too.
pub const GOOD: &[(&str, &str)] = &[
    ("empty.yaml", ""),
    ("comment.yaml", "# nothing yet\n"),
    ("empty.toml", ""),
    ("empty.json", "{}"),
    ("all.yaml", ALL_YAML),
    ("all.toml", ALL_TOML),
    ("all.json", ALL_JSON),
    ("desktop.json", DESKTOP),
    ("cline.json", CLINE),
    ("vscode.json", VSCODE),
    ("oauth.json", OAUTH),
    ("auth.yaml", AUTH),
    ("auth-foreign.json", r#"{"mcpServers": {"a": {"url": "https://x.com/mcp", "auth": "tok3n"}}}"#),
    ("both.yaml", "mcpServers: {a: {command: x}}\nservers: {b: {command: x}}"),
    ("list.yaml", "servers: {a: {command: x, tools: ['get_*']}}"),
    ("zero.yaml", "limits: {calls: 0, log_bytes: 0, table_elements: 0}"),
    ("numbers.yaml", "limits: {memory: 67108864, fuel: 1_000, calls: 10_000}"),
    ("anchors.yaml", "servers: {a: &a {command: x, args: [1]}, b: *a}"),
    ("serve.yaml", SERVE),
    ("serve-words.yaml", "serve: {expose: meta-full, names: {}, http: {listen: '[::1]:0', tokens: []}, grants: []}"),
    (
        "serve.json",
        r#"{"serve": {"http": {"max_sessions": 5, "max_body": 1024, "origins": ["chrome-extension://abc/"]}}}"#,
    ),
    ("language.yaml", "policies: {a: {script: a, language: python}, b: {script: b.js, language: typescript}}"),
    ("orchestration.yaml", crate::orchestration::ALL_YAML),
    ("orchestration.toml", crate::orchestration::ALL_TOML),
    ("orchestration.json", crate::orchestration::ALL_JSON),
    (
        "switches.yaml",
        "orchestration: {retry: true, breaker: {}, cache: false}\nservers: {a: {command: x, cache: 5m, retry: {}, rate_limit: 1/h, tools: {settings: {}}}}",
    ),
    (
        "agent.yaml",
        "model: {provider: agent}\npolicies: {p: {component: ./tollgate:x.wasm}, q: {component: 'tollgate:hub-agent', approve: []}}",
    ),
    ("quoted.yaml", "servers: {a: {command: x, args: ['${HOME}', '$X']}}"),
];

const ALL_YAML: &str = r#"
$schema: https://example.com/tollgate.schema.json
servers:
  files:
    command: ./bin/files
    args: [--root, ~/notes, --port, 8080, -v, true]
    env: { TOKEN: "Bearer ${secret:crm}", PORT: 1.10, DEBUG: true, EMPTY: "" }
    envFile: .env
    cwd: ~/work
    timeout: 90
    connect_timeout: 1m 30s
    priority: 5
    domains: [crm, sales]
    capabilities: [search]
    tools: { allow: ["get_*", list], deny: [get_secret], pin: true }
  crm:
    url: https://crm.example.com/mcp?x=1
    headers: { Authorization: "Bearer ${secret:crm}" }
    type: streamable-http
    disabled: true
    timeout: 500ms
  math:
    component: math.wasm
    grants: ["crm:get_*", read-only]
    limits: { memory: 16MiB }
    secrets:
      crm: { hosts: [api.math.example, "*.cdn.math.example"], in: header, name: X-Key, prefix: "Token " }
      pay: { hosts: [auth.math.example], in: client_credentials, token_url: https://auth.math.example/token, client_id: me, scopes: [a, b] }
  petstore: { openapi: petstore.yaml }
  hub:
    openapi: { document: https://hub.example/openapi.json, server: https://eu.hub.example/v1, variables: { region: eu }, tags: [repos], paths: ["/repos/*"], methods: [GET], operations: ["repos_*"], category: read }
    secrets: { crm: { in: scheme, name: bearerAuth } }
policies:
  report:
    component: policies/report.wasm
    secrets: { pay: { hosts: [x.com], in: query, name: key } }
    grants: [tool=crm:*]
    limits: { fuel: 1000000, timeout: 5s }
    description: Weekly numbers
  tidy:
    script: /srv/tidy.ts
limits: { timeout: 2m, calls: 50 }
journal: ~/journal.jsonl
cache: cache
secrets:
  crm: { env: CRM_TOKEN }
  pay: { file: pay.token }
  vault: { command: [pass, show, api] }
"#;

const ALL_TOML: &str = r#"
journal = "j.jsonl"
[servers.files]
command = "files"
args = ["--port", 0x1F90]
env.TOKEN = "${env:TOKEN}"
timeout = 1.5
[policies.report]
component = "report.wasm"
grants = ["crm:*"]
limits = { memory = "64MiB" }
[limits]
calls = 1_000
"#;

const ALL_JSON: &str = r#"{
  // servers of ours
  "servers": {
    "crm": {"url": "http://127.0.0.1:8080/sse", "type": "sse",},
  },
  /* and policies */
  "policies": {"p": {"script": "p.py"}},
}"#;

/// As Claude Desktop writes it.
pub const DESKTOP: &str = r#"{
  "globalShortcut": "Ctrl+Space",
  "mcpServers": {
    "github": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-github"],
      "env": {"GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_xxx"}
    },
    "ros": {"disabled": false, "command": "bash", "args": ["-c", "source ${ROS}/setup.bash && python server.py"]}
  }
}"#;

/// As Cline writes it.
pub const CLINE: &str = r#"{
  "mcpServers": {
    "github.com/acme/tools": {
      "autoApprove": ["search"], "disabled": false, "timeout": 60, "type": "stdio", "command": "node",
      "args": ["${workspaceFolder}/server.js"], "alwaysAllow": [], "description": "x", "headers": {}
    },
    "web": {"url": "https://example.com/mcp", "type": "streamableHttp", "timeout": 60000, "env": {}, "tools": ["*"]}
  }
}"#;

/// As VS Code writes it.
pub const VSCODE: &str = r#"{
  "mcpServers": {"a": {"type": "http", "url": "https://example.com/mcp"}},
  "inputs": [{"id": "token", "type": "promptString"}]
}"#;

/// OAuth as other clients write it.
pub const OAUTH: &str = r#"{"mcpServers": {
  "code": {"type": "http", "url": "https://a.com/mcp", "oauth": {"clientId": "c", "callbackPort": 8080, "tokenUrl": "x"}},
  "cursor": {"url": "https://b.com/mcp", "auth": {"CLIENT_ID": "c", "CLIENT_SECRET": "${env:S}", "scopes": ["a", "b"]}},
  "off": {"url": "https://c.com/mcp", "oauth": {"enabled": false}},
  "word": {"url": "https://d.com/mcp", "auth": "oauth"},
  "token": {"url": "https://e.com/mcp", "auth": "hunter2"},
  "odd": {"url": "https://f.com/mcp", "oauth": [1]},
  "header": {"url": "https://g.com/mcp", "headers": {"authorization": "x"}, "oauth": true}
}}"#;

pub const AUTH: &str = "
servers:
  plain: {url: 'https://a.com/mcp'}
  header: {url: 'https://a.com/mcp', headers: {authorization: x}}
  off: {url: 'https://a.com/mcp', auth: none}
  off_too: {url: 'https://a.com/mcp', headers: {Authorization: x}, auth: {type: none}}
  full:
    url: https://a.com/mcp
    auth:
      type: oauth
      client_id: c
      client_secret: ${secret:s}
      client_metadata_url: https://a.com/client.json
      scopes: [read, 'https://a.com/scope']
      redirect_port: 8400
      issuer: https://login.a.com/
  robot: {url: 'https://a.com/mcp', auth: {type: oauth, grant: client_credentials, client_id: c,
    client_key: '${env:KEY}', key_algorithm: RS256, issuer: https://login.a.com}}
";

pub const SERVE: &str = "
servers: {crm: {command: x}}
policies: {customer-360: {component: c.wasm}}
serve:
  expose: ['crm:get_*', '*:list', customer-360]
  names:
    strategy: label
    separator: '-'
    rename: {'crm:get_customer': customer, 'crm:a:b': ab}
  http:
    listen: 127.0.0.1:8080
    tokens:
      - {name: ada, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
      - {name: ada, sha256: 60303AE22B998861BCE3B28F33EEC1BE758A213C86C93C076DBE9F558C11C752}
    hosts: [tollgate.example.com, 'gate:8443']
    origins: [https://app.example.com]
    max_sessions: 50
    max_body: 1MiB
    session_timeout: 10m
    idle_timeout: 30s
    grace: 2s
  grants: [read-only, 'crm:*']
";

#[test]
fn how_the_host_is_served_is_read() {
    let config = config("serve.yaml", SERVE);
    assert!(config.warnings.is_empty(), "{:?}", lines(&config.warnings));
    let Serve { expose, names, http, grants, approve: _ } = &config.serve;
    let Some(Expose::Only(items)) = expose else { panic!("{expose:?}") };
    assert_eq!(
        items.iter().map(|item| item.value.as_str()).collect::<Vec<_>>(),
        ["crm:get_*", "*:list", "customer-360"]
    );
    assert_eq!((names.strategy, names.separator.as_deref()), (Some(NameStrategy::Label), Some("-")));
    let rename: Vec<_> = names.rename.iter().map(|(tool, name)| (tool.to_string(), name.as_str())).collect();
    assert_eq!(rename, [("crm:get_customer".to_owned(), "customer"), ("crm:a:b".to_owned(), "ab")]);
    assert_eq!(http.listen, Some("127.0.0.1:8080".parse().unwrap()));
    let [one, other] = http.tokens.as_slice() else { panic!("two tokens") };
    assert_eq!((one.name.as_str(), other.name.as_str(), one.sha256.line), ("ada", "ada", 13));
    assert!(one.sha256.to_string().starts_with("9f86d081") && other.sha256.to_string().starts_with("60303ae2"));
    assert_eq!((http.hosts.len(), http.origins.as_slice()), (2, ["https://app.example.com".to_owned()].as_slice()));
    assert_eq!((http.max_sessions, http.max_body_bytes), (Some(50), Some(1 << 20)));
    assert_eq!(http.idle_timeout, Some(Duration::from_secs(30)));
    assert_eq!((http.session_timeout, http.grace), (Some(Duration::from_secs(600)), Some(Duration::from_secs(2))));
    assert_eq!(grants.as_ref().map(Vec::len), Some(2));
}

#[test]
fn of_serve_what_is_not_said_is_not_there() {
    assert_eq!(config("empty.yaml", "").serve, Serve::default());
    assert_eq!(config("a.yaml", "serve: {}").serve, Serve::default());
    let grants = config("a.yaml", "serve: {grants: []}").serve.grants;
    assert_eq!(grants, Some(Vec::new()), "an empty list grants nothing, none everything");
    for (word, what) in
        [("meta", Expose::Meta), ("meta-full", Expose::MetaFull), ("policies", Expose::Policies), ("all", Expose::All)]
    {
        assert_eq!(config("a.yaml", &format!("serve: {{expose: {word}}}")).serve.expose, Some(what));
    }
}

#[test]
fn what_serve_names_and_the_file_has_not_is_warned_of() {
    let config = config(
        "a.yaml",
        "servers: {crm: {command: x}}\npolicies: {report: {script: r.py}}\nserve:\n  expose: [reprot, 'cmr:*', 'c*:x', '*']\n  names: {rename: {'payments:pay': pay}}\n  http: {listen: '0.0.0.0:80'}",
    );
    insta::assert_snapshot!("strangers_of_serve", lines(&config.warnings).join("\n").replace("/etc/gate/", ""));
}

#[test]
fn callers_are_read_and_no_list_is_another_thing_than_an_empty_one() {
    let text = "callers:\n- principal: ada\n  grants: ['crm:*', ask]\n  expose: [crm:*, report]\n  approve: ['*:delete_*']\n  limits: {timeout: 5s, calls: 10}\n- {principal: ada, expose: meta}\n";
    let callers = config("a.yaml", text).callers.unwrap();
    let [one, two] = callers.as_slice() else { panic!("two entries") };
    assert_eq!((one.principal.as_str(), one.grants.len(), one.approve.len(), one.limits.0.len()), ("ada", 2, 1, 2));
    assert!(matches!(&one.expose, Some(Expose::Only(items)) if items.len() == 2), "{:?}", one.expose);
    assert_eq!((two.expose.clone(), two.grants.len()), (Some(Expose::Meta), 0));
    assert_eq!(config("a.yaml", "callers: []").callers, Some(Vec::new()), "nobody has anything");
    assert_eq!(config("a.yaml", "serve: {}").callers, None, "`serve` holds for all");
}

#[test]
fn what_callers_say_in_vain_is_warned_of() {
    let config = config(
        "a.yaml",
        "limits: {timeout: 10s}\nserve:\n  grants: ['crm:*']\n  http:\n    tokens: [{name: ada, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]\ncallers:\n- principal: adda\n  grants: ['crm:*', 'resource=crm:*', ask]\n  limits: {timeout: 20s, calls: 1000000}\n- principal: somebody\n",
    );
    insta::assert_snapshot!("callers_in_vain", lines(&config.warnings).join("\n").replace("/etc/gate/", ""));
}

#[test]
fn a_scripts_language_is_told_by_its_extension_or_its_key() {
    for (policy, language) in [
        ("script: a.js", Language::JavaScript),
        ("script: a.mts", Language::TypeScript),
        ("script: a.py", Language::Python),
        ("script: a, language: python", Language::Python),
        ("script: a.js, language: typescript", Language::TypeScript),
    ] {
        let config =
            config("a.yaml", &format!("policies: {{p: {{{policy}, grants: ['crm:*'], limits: {{calls: 1}}}}}}"));
        let [only] = config.policies.as_slice() else { panic!("one policy") };
        assert!(
            matches!(&only.code, Code::Script(file, told) if *told == language && file.starts_with("/etc/gate")),
            "{policy}"
        );
        assert_eq!((only.grants.len(), only.limits.0.len()), (1, 1));
    }
}

fn auth_of<'c>(config: &'c tollgate_config::Config, name: &str) -> &'c Auth {
    let server = config.servers.iter().find(|server| *server.name == name).unwrap();
    let Transport::Remote(remote) = &server.transport else { panic!("an address") };
    &remote.auth
}

#[test]
fn a_remote_server_has_oauth_unless_it_says_otherwise() {
    let config = config("auth.yaml", AUTH);
    for (name, oauth) in [("plain", true), ("header", false), ("off", false), ("off_too", false), ("full", true)] {
        assert_eq!(matches!(auth_of(&config, name), Auth::OAuth(_)), oauth, "{name}");
    }
    assert_eq!(*auth_of(&config, "plain"), Auth::OAuth(Box::default()));
    let Auth::OAuth(full) = auth_of(&config, "full") else { panic!("OAuth") };
    assert_eq!((full.client_id.as_deref(), full.redirect_port, full.grant), (Some("c"), Some(8400), OAuthGrant::Code));
    assert_eq!(
        (full.scopes.as_slice(), full.issuer.as_deref()),
        (["read".to_owned(), "https://a.com/scope".to_owned()].as_slice(), Some("https://login.a.com/"),)
    );
    let Auth::OAuth(robot) = auth_of(&config, "robot") else { panic!("OAuth") };
    assert_eq!((robot.grant, robot.key_algorithm), (OAuthGrant::ClientCredentials, KeyAlgorithm::Rs256));
}

#[test]
fn oauth_of_other_clients_works_or_is_warned_of() {
    let config = config("oauth.json", OAUTH);
    let Auth::OAuth(code) = auth_of(&config, "code") else { panic!("OAuth") };
    assert_eq!(code.redirect_url.as_deref(), Some("http://localhost:8080/callback"));
    let oauth = |name: &str| match auth_of(&config, name) {
        Auth::OAuth(oauth) => Some((oauth.client_id.clone(), oauth.client_secret.is_some(), oauth.scopes.len())),
        Auth::None => None,
    };
    let id = Some("c".to_owned());
    assert_eq!(oauth("code"), Some((id.clone(), false, 0)));
    assert_eq!(oauth("cursor"), Some((id, true, 2)));
    assert_eq!((oauth("off"), oauth("header")), (None, None));
    assert_eq!(
        (oauth("word"), oauth("token"), oauth("odd")),
        (Some((None, false, 0)), Some((None, false, 0)), Some((None, false, 0)))
    );
    let warnings = lines(&config.warnings).join("\n").replace("/etc/gate/", "");
    assert!(!warnings.contains("hunter2"), "{warnings}");
    insta::assert_snapshot!("oauth_of_other_clients", warnings);
}

#[test]
fn every_good_file_is_accepted() {
    for (name, text) in GOOD {
        config(name, text);
    }
}

#[test]
fn every_key_means_what_it_says() {
    let config = config("all.yaml", ALL_YAML);
    assert!(config.warnings.is_empty(), "{:?}", lines(&config.warnings));
    assert_eq!(config.summary().to_string(), "5 servers (1 disabled), 2 policies, 0 warnings");
    let [files, crm, math, petstore, hub] = config.servers.as_slice() else { panic!("in the order of the file") };

    assert_eq!((files.name.as_str(), files.name.line, files.key.as_str()), ("files", 4, "servers.files"));
    assert_eq!((files.timeout, files.connect_timeout), (Some(Duration::from_secs(90)), Some(Duration::from_secs(90))));
    assert_eq!((files.priority, files.domains.len(), files.capabilities.len()), (Some(5), 2, 1));
    assert!(files.tools.pin && config.servers.iter().filter(|server| server.tools.pin).count() == 1);
    assert!(files.tools.admits("get_user") && files.tools.admits("list"));
    assert!(!files.tools.admits("get_secret") && !files.tools.admits("drop"));
    let Transport::Process(process) = &files.transport else { panic!("a process") };
    assert_eq!(process.command, Path::new("/etc/gate/./bin/files"));
    assert_eq!(
        process.args,
        ["--root", "~/notes", "--port", "8080", "-v", "true"],
        "arguments are passed on as written"
    );
    assert_eq!(process.cwd.as_deref(), Some(Path::new("/home/ada/work")));
    assert_eq!(process.env_file.as_ref().unwrap().path, Path::new("/etc/gate/.env"));
    assert_eq!(process.env[0].value.line, 7);

    assert!(crm.disabled && crm.timeout == Some(Duration::from_millis(500)));
    let Transport::Remote(remote) = &crm.transport else { panic!("an address") };
    assert_eq!((remote.protocol, remote.url.host()), (RemoteProtocol::StreamableHttp, Some("crm.example.com")));

    let Transport::Adapter(adapter) = &math.transport else { panic!("an adapter") };
    assert_eq!((adapter.grants.len(), adapter.grants[0].line), (2, 24));
    let mut limits = Limits::default();
    config.limits.apply(&mut limits);
    adapter.limits.apply(&mut limits);
    assert_eq!((limits.timeout_ms, limits.calls, limits.memory_bytes), (120_000, 50, 16 << 20));

    let [token, credentials] = adapter.secrets.as_slice() else { panic!("two secrets") };
    assert_eq!((token.secret.as_str(), token.hosts.len()), ("crm", 2));
    assert_eq!(token.place, SecretIn::Header { name: "X-Key".into(), prefix: "Token ".into() });
    assert!(matches!(&credentials.place, SecretIn::ClientCredentials { client_id, scopes, .. }
        if client_id == "me" && scopes.len() == 2));

    let Transport::Adapter(Adapter { code: AdapterCode::OpenApi(api), .. }) = &petstore.transport else { panic!() };
    assert_eq!(api.document.value, Document::File("/etc/gate/petstore.yaml".into()));
    let Transport::Adapter(Adapter { code: AdapterCode::OpenApi(api), secrets, .. }) = &hub.transport else { panic!() };
    assert_eq!(api.document.value, Document::Url("https://hub.example/openapi.json".into()));
    assert_eq!((api.variables[0].1.as_str(), api.category), ("eu", Some(Category::Read)));
    assert_eq!((api.tags.len(), api.paths.len(), api.methods.len(), api.operations.len()), (1, 1, 1, 1));
    assert!(matches!(&secrets[0].place, SecretIn::Scheme { name, .. } if name == "bearerAuth"));

    let [report, tidy] = config.policies.as_slice() else { panic!("two policies") };
    assert_eq!(report.description.as_deref(), Some("Weekly numbers"));
    assert_eq!(report.secrets[0].place, SecretIn::Query("key".into()));
    assert!(matches!(&report.code, Code::Component(file) if **file == Path::new("/etc/gate/policies/report.wasm")));
    assert!(matches!(&tidy.code, Code::Script(file, Language::TypeScript) if **file == Path::new("/srv/tidy.ts")));

    assert_eq!(config.journal.as_deref(), Some(Path::new("/home/ada/journal.jsonl")));
    assert_eq!(config.cache.as_deref(), Some(Path::new("/etc/gate/cache")));
    assert_eq!(config.secrets[1].from, SecretPlace::File("/etc/gate/pay.token".into()));
    assert_eq!(config.secrets[2].from, SecretPlace::Command(["pass", "show", "api"].map(str::to_owned).into()));
}

#[test]
fn the_formats_agree() {
    let toml = config("all.toml", ALL_TOML);
    let yaml = config(
        "same.yaml",
        "journal: j.jsonl\nlimits: {calls: 1000}\n\
         servers: {files: {command: files, args: [--port, 8080], env: {TOKEN: '${env:TOKEN}'}, timeout: 1.5}}\n\
         policies: {report: {component: report.wasm, grants: ['crm:*'], limits: {memory: 64MiB}}}",
    );
    let json = config(
        "same.json",
        r#"{"journal": "j.jsonl", "limits": {"calls": 1000},
            "servers": {"files": {"command": "files", "args": ["--port", 8080], "env": {"TOKEN": "${env:TOKEN}"}, "timeout": 1.5}},
            "policies": {"report": {"component": "report.wasm", "grants": ["crm:*"], "limits": {"memory": "64MiB"}}}}"#,
    );
    for other in [yaml, json] {
        assert_eq!((&toml.servers, &toml.policies), (&other.servers, &other.policies));
        assert_eq!((&toml.limits, &toml.journal), (&other.limits, &other.journal));
    }
}

#[test]
fn files_of_other_clients_work_and_say_what_is_ignored() {
    let mut text = String::new();
    for (name, file) in [("desktop.json", DESKTOP), ("cline.json", CLINE), ("vscode.json", VSCODE)] {
        let config = config(name, file);
        text += &format!("{}\n", config.summary());
        text += &config
            .would_start()
            .iter()
            .chain(&lines(&config.warnings))
            .map(|l| format!("  {l}\n"))
            .collect::<String>();
    }
    insta::assert_snapshot!("other_clients", text);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    for (name, text) in [
        ("a.yaml", "limits:\r\n  calls: 7\r\n"),
        ("a.toml", "[limits]\r\ncalls = 7\r\n"),
        ("a.json", "{\"limits\":\r\n{\"calls\":\t7}}\r\n"),
    ] {
        let config = config(name, &format!("\u{feff}{text}"));
        let (_, calls) = &config.limits.0[0];
        assert_eq!((calls.value, calls.line), (7, 2), "{name}");
    }
}

#[test]
fn where_a_server_stands_does_not_change_what_it_is() {
    let one = config("a.yaml", "servers: {a: {command: x, env: {A: b}}}");
    let other = config("a.yaml", "# moved\n\nservers: {a: {command: x,\n env: {A: b}}}");
    assert_eq!(one.servers, other.servers);
}

#[test]
fn no_secret_shows_in_debug_or_summary() {
    let text = "servers:\n  a: {command: x, env: {TOKEN: hunter2}}\n  b: {url: 'https://h/mcp?key=hunter2', headers: {A: hunter2}}";
    let config = config("a.yaml", text);
    assert!(!config.would_start().join("\n").contains("hunter2"));
    let env = config.servers.iter().map(|s| match &s.transport {
        Transport::Process(p) => format!("{:?}", p.env),
        Transport::Remote(r) => format!("{:?}", r.headers),
        Transport::Adapter(_) => String::new(),
    });
    assert!(!env.collect::<String>().contains("hunter2"));
}

#[test]
fn hosts_that_anybody_can_have_draw_a_warning() {
    let text = "policies:
  p:
    component: p.wasm
    grants: ['http=https://*.github.io/*', 'http=https://*.example.com/*']
    secrets:
      k: {hosts: [api.x.com, '*.github.io:8443'], in: bearer}";
    let config = config("a.yaml", text);
    assert_eq!(
        lines(&config.warnings),
        [
            "/etc/gate/a.yaml:4: policies.p.grants[0]: `*.github.io` is also every host that somebody else has there; \
             name those that you mean",
            "/etc/gate/a.yaml:6: policies.p.secrets.k.hosts: `*.github.io` is also every host that somebody else has \
             there; name those that may get the secret",
        ]
    );
}

#[test]
fn what_would_go_in_the_clear_draws_a_warning_with_the_line_to_add() {
    let text = "servers:
  header: {url: 'http://x.com/mcp', headers: {A: b}}
  oauth: {url: 'http://x.com/mcp', auth: oauth}
  nothing: {url: 'http://x.com/mcp'}
  allowed: {url: 'http://x.com/mcp', headers: {A: b}, allow_http: true}
  near: {url: 'http://127.0.0.1:1/mcp', headers: {A: b}, proxy: 'http://proxy.x.com:3128'}";
    let config = config("a.yaml", text);
    let help = "over clear http to another machine, where everybody on the way can read them; use https, or add \
                `allow_http: true` to the server";
    assert_eq!(
        lines(&config.warnings),
        [
            format!("/etc/gate/a.yaml:2: servers.header.headers: its headers are not sent {help}"),
            format!("/etc/gate/a.yaml:3: servers.oauth.auth: its tokens are not sent {help}"),
        ]
    );
    let remote = |at: usize| match &config.servers[at].transport {
        Transport::Remote(remote) => (remote.allow_http, remote.proxy.as_ref().map(ToString::to_string)),
        _ => panic!("an address"),
    };
    assert_eq!((remote(3), remote(4)), ((true, None), (false, Some("http://proxy.x.com:3128/".to_owned()))));
}

#[test]
fn the_hosts_of_a_secret_are_those_of_the_apis_server_where_nothing_else_is_said_and_never_a_documents() {
    let text = "servers:
  said: {openapi: {document: p.yaml, server: 'https://x.com/v1'}, secrets: {k: {in: bearer, hosts: [y.com]}}}
  server: {openapi: {document: p.yaml, server: 'https://x.com:8443/v1'}, secrets: {k: {in: bearer}}}
  near: {openapi: {document: p.yaml, server: 'http://localhost:3/v1'}, secrets: {k: {in: bearer}}}
  document: {openapi: p.yaml, secrets: {k: {in: bearer}}}";
    let config = config("a.yaml", text);
    let hosts = config.servers.iter().map(|server| match &server.transport {
        Transport::Adapter(adapter) => adapter.secrets[0].hosts.iter().map(|host| host.value.clone()).collect(),
        _ => Vec::new(),
    });
    let hosts: Vec<Vec<String>> = hosts.collect();
    assert_eq!(hosts, [vec!["y.com"], vec!["https://x.com:8443"], vec!["http://localhost:3"], vec![]]);
    // One that the API's address never is, as a name without a scheme means https.
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert_eq!(
        warning.to_string(),
        "/etc/gate/a.yaml:2: servers.said.secrets.k.hosts: none of these is the API's address, https://x.com: its requests go without the \
         secret; add 'https://x.com'; without a scheme https is meant"
    );
}
