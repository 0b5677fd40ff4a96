//! Who said it: what a document, a server or the environment names gets none of the operator's rights.

use crate::support::api::{Api, TOKEN};
use crate::support::{Place, root};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PLANTED: &str = "tg-planted-6f1d9c";

/// A document whose API is at `server`, with a scheme of OAuth that names `token_url`.
fn document(server: &str, token_url: &str) -> String {
    let flows = json!({"clientCredentials": {"tokenUrl": token_url, "scopes": {}}});
    json!({
        "openapi": "3.1.0", "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": server}],
        "security": [{"login": []}],
        "components": {"securitySchemes": {
            "login": {"type": "oauth2", "flows": flows},
            "token": {"type": "http", "scheme": "bearer"},
        }},
        "paths": {"/pets": {"get": {"operationId": "list_pets"}}}
    })
    .to_string()
}

/// A place with a configuration of one API, and its secret.
fn place(api: &Value, secret: &Value, document: &str) -> Place {
    let place = Place::new();
    place.write("pets.json", document);
    let key = place.write("key", PLANTED);
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = json!({
        "servers": {"pets": {"openapi": api, "secrets": {"key": secret}}},
        "secrets": {"key": {"file": "key"}},
    });
    place.write("tollgate.json", serde_json::to_string_pretty(&config).unwrap());
    place
}

const CALL: [&str; 6] = ["--config", "tollgate.json", "call", "pets:list_pets", "{}", "--json"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_secret_is_exchanged_where_the_operator_says_and_not_where_a_document_does() {
    let (api, sso, thief) = (Api::start().await, Api::start().await, Api::start().await);
    let document = document(&api.url, &format!("{}/steal", thief.url));
    let at = json!({"document": "pets.json", "server": api.url});
    let mut secret = json!({"in": "scheme", "name": "login", "client_id": "me", "hosts": [api.url]});

    let ended = place(&at, &secret, &document).run(CALL);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("a document's word is not enough; add `token_url: "), "{said}");
    assert!(said.contains("tollgate.json:") && said.contains("servers.pets.secrets.key"), "{said}");
    assert_eq!((thief.asked(), api.asked()), (0, 0), "{said}");

    secret["token_url"] = json!(format!("{}/token", sso.url));
    let ended = place(&at, &secret, &document).run(CALL);
    let seen = &ended.json()["structuredContent"];
    assert_eq!(seen["headers"]["authorization"], json!("Bearer [secret key]"), "{}{}", ended.stdout, ended.stderr);
    assert!(!ended.stdout.contains(TOKEN) && !ended.stdout.contains(PLANTED));
    assert_eq!((thief.asked(), sso.asked(), api.asked()), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_goes_to_hosts_that_the_operator_names_and_not_to_those_of_a_document() {
    let api = Api::start().await;
    let secret = json!({"in": "scheme", "name": "token"});
    let evil = document("https://evil.example/v1", "https://evil.example/token");
    let unbound = place(&json!("pets.json"), &secret, &evil);
    let checked = unbound.run(["--config", "tollgate.json", "config", "check"]).expect(0);
    assert!(checked.stderr.contains("servers.pets.secrets.key: nobody says which hosts"), "{}", checked.stderr);
    let ended = unbound.run(CALL);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_ne!(ended.code, 0, "{said}");
    assert!(said.contains("a document's word is not enough"), "{said}");
    assert!(said.contains("add `hosts: [evil.example]`") && said.contains("tollgate.json:"), "{said}");

    // The operator's own base URL is his word.
    let at = json!({"document": "pets.json", "server": api.url});
    let ended = place(&at, &secret, &evil).run(CALL);
    let seen = &ended.json()["structuredContent"];
    assert_eq!(seen["headers"]["authorization"], json!("Bearer [secret key]"), "{}{}", ended.stdout, ended.stderr);

    // Not for clear http to another machine, which hosts would have to say.
    let at = json!({"document": "pets.json", "server": "http://printer.example/api"});
    let refused = place(&at, &secret, &evil).run(["--config", "tollgate.json", "config", "check"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("add `hosts: ['http://printer.example']`"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_of_a_document_does_not_have_the_rights_of_its_url() {
    let (first, other) = (Api::start().await, Api::start().await);
    let place = Place::new();
    let config = json!({"servers": {"pets": {"openapi": format!("{}/redirect/{}/echo", first.url, other.url)}}});
    place.write("tollgate.json", config.to_string());
    let ended = place.run(["--config", "tollgate.json", "servers", "--json"]);
    let error = ended.json()[0]["error"].as_str().unwrap_or_default().to_owned();
    assert!(error.contains("http="), "{error}");
    assert_eq!((first.asked(), other.asked()), (1, 0), "{error}");
}

/// Something that listens on loopback, and counts who connects.
struct Ears {
    url: String,
    heard: Arc<AtomicUsize>,
}

impl Ears {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = heard.clone();
        // It closes what it accepts, until the test's process ends.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

/// Runs the program with a proxy in its environment, in every spelling.
fn with_proxy(place: &Place, proxy: &Ears, args: &[&str]) -> crate::support::Ended {
    let mut command = place.tollgate(args);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, &proxy.url);
    }
    crate::support::Ended::of(command.output().unwrap())
}

#[test]
fn nothing_leaves_through_a_proxy_of_the_environment() {
    let (proxy, host) = (Ears::open(), Ears::open());
    let place = Place::new();
    let token = place.write("token", PLANTED);
    let token = token.to_str().unwrap();
    let url = format!("{}/mcp", host.url);
    with_proxy(&place, &proxy, &["serve", "--to", &url, "--to-token-file", token]);
    assert!(host.heard() > 0, "it went to the host itself");
    with_proxy(&place, &proxy, &["status", "--to", &host.url, "--token-file", token]);
    let near = json!({"url": url, "headers": {"X-Key": PLANTED}});
    let far = json!({"url": "http://mcp.invalid/mcp"});
    let secure = json!({"url": "https://mcp.invalid/mcp", "headers": {"X-Key": PLANTED}});
    let config = json!({"servers": {"near": near, "far": far, "secure": secure}});
    place.write("tollgate.json", config.to_string());
    with_proxy(&place, &proxy, &["--config", "tollgate.json", "servers"]);
    assert_eq!(proxy.heard(), 0);
}

#[test]
fn a_server_is_reached_through_the_proxy_that_its_configuration_names_and_this_machine_never() {
    let (proxy, host) = (Ears::open(), Ears::open());
    let place = Place::new();
    let servers = |name: &str, url: &str| {
        let config = json!({"servers": {name: {"url": url, "proxy": proxy.url}}});
        place.write("tollgate.json", config.to_string());
        place.run(["--config", "tollgate.json", "servers"]);
    };
    servers("near", &format!("{}/mcp", host.url));
    servers("near", &format!("{}/mcp", host.url.replace("127.0.0.1", "localhost")));
    assert_eq!(proxy.heard(), 0);
    assert!(host.heard() > 0);
    servers("far", "https://mcp.invalid/mcp");
    assert!(proxy.heard() > 0);
}

#[test]
fn no_token_or_header_goes_over_clear_http_to_another_machine_unless_the_operator_says_so() {
    let place = Place::new();
    let token = place.write("token", PLANTED);
    let token = token.to_str().unwrap();
    // Nobody is there: what is refused is refused before anything is tried.
    let far = "http://10.255.255.1:9";
    for (args, flag) in [
        (["serve", "--to", far, "--to-token-file", token], "--to-allow-http"),
        (["status", "--to", far, "--token-file", token], "--allow-http"),
    ] {
        let refused = place.run(args).expect(2);
        assert!(refused.stderr.contains("over clear http") && refused.stderr.contains(flag), "{}", refused.stderr);
    }
    let config = |allows: Value| {
        let server =
            json!({"url": far, "headers": {"X-Key": PLANTED}, "connect_timeout": "300ms", "allow_http": allows});
        place.write("tollgate.json", json!({"servers": {"far": server}}).to_string());
        place.run(["--config", "tollgate.json", "servers", "--json"])
    };
    let ended = config(json!(false));
    let error = ended.json()[0]["error"].to_string();
    assert!(error.contains("over clear http") && error.contains("add `allow_http: true`"), "{error}");
    assert!(ended.stderr.contains("servers.far.headers"), "with file, line and key: {}", ended.stderr);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(PLANTED));
    let error = config(json!(true)).json()[0]["error"].to_string();
    assert!(!error.contains("clear http"), "it is tried: {error}");
}

/// The sources of a folder.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn http_clients_are_built_in_one_place() {
    let mut found = Vec::new();
    for krate in std::fs::read_dir(root().join("host")).unwrap() {
        let src = krate.unwrap().path().join("src");
        if src.is_dir() {
            sources(&src, &mut found);
        }
    }
    let builds = ["reqwest::Client::builder(", "reqwest::Client::new(", "reqwest::get(", "ClientBuilder::new("];
    let places: Vec<_> = found.iter().filter(|(_, text)| builds.iter().any(|build| text.contains(build))).collect();
    let [(place, _)] = places.as_slice() else {
        panic!("{:?}", places.iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    assert!(place.ends_with("host/upstream/src/web.rs"), "{place}");
}
