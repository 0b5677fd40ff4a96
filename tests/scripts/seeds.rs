//! Workflows that were written for other orchestrators: as they are, and in the other language.

use super::builder;
use crate::support::root;
use serde_json::{Value, json};
use tollgate::{Grants, Host, RunReport, RunRequest, Script, ScriptLanguage, ServerSpec, Transport};

/// A server by the Python SDK, with the tools that the scripts name.
fn server(file: &str, name: &str) -> ServerSpec {
    let python = root().join("tests/clients/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask fleet`", python.display());
    let server = root().join("tests/scripts").join(file);
    ServerSpec::new(name, Transport::stdio(python.to_str().unwrap(), [server.to_str().unwrap(), name]))
}

async fn host(file: &str, names: &[&str]) -> Host {
    let add = |builder: tollgate::HostBuilder, name: &&str| builder.server(server(file, name));
    names.iter().fold(builder(), add).build().await.unwrap()
}

fn script(file: &str) -> RunRequest {
    let code = std::fs::read_to_string(root().join("tests/scripts").join(file)).unwrap();
    let language = ScriptLanguage::of_path(file.as_ref()).unwrap();
    RunRequest::script(Script { language, code, file: file.to_owned() }).grants(Grants::all())
}

async fn policies_of_seed_003(extension: &str) {
    let host =
        host("robot_server.py", &["ros-mcp-server", "isaac-sim", "Resources", "server1", "server2", "server3"]).await;
    for (name, said) in [
        ("simple_grasp", "Grasp successful!"),
        ("grasp_success_rate", "Success rate: 4/5 (80.0%)"),
        ("multi_server_workflow", "Grasp 3 succeeded!"),
        ("complex_assembly", "Successfully grasped using config 3"),
        ("retry_until_ready", ""),
    ] {
        let report = host.run(script(&format!("seed003/{name}.{extension}"))).await.unwrap();
        assert!(report.error.is_none(), "{name}: {}", report.error.unwrap());
        assert!(report.stdout.contains(said), "{name}: {}", report.stdout);
        assert!(!report.calls.is_empty(), "{name} called nothing");
        if name == "retry_until_ready" {
            // Two rounds that were not ready, one that was, and what comes after.
            assert_eq!(report.calls.len(), 7, "{:?}", report.calls);
        }
    }
    host.shutdown().await;
}

#[tokio::test]
async fn scripts_for_another_orchestrator_run_unmodified() {
    policies_of_seed_003("py").await;
}

#[tokio::test]
async fn the_same_policies_run_in_javascript() {
    policies_of_seed_003("js").await;
}

/// The tutorial: bugs of one service become tickets of another; what failed is told, and a later run goes on from there.
async fn sync_of_seed_000(file: &str) {
    let host = host("sync_server.py", &["github", "jira"]).await;
    let run = || {
        let input = json!({"repo": "api2mcp/api2mcp", "project": "API"});
        host.run(script(file).input(input.to_string()).session("sync-001"))
    };
    let output = |report: RunReport| -> Value {
        assert!(report.error.is_none(), "{}", report.error.unwrap());
        report.output_as().unwrap()
    };
    let first = output(run().await.unwrap());
    let completed = json!([
        {"number": 7, "ticket": "API-1", "made": false},
        {"number": 11, "ticket": "API-2", "made": true},
    ]);
    assert_eq!(first["completed"], completed);
    assert_eq!(first["partial"], json!(true));
    assert_eq!(first["errors"][0]["step"], json!("sync #12"));
    assert!(first["errors"][0]["message"].as_str().unwrap().contains("`component` is required"), "{first}");

    let again = output(run().await.unwrap());
    let rest = json!([{"number": 12, "ticket": "API-3", "made": true}]);
    assert_eq!(again, json!({"completed": rest, "errors": [], "partial": false}));
    let tickets = host.call(&"jira:all_tickets".parse().unwrap(), "{}").await.unwrap();
    assert_eq!(tickets.json.matches("[#12] Lost session").count(), 1, "{}", tickets.json);
    assert_eq!(tickets.json.matches("API-").count(), 3, "one a bug: {}", tickets.json);
    host.shutdown().await;
}

#[tokio::test]
async fn the_tutorial_runs_in_python() {
    sync_of_seed_000("seed000/sync.py").await;
}

#[tokio::test]
async fn the_tutorial_runs_in_javascript() {
    sync_of_seed_000("seed000/sync.js").await;
}
