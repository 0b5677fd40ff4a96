//! Every error, as its reader sees it. Each case is a file and what is said about it; the snapshots are the review.

use crate::{lines, read};

/// Cases of one topic: format, text. The schema test reads them too.
pub type Cases = &'static [(&'static str, &'static str)];

#[track_caller]
fn snapshot(topic: &str, cases: Cases) {
    let mut out = String::new();
    for (name, text) in cases {
        let said = match read(name, text) {
            Ok(config) => panic!("{name} must be wrong:\n{text}\n{config:?}"),
            Err(error) => {
                let warnings = lines(&error.warnings).into_iter().map(|w| format!("warning: {w}"));
                warnings.chain(lines(&error.errors)).collect::<Vec<_>>()
            }
        };
        out += &format!("{}\n=> {}\n\n", text.trim_end(), said.join("\n=> ")).replace("/etc/gate/", "");
    }
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(topic, out) });
}

macro_rules! topics {
    ($($topic:ident: $cases:expr;)*) => {
        $(#[test] fn $topic() { snapshot(stringify!($topic), $cases); })*

        /// The cases of all topics that are wrong by their keys and values, so that a schema can tell.
        pub const WRONG: &[Cases] = &[$($cases),*];
    };
}

#[test]
fn syntax() {
    snapshot(
        "syntax",
        &[
            ("a.yaml", "servers:\n  a: {command: x\nlimits: {}"),
            ("a.yaml", "servers:\n\ta: 1"),
            ("a.yaml", "a: b: c"),
            ("a.yaml", "servers: {a: *missing}"),
            ("a.yaml", "servers: &a {b: *a}"),
            ("a.yaml", "base: &b {command: x}\nservers: {a: {<<: *b}}"),
            ("a.yaml", "servers:\n  a: {command: x, env: {A: ${env:X}}}"),
            ("a.yaml", "servers:\n  a: {command: x, disabled: yes}"),
            ("a.yaml", "journal: !path x"),
            ("a.yaml", "? [a]\n: b"),
            ("a.yaml", "journal: a\n---\njournal: b"),
            ("a.yaml", "journal: \"a\\0b\""),
            ("a.yaml", "journal: a\nlimits: {}\njournal: b"),
            ("a.yaml", "- servers"),
            ("a.toml", "[servers.a\ncommand = 'x'"),
            ("a.toml", "journal = 'a'\njournal = 'b'"),
            ("a.toml", "journal = a"),
            ("a.json", ""),
            ("a.json", "{\"journal\": \"a\" \"limits\": {}}"),
            ("a.json", "{\n  \"journal\": 'a'\n}"),
            ("a.json", "{\"limits\": {\n\"calls\": 1"),
            ("a.json", "{\"journal\": \"a\",\n \"journal\": \"b\"}"),
            ("a.json", "[]"),
            ("a.ini", "journal = a"),
        ],
    );
}

topics! {
    keys: &[
        ("a.yaml", "servers:\n  crm:\n    url: https://x.com/mcp\n    timeot: 30\n    headrs: {}\npolices: {}"),
        ("a.yaml", "server: {}\nfrobnicate: 1"),
        ("a.yaml", "servers: {a: {command: x, connectTimeout: 3s, autoapprove: [], envfile: .env, zzz: 1}}"),
        ("a.yaml", "servers: {a: {command: x, tools: {alow: [a]}}}"),
        ("a.yaml", "policies: {p: {component: p.wasm, grant: ['a:*']}}"),
        ("a.yaml", "mcpServers: {a: {command: x, description: d}}\npreferences: {}\njournal: 1"),
        ("a.json", "{\"mcpServers\": {\"a\": {\"command\": 5, \"gallery\": true}},\n \"preferences\": {}, \"polices\": {}}"),
    ];
    servers: &[
        ("a.yaml", "servers: {a: {}}"),
        ("a.yaml", "servers: {a: {args: [x]}}"),
        ("a.yaml", "servers: {a: {command: x, url: 'https://x.com'}}"),
        ("a.yaml", "servers: {a: {command: x, secrets: {b: {hosts: [x.com], in: bearer}}}}"),
        ("a.yaml", "servers: {a: {openapi: p.yaml, component: c.wasm}}"),
        ("a.yaml", "servers: {a: {openapi: p.yaml, grants: ['crm:*']}}"),
        ("a.yaml", "servers: {a: {comand: x}, b: {cmd: x}}"),
        ("a.json", r#"{"mcpServers": {"a": {"comand": "x"}}}"#),
        ("a.yaml", "servers: {a: {openapi: {tags: [x]}}}"),
        ("a.yaml", "servers: {a: {openapi: {document: p.yaml, category: all, path: /x}}}"),
        ("a.yaml", "servers: {a: {openapi: {document: 'ftp://x.com/p.yaml'}}}"),
        ("a.yaml", "servers: {a: {openapi: {document: p.yaml, server: 'http://x.com/v1'}, secrets: {k: {in: bearer}}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', env: {A: b}}}"),
        ("a.yaml", "servers: {a: {command: x, grants: ['b:*']}}"),
        ("a.yaml", "servers: {a: {command: x, type: http}}"),
        ("a.yaml", "servers: {a: {component: x.wasm, type: stdio}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', type: streamable_http}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', type: websocket}}"),
        ("a.yaml", "servers: {my server: {command: x}}"),
        ("a.json", "{\"mcpServers\": {\"---\": {\"command\": \"x\"}}}"),
        ("a.yaml", "servers: [a]"),
        ("a.yaml", "servers: {a: npx}"),
        ("a.yaml", "servers: {a: {url: crm.example.com}}"),
        ("a.yaml", "servers: {a: {url: 'ftp://x.com'}}"),
        ("a.yaml", "servers: {a: {url: 'https://me:hunter2@x.com'}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', headers: {'Bad Name': x}}}"),
    ];
    values: &[
        ("a.yaml", "servers: {a: {command: [npx, -y]}}"),
        ("a.yaml", "servers: {a: {command: ''}}"),
        ("a.yaml", "servers: {a: {command: 5}}"),
        ("a.yaml", "servers: {a: {command: x, args: -y}}"),
        ("a.yaml", "servers: {a: {command: x, args: [a, {b: c}]}}"),
        ("a.yaml", "servers: {a: {command: x, env: {KEY: }}}"),
        ("a.yaml", "servers: {a: {command: x, env: {A=B: c}}}"),
        ("a.yaml", "servers: {a: {command: x, disabled: 'yes'}}"),
        ("a.yaml", "servers: {a: {command: x, timeout: fast}}"),
        ("a.yaml", "servers: {a: {command: x, timeout: -1}}"),
        ("a.yaml", "servers: {a: {command: x, timeout: 0}}"),
        ("a.yaml", "servers: {a: {command: x, timeout: 700000}}"),
        ("a.yaml", "servers: {a: {command: x, timeout: [1]}}"),
        ("a.yaml", "servers: {a: {command: x, connect_timeout: 10}}"),
        ("a.yaml", "servers: {a: {command: x, priority: 1000}}"),
        ("a.yaml", "servers: {a: {command: x, priority: high}}"),
        ("a.yaml", "servers: {a: {command: x, tools: {allow: []}}}"),
        ("a.yaml", "servers: {a: {command: x, tools: {pin: 'yes'}}}"),
        ("a.yaml", "servers: {a: {command: x, domains: crm}}"),
    ];
    policies: &[
        ("a.yaml", "policies: {p: {}}"),
        ("a.yaml", "policies: {p: {component: a.wasm, script: a.js}}"),
        ("a.yaml", "policies: {p: {script: a.wasm}}"),
        ("a.yaml", "policies: {p: {script: a.lua}}"),
        ("a.yaml", "policies: {p: {script: a.lua, language: lua}}"),
        ("a.yaml", "policies: {p: {script: a.js, language: javascrpt}}"),
        ("a.yaml", "policies: {p: {component: a.wasm, language: python}}"),
        ("a.yaml", "policies: {'a b': {script: a.js}}"),
        ("a.yaml", "policies:\n  p:\n    script: a.js\n    grants:\n      - crm:*\n      - htp=https://x\n      - crm"),
    ];
    limits: &[
        ("a.yaml", "limits: {feul: 1, timeout: 30, memory: lots, calls: -1}"),
        ("a.yaml", "limits: {fuel: 0, memory: 0, calls_at_once: 0, output_bytes: 0, timeout: 0s}"),
        ("a.yaml", "limits: {calls: [1], depth: null}"),
    ];
    filled_in: &[
        ("a.yaml", "servers: {a: {command: x, env: {A: '${TOKEN}', B: '${input:t}', C: '${env:', D: '${env:a b}', E: 'p${#1}w'}}}"),
        ("a.yaml", "servers: {a: {command: '${env:X}', args: ['${secret:x}'], cwd: '${workspaceFolder}'}}"),
        ("a.json", "{\"mcpServers\": {\"a\": {\"url\": \"https://${input:host}/mcp\"}}}"),
        ("a.yaml", "journal: ${env:HOME}/j"),
    ];
    auth: &[
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: hunter2}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: oauht}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {client_id: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, clientid: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', oauth: {clientId: x}}}"),
        ("a.yaml", "servers: {a: {command: x, auth: oauth}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: oauth, headers: {authorization: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, client_secret: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, grant: client_credentials}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, client_id: c, client_secret: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, grant: client_credentials, client_id: c, client_key: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, client_id: c, client_key: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, scopes: ['a b'], redirect_port: 70000}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, redirect_url: 'http://x.com:1/c'}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, redirect_url: 'http://[::1]:1/c', redirect_port: 1}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, client_metadata_url: 'http://x.com/c', issuer: x}}}"),
        ("a.yaml", "servers: {a: {url: 'https://x.com', auth: {type: oauth, client_id: c, client_secret: a, client_key: b, grant: implicit}}}"),
    ];
    callers: &[
        ("a.yaml", "callers:"),
        ("a.yaml", "callers: {ada: {}}"),
        ("a.yaml", "callers: [ada]"),
        ("a.yaml", "callers: [{grants: ['crm:*']}]"),
        ("a.yaml", "callers:\n- principal: a b\n- principal: [ada]\n- principal: ''"),
        ("a.yaml", "callers:\n- {principal: ada, grant: ['crm:*'], exposes: all, aprove: [], limit: {}}"),
        ("a.yaml", "callers:\n- principal: ada\n  grants: [crm]\n  expose: al\n  approve: [x]\n  limits: {timeout: 5}"),
        ("a.toml", "[[callers]]\nprincipal = 'ada'\ngrants = 'crm:*'"),
    ];
    serve: &[
        ("a.yaml", "serve: meta"),
        ("a.yaml", "serve: {exposes: all, name: {}, https: {}, grant: []}"),
        ("a.yaml", "serve: {expose: meta_full}"),
        ("a.yaml", "serve: {expose: 'crm:*,report'}"),
        ("a.yaml", "serve: {expose: []}"),
        ("a.yaml", "serve: {expose: [a b, 'crm:', ':x', 5, '']}"),
        ("a.yaml", "serve: {names: prefix}"),
        ("a.yaml", "serve: {names: {strategy: prefx, separator: '::', rename: {crm: x, 'crm:a': 'a b'}}}"),
        ("a.yaml", "servers: {crm: {command: x}}\nserve:\n  names:\n    rename:\n      crm:a: x\n      crm:b: x"),
        ("a.yaml", "serve: {http: 8080}"),
        ("a.yaml", "serve: {http: {listen: 8080}}"),
        ("a.yaml", "serve: {http: {listen: 'localhost:8080'}}"),
        ("a.yaml", "serve: {http: {tokens: [hunter2]}}"),
        ("a.yaml", "serve: {http: {tokens: [{name: ada}, {sha256: hunter2}, {name: a b, sha256: 5}]}}"),
        ("a.yaml", "serve:\n  http:\n    tokens:\n      - {name: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}\n      - {name: b, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}"),
        ("a.yaml", "serve: {http: {hosts: ['https://x.com', '*.x.com', 'me@x'], origins: [app.x.com, 'https://x.com/a', 'https://x.com?a', 'https://x.com#a', '*']}}"),
        ("a.yaml", "serve: {http: {max_sessions: 0, max_body: 2GiB, session_timeout: 5, grace: 8d}}"),
        ("a.yaml", "serve: {http: {max_sessions: many, max_body: [1], max_sesions: 1}}"),
        ("a.yaml", "serve: {grants: [crm]}"),
    ];
    outgoing: &[
        ("a.yaml", "servers: {a: {component: c.wasm, secrets: {k: hunter2}}}"),
        ("a.yaml", "servers: {a: {component: c.wasm, secrets: {k: {hosts: [x.com]}}}}"),
        ("a.yaml", "servers: {a: {component: c.wasm, secrets: {k: {hosts: [x.com], in: body}}}}"),
        ("a.yaml", "servers: {a: {component: c.wasm, secrets: {k: {hosts: [x.com], in: header}}}}"),
        ("a.yaml", "servers: {a: {component: c.wasm, secrets: {k: {hosts: [x.com], in: bearer, name: X-Key}}}}"),
        ("a.yaml", "servers: {a: {component: c.wasm, secrets: {k: {hosts: [x.com], in: client_credentials}}}}"),
        ("a.yaml", "policies: {p: {component: c.wasm, secrets: {k: {hosts: [x.com], in: basic, usr: u}}}}"),
        ("a.yaml", "servers: {a: {component: c.wasm, secrets: {k: {in: bearer}}}}"),
        ("a.yaml", "policies: {p: {component: c.wasm, secrets: {k: {hosts: [x.com], in: scheme, name: key}}}}"),
    ];
    orchestration: &[
        ("a.yaml", "orchestration: fast"),
        ("a.yaml", "orchestration: {failfast: true, retries: 3, fail_fast: 'yes'}"),
        ("a.yaml", "orchestration: {retry: 3, breaker: [1], cache: {ttl: [1]}}"),
        ("a.yaml", "orchestration:\n  retry:\n    max_retries: 21\n    first_delay: 0s\n    backoff_factor: 0.5\n    max_delay: 2h\n    jitter: full\n    on: [rate-limit, tiemout, weather]"),
        ("a.yaml", "orchestration: {retry: {max_retries: many, first_delay: 10s, max_delay: 1s, backoff_factor: two, on: []}}"),
        ("a.yaml", "orchestration: {retry: {retryable_errors: [timeout], on: timeout, first_delay: 5}}"),
        ("a.yaml", "orchestration: {breaker: {failures: 0, open_for: 2d, probes: 101, half_open: 1}}"),
        ("a.yaml", "orchestration: {cache: {ttl: 8d, max_entries: 0, max_bytes: 10, max_size: 1, resource: 5m}}"),
        ("a.toml", "[orchestration.retry]\nmax_retry = 3\njitter = 1\n[orchestration.breaker]\nfailures = 1.5"),
        ("a.json", "{\"orchestration\": {\n\"retry\": {\"on\": [\"timeout\",\n\"nothing\"]},\n\"cache\": null}}"),
    ];
    routing: &[
        ("a.yaml", "servers: {a: {command: x, max_in_flight: 0, queue: -1}}"),
        ("a.yaml", "servers: {a: {command: x, max_in_flight: 10001, queue: lots, max_inflight: 3}}"),
        ("a.yaml", "servers: {a: {command: x, rate_limit: 20}, b: {command: x, rate_limit: 20/d}, c: {command: x, rate_limit: 0/s}, d: {command: x, rate_limit: [1]}}"),
        ("a.yaml", "servers: {a: {command: x, rate_limit: {calls: 0, pre: 1m}}, b: {command: x, rate_limit: {calls: 5, per: 2d, burst: 0}}}"),
        ("a.yaml", "servers: {a: {command: x, retry: {max_retries: -1}, breaker: 5, cache: 0s}}"),
        ("a.yaml", "servers: {a: {command: x, cache: 5}, b: {command: x, cache: {ttl: 5m, tool: 1m}}}"),
        ("a.yaml", "servers: {a: {command: x, lazy: 5m}, b: {command: x, lazy: {idle: 0s, idel: 1}}, c: {component: c.wasm, lazy: true}}"),
        ("a.yaml", "servers: {a: {command: x, domains: ['a:b', '', ' a', 5], capabilities: [\"a\\u0007\"]}}"),
        ("a.yaml", "servers:\n  a:\n    command: x\n    tools:\n      settings:\n        get_*: {effect: reads, timeout: 0, cache: 0s}\n        set_*: {effect: write, retires: 3}\n        '': {}"),
        ("a.yaml", "servers: {a: {command: x, tools: {settings: [get], setting: {}}}}"),
        ("a.yaml", "servers: {a: {command: x, tools: {settings: {x: {effect: idempotent, cache: 5m}}}}}"),
        ("a.toml", "[servers.a]\ncommand = 'x'\nrate_limit = '20 per second'\n[servers.a.tools.settings.'get_*']\neffect = 1"),
        ("a.json", "{\"mcpServers\": {\"a\": {\"command\": \"x\",\n\"lazy\": \"yes\",\n\"retry\": \"no\"}}}"),
    ];
    model: &[
        ("a.yaml", "model: gpt"),
        ("a.yaml", "model: {}"),
        ("a.yaml", "model: {provider: opnai, model: x}"),
        ("a.yaml", "model: {provider: openai}"),
        ("a.yaml", "model: {provider: agent, url: 'https://x.com', secret: k, prefer: agent, strict: true}"),
        ("a.yaml", "model: {provider: openai, model: '', url: x.com, secret: sk-hunter2hunter2, prefer: host, strict: 1}"),
        ("a.yaml", "model: {provider: openai, model: m, url: 'https://me:hunter2@x.com/v1', api_key: hunter2}"),
        ("a.yaml", "model: {provider: anthropic, model: m, url: 'http://x.com', max_tokens: 0, timeout: 2h}"),
        ("a.yaml", "model: {provider: anthropic, model: m, url: 'http://x.com', private: false, token_key: max_tokens}"),
        ("a.yaml", "model: {provider: openai, model: m, secret: k, private: 1, models: ['', 5], token_key: tokens}"),
        ("a.yaml", "model: {provider: agent, private: true, models: [m], token_key: max_tokens}"),
        ("a.toml", "[model]\nprovider = 'anthropic'\nmodel = 5\nsecret = 'a b'"),
        ("a.json", "{\"model\": {\"provider\": \"anthropic\",\n\"model\": \"m\", \"secret\": \"k\",\n\"max_token\": 5}}"),
    ];
    approvals: &[
        ("a.yaml", "policies: {p: {component: 'tollgate:a b'}, q: {component: 'tollgate:'}, r: {component: 'tollgate:hub-agent', language: python}}"),
        ("a.yaml", "policies:\n  p:\n    component: p.wasm\n    approve:\n      - '*:delete_*'\n      - delete_*\n      - 5"),
        ("a.yaml", "policies: {p: {component: p.wasm, approve: '*:*', aprove: []}}"),
        ("a.yaml", "serve: {approve: ['a b:c', 'x:']}"),
        ("a.toml", "[serve]\napprove = ['crm']"),
        ("a.json", "{\"serve\": {\"approve\": {\"a\": 1}}}"),
    ];
    secrets: &[
        ("a.yaml", "secrets: {a: hunter2}"),
        ("a.yaml", "secrets: {a: {}}"),
        ("a.yaml", "secrets: {a: {env: A, file: a}}"),
        ("a.yaml", "secrets: {a: {env: 'hunter2!'}}"),
        ("a.yaml", "secrets: {a: {env: A, command: [a]}}"),
        ("a.yaml", "secrets: {a: {command: pass show a}}"),
        ("a.yaml", "secrets: {a: {command: []}}"),
        ("a.yaml", "secrets: {a: {command: ['', a]}}"),
        ("a.yaml", "secrets: {a: {command: [pass, '${env:HUNTER2}']}}"),
    ];
}

#[test]
fn a_home_that_is_not_known_is_said() {
    let error = tollgate_config::parse("a.yaml".as_ref(), None, b"journal: ~/j").unwrap_err();
    insta::assert_snapshot!(error);
}

#[test]
fn twin_servers_are_refused_across_both_maps() {
    let text = "mcpServers:\n  a: {command: x}\nservers:\n  a: {command: y}";
    insta::assert_snapshot!(read("a.yaml", text).unwrap_err());
}

#[test]
fn a_file_full_of_errors_does_not_flood() {
    let text: String = (0..5000).map(|i| format!("k{i}: 1\n")).collect();
    let error = read("a.yaml", &text).unwrap_err();
    assert_eq!(error.errors.len(), 101);
    assert!(error.to_string().ends_with("and 4900 more like these"), "{error}");
}

#[test]
fn what_a_terminal_would_obey_is_escaped() {
    let error = read("a.json", r#"{"\u001b[2J\u202e": 1}"#).unwrap_err();
    insta::assert_snapshot!(error);
}
