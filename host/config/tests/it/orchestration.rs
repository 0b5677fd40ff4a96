//! Routing, retries, limits, caches and models: what is written, and what comes of it when defaults are put under it.

use crate::{config, lines};
use std::time::Duration;
use tollgate_config::model::{Code, Keep, Lazy, Prefer, Provider, Switch, TokenKey};
use tollgate_config::{Config, lock, route};
use tollgate_core::EffectClass;
use tollgate_route::{BreakerPolicy, CachePolicy, ErrorClass, Rate, RetryPolicy, RouteSpec};

pub const ALL_YAML: &str = r#"
orchestration:
  fail_fast: true
  retry: {max_retries: 4, first_delay: 100ms, backoff_factor: 1.5, max_delay: 5s, jitter: false, on: [timeout, connection, timeout]}
  breaker: {failures: 3, open_for: 10s, probes: 2}
  cache: {ttl: 1m, resources: 5m, prompts: false, max_entries: 1000, max_bytes: 64MiB}
model: {provider: openai, url: 'http://ollama:11434/v1/', private: true, model: llama, models: [qwen-*, gemma], secret: key, max_tokens: 4096, token_key: max_tokens, timeout: 2m, prefer: endpoint, strict: true}
servers:
  crm:
    command: crm
    priority: 5
    domains: [crm, "Sales north", crm]
    capabilities: [search]
    max_in_flight: 16
    queue: 1000
    rate_limit: 20/s
    retry: {max_retries: 1, on: [rate_limit]}
    breaker: false
    cache: {tools: 10s, lists: true}
    lazy: {idle: 1m}
    tools:
      allow: ["*"]
      settings:
        get_*: {effect: read, timeout: 5, retry: {max_retries: 9}, cache: 60s}
        set_*: {effect: idempotent, retry: true}
        "*": {effect: non_idempotent, retry: false, cache: false}
  plain: {url: 'https://x.example/mcp', rate_limit: {calls: 100, per: 1m, burst: 20}, lazy: true}
  off: {component: c.wasm, retry: false, cache: false}
  eager: {command: x, lazy: false}
policies:
  plan: {component: 'tollgate:planner', approve: ['*:delete_*', 'crm:set?']}
serve: {approve: ['*:drop_*']}
"#;

pub const ALL_TOML: &str = r#"
[orchestration]
fail_fast = true
retry = { max_retries = 4, first_delay = "100ms", backoff_factor = 1.5, max_delay = "5s", jitter = false, on = ["timeout", "connection", "timeout"] }
breaker = { failures = 3, open_for = "10s", probes = 2 }
cache = { ttl = "1m", resources = "5m", prompts = false, max_entries = 1000, max_bytes = "64MiB" }
[model]
provider = "openai"
url = "http://ollama:11434/v1/"
private = true
model = "llama"
models = ["qwen-*", "gemma"]
secret = "key"
max_tokens = 4096
token_key = "max_tokens"
timeout = "2m"
prefer = "endpoint"
strict = true
[servers.crm]
command = "crm"
priority = 5
domains = ["crm", "Sales north", "crm"]
capabilities = ["search"]
max_in_flight = 16
queue = 1000
rate_limit = "20/s"
retry = { max_retries = 1, on = ["rate_limit"] }
breaker = false
cache = { tools = "10s", lists = true }
lazy = { idle = "1m" }
[servers.crm.tools]
allow = ["*"]
[servers.crm.tools.settings]
"get_*" = { effect = "read", timeout = 5, retry = { max_retries = 9 }, cache = "60s" }
"set_*" = { effect = "idempotent", retry = true }
"*" = { effect = "non_idempotent", retry = false, cache = false }
[servers.plain]
url = "https://x.example/mcp"
rate_limit = { calls = 100, per = "1m", burst = 20 }
lazy = true
[servers.off]
component = "c.wasm"
retry = false
cache = false
[servers.eager]
command = "x"
lazy = false
[policies.plan]
component = "tollgate:planner"
approve = ["*:delete_*", "crm:set?"]
[serve]
approve = ["*:drop_*"]
"#;

pub const ALL_JSON: &str = r#"{
"orchestration": {
  "fail_fast": true,
  "retry": {"max_retries": 4, "first_delay": "100ms", "backoff_factor": 1.5, "max_delay": "5s", "jitter": false,
    "on": ["timeout", "connection", "timeout"]},
  "breaker": {"failures": 3, "open_for": "10s", "probes": 2},
  "cache": {"ttl": "1m", "resources": "5m", "prompts": false, "max_entries": 1000, "max_bytes": "64MiB"}
},
"model": {"provider": "openai", "url": "http://ollama:11434/v1/", "private": true, "model": "llama",
  "models": ["qwen-*", "gemma"], "secret": "key", "max_tokens": 4096, "token_key": "max_tokens",
  "timeout": "2m", "prefer": "endpoint", "strict": true},
"mcpServers": {
  "crm": {
    "command": "crm", "priority": 5, "domains": ["crm", "Sales north", "crm"], "capabilities": ["search"],
    "max_in_flight": 16, "queue": 1000, "rate_limit": "20/s", "retry": {"max_retries": 1, "on": ["rate_limit"]},
    "breaker": false, "cache": {"tools": "10s", "lists": true}, "lazy": {"idle": "1m"},
    "tools": {"allow": ["*"], "settings": {
      "get_*": {"effect": "read", "timeout": 5, "retry": {"max_retries": 9}, "cache": "60s"},
      "set_*": {"effect": "idempotent", "retry": true},
      "*": {"effect": "non_idempotent", "retry": false, "cache": false}
    }}
  },
  "plain": {"url": "https://x.example/mcp", "rate_limit": {"calls": 100, "per": "1m", "burst": 20}, "lazy": true},
  "off": {"component": "c.wasm", "retry": false, "cache": false},
  "eager": {"command": "x", "lazy": false}
},
"policies": {"plan": {"component": "tollgate:planner", "approve": ["*:delete_*", "crm:set?"]}},
"serve": {"approve": ["*:drop_*"]}
}"#;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn routes(config: &Config) -> Vec<RouteSpec> {
    config.servers.iter().map(|server| route(config, server)).collect()
}

#[test]
fn every_key_is_read() {
    let config = config("a.yaml", ALL_YAML);
    assert!(config.warnings.is_empty(), "{:?}", lines(&config.warnings));
    let [crm, plain, _, eager] = config.servers.as_slice() else { panic!("four servers") };
    let all = &config.orchestration;
    assert_eq!((all.fail_fast, all.cache_max_entries, all.cache_max_bytes), (Some(true), Some(1000), Some(64 << 20)));
    assert_eq!((all.cache.tools, all.cache.resources), (Some(Keep::For(secs(60))), Some(Keep::For(secs(300)))));
    assert_eq!((all.cache.prompts, all.cache.lists), (Some(Keep::Not), Some(Keep::For(secs(60)))));
    assert!(matches!(&all.retry, Some(Switch::On(retry)) if retry.jitter == Some(false)));
    assert_eq!(crm.domains, ["crm", "Sales north"], "each once");
    assert_eq!(
        (crm.routing.lazy, plain.routing.lazy, eager.routing.lazy),
        (Some(Lazy { idle: secs(60) }), Some(Lazy::default()), None)
    );
    assert_eq!(crm.tools.allow, ["*"]);
    assert_eq!(crm.routing.tools[0].0.line, 24);
    let model = config.model.as_ref().unwrap();
    assert_eq!((model.provider, model.prefer, model.strict), (Provider::OpenAi, Some(Prefer::Endpoint), Some(true)));
    assert_eq!((model.url.as_deref(), model.model.as_deref()), (Some("http://ollama:11434/v1"), Some("llama")));
    assert_eq!((model.private, model.token_key), (Some(true), Some(TokenKey::MaxTokens)));
    assert_eq!(model.models, ["qwen-*", "gemma"]);
    assert_eq!(
        (model.secret.as_ref().map(|s| s.as_str()), model.max_tokens, model.timeout),
        (Some("key"), Some(4096), Some(secs(120)))
    );
    let [plan] = config.policies.as_slice() else { panic!("one policy") };
    assert!(matches!(&plan.code, Code::Shipped(name) if name.as_str() == "planner"));
    let patterns: Vec<_> = plan.approve.iter().chain(&config.serve.approve).map(|p| p.to_string()).collect();
    assert_eq!(patterns, ["*:delete_*", "crm:set?", "*:drop_*"]);
    assert_eq!(lock::components(&config).count(), 1, "what is shipped is pinned by no lock");
}

#[test]
fn a_shipped_policy_that_is_unknown_is_named_with_those_that_there_are() {
    let text = "policies:
  a: {component: 'tollgate:planer'}
  b: {component: 'tollgate:planner'}
  c: {script: x.js}
  d:
    component: 'tollgate:weather'";
    let config = config("a.yaml", text);
    let said = lines(&tollgate_config::unknown_shipped(&config, &["hub-agent", "planner"]));
    assert_eq!(
        said,
        [
            "/etc/gate/a.yaml:2: policies.a.component: no policy `tollgate:planer` comes with the program; \
             did you mean `tollgate:planner`? there is: tollgate:hub-agent, tollgate:planner",
            "/etc/gate/a.yaml:6: policies.d.component: no policy `tollgate:weather` comes with the program; \
             there is: tollgate:hub-agent, tollgate:planner",
        ]
    );
    assert!(tollgate_config::unknown_shipped(&config, &["planer", "planner", "weather"]).is_empty());
    let none = lines(&tollgate_config::unknown_shipped(&config, &[]));
    assert!(none.len() == 3 && none[0].ends_with("comes with the program; name a component's file"), "{none:?}");
}

#[test]
fn the_three_formats_say_the_same() {
    let yaml = config("a.yaml", ALL_YAML);
    for other in [config("a.toml", ALL_TOML), config("a.json", ALL_JSON)] {
        assert_eq!(routes(&yaml), routes(&other));
        assert_eq!((&yaml.orchestration, &yaml.model), (&other.orchestration, &other.model));
        assert_eq!((&yaml.policies, &yaml.serve), (&other.policies, &other.serve));
        let lazy = |config: &Config| config.servers.iter().map(|server| server.routing.lazy).collect::<Vec<_>>();
        assert_eq!(lazy(&yaml), lazy(&other));
    }
}

#[test]
fn a_server_that_says_nothing_has_the_hosts_defaults() {
    let config = config("a.yaml", "servers: {a: {command: x}}");
    assert_eq!(routes(&config), [RouteSpec::default()]);
    assert_eq!(config.model, None);
}

#[test]
fn the_server_goes_over_orchestration_and_its_tools_over_it() {
    let config = config("a.yaml", ALL_YAML);
    let [crm, plain, off, _] = routes(&config).try_into().expect("four servers");
    assert_eq!((crm.priority, crm.at_once, crm.queue), (5, 16, 1000));
    assert_eq!(crm.rate, Some(Rate { calls: 20, per: secs(1), burst: 20 }));
    assert_eq!(plain.rate, Some(Rate { calls: 100, per: secs(60), burst: 20 }));
    let all = RetryPolicy {
        max_retries: 4,
        first_delay: Duration::from_millis(100),
        backoff_factor: 1.5,
        max_delay: secs(5),
        jitter: false,
        on: vec![ErrorClass::Timeout, ErrorClass::Connection],
    };
    assert_eq!(plain.retry, all);
    let own = RetryPolicy { max_retries: 1, on: vec![ErrorClass::RateLimit], ..all.clone() };
    assert_eq!(crm.retry, own);
    assert_eq!((off.retry.max_retries, &off.retry.on), (0, &all.on));
    assert_eq!(
        (&crm.breaker, &plain.breaker),
        (&None, &Some(BreakerPolicy { failures: 3, open_for: secs(10), probes: 2 }))
    );
    let zero = Some(Duration::ZERO);
    assert_eq!(
        crm.cache,
        CachePolicy { tools: Some(secs(10)), resources: Some(secs(300)), prompts: zero, lists: Some(secs(60)) }
    );
    assert_eq!(off.cache, CachePolicy { tools: zero, resources: zero, prompts: zero, lists: zero });

    let get = crm.tool("get_user").unwrap();
    assert_eq!((get.effect, get.timeout), (Some(EffectClass::Read), Some(secs(5))));
    assert_eq!(get.retry, Some(RetryPolicy { max_retries: 9, ..own.clone() }));
    assert_eq!(get.cache, Some(Some(secs(60))));
    let set = crm.tool("set_user").unwrap();
    assert_eq!((set.effect, &set.retry, set.cache), (Some(EffectClass::Idempotent), &Some(own), None));
    let rest = crm.tool("drop").unwrap();
    assert_eq!((rest.retry.as_ref().map(|retry| retry.max_retries), rest.cache), (Some(0), Some(None)));
}

#[test]
fn what_was_turned_off_above_is_turned_on_again_with_its_numbers() {
    let config = config(
        "a.yaml",
        "orchestration: {retry: false, breaker: false, cache: false}\n\
         servers:\n  a: {command: x, retry: true, breaker: {failures: 2}, cache: true}\n  b: {command: x}\n  \
         c: {command: x, retry: {max_delay: 50ms}, tools: {settings: {g: {cache: true}}}}",
    );
    let [a, b, c] = routes(&config).try_into().expect("three servers");
    assert_eq!(
        (a.retry, a.breaker),
        (RetryPolicy::default(), Some(BreakerPolicy { failures: 2, ..BreakerPolicy::default() }))
    );
    let five = Some(tollgate_config::route::CACHE_TTL);
    assert_eq!(a.cache, CachePolicy { tools: five, resources: five, prompts: five, lists: five });
    assert_eq!((b.retry.max_retries, b.breaker), (0, None));
    assert_eq!((c.retry.first_delay, c.retry.max_delay), (Duration::from_millis(50), Duration::from_millis(50)));
    assert_eq!(c.tools[0].1.cache, Some(five));
}

#[test]
fn a_reload_sees_a_change_of_the_defaults_and_of_the_server() {
    let before = config("a.yaml", "servers: {a: {command: x}}");
    let moved = config("a.yaml", "# moved\n\nservers:\n  a: {command: x}");
    assert_eq!((&before.servers, routes(&before)), (&moved.servers, routes(&moved)));
    for changed in [
        "orchestration: {retry: {max_retries: 3}}\nservers: {a: {command: x}}",
        "orchestration: {breaker: false}\nservers: {a: {command: x}}",
        "orchestration: {cache: 5m}\nservers: {a: {command: x}}",
        "servers: {a: {command: x, queue: 3}}",
        "servers: {a: {command: x, tools: {settings: {x: {timeout: 1s}}}}}",
    ] {
        let after = config("a.yaml", changed);
        assert_ne!(routes(&before), routes(&after), "{changed}");
        assert_eq!(before.servers == after.servers, changed.starts_with("orchestration"), "{changed}");
    }
    let lazy = config("a.yaml", "servers: {a: {command: x, lazy: true}}");
    assert_ne!(before.servers, lazy.servers);
}

#[test]
fn an_adapter_of_another_clients_file_is_not_lazy() {
    let config = config("a.yaml", "mcpServers: {a: {component: c.wasm, lazy: true}}");
    assert_eq!((config.servers[0].routing.lazy, config.warnings.len()), (None, 1));
}

#[test]
fn lists_and_maps_have_an_end() {
    let many = |n: usize, one: &str| (0..n).map(|i| one.replace('#', &i.to_string())).collect::<String>();
    for (text, most, why) in [
        ("servers: {a: {command: x, domains: [%]}}", 64, "servers.a.domains: has more than 64"),
        ("servers: {a: {command: x, capabilities: [%]}}", 64, "servers.a.capabilities: has more than 64"),
        ("policies: {p: {component: p.wasm, approve: [%]}}", 256, "policies.p.approve: has more than 256 patterns"),
        ("serve: {approve: [%]}", 256, "serve.approve: has more than 256 patterns"),
        ("servers: {a: {command: x, tools: {settings: {%}}}}", 256, "settings: has more than 256 patterns"),
    ] {
        let one = if text.contains("approve") {
            "'a:t#', "
        } else if text.contains("settings") {
            "t#: {}, "
        } else {
            "d#, "
        };
        config("a.yaml", &text.replace('%', &many(most, one)));
        let error = crate::read("a.yaml", &text.replace('%', &many(most + 1, one))).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let long = "d".repeat(65);
    let error = crate::read("a.yaml", &format!("servers: {{a: {{command: x, domains: [{long}]}}}}")).unwrap_err();
    assert!(error.to_string().contains("servers.a.domains[0]"), "{error}");
}

#[test]
fn every_form_of_a_rate_means_what_it_says() {
    for (text, calls, per) in [("20/s", 20, 1), ("100 / m", 100, 60), ("1000/h", 1000, 3600)] {
        let config = config("a.yaml", &format!("servers: {{a: {{command: x, rate_limit: {text}}}}}"));
        assert_eq!(routes(&config)[0].rate, Some(Rate { calls, per: secs(per), burst: calls }), "{text}");
    }
}

#[test]
fn an_endpoint_is_https_or_near() {
    for url in [
        "https://x.example/v1",
        "http://localhost:1",
        "http://[::1]:1",
        "http://192.168.1.2",
        "http://[fd00::1]:8",
        "http://a.localhost",
    ] {
        config("a.yaml", &format!("model: {{provider: anthropic, model: m, url: '{url}'}}"));
    }
    for url in
        ["http://x.example", "http://8.8.8.8", "http://169.254.169.254", "http://localhost.example", "http://0.0.0.0:1"]
    {
        let error =
            crate::read("a.yaml", &format!("model: {{provider: anthropic, model: m, url: '{url}'}}")).unwrap_err();
        assert!(error.to_string().contains("model.url: the key and all questions would cross the network"), "{error}");
    }
    let with_key =
        |more: &str| format!("model: {{provider: openai, model: m, secret: k, url: 'http://192.168.1.2', {more}}}");
    let error = crate::read("a.yaml", &with_key("strict: true")).unwrap_err().to_string();
    assert!(error.contains("over clear http") && error.contains("add `private: true`"), "{error}");
    config("a.yaml", &with_key("private: true"));
    let config = config("a.yaml", "model: {provider: agent, model: some-hint, max_tokens: 10}");
    assert_eq!(config.model.map(|model| (model.provider, model.url)), Some((Provider::Agent, None)));
}
