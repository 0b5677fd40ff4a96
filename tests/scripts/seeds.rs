//! Policies that were written for another orchestrator, as they are.

use super::builder;
use crate::support::root;
use tollgate::{Grants, RunRequest, Script, ScriptLanguage, ServerSpec, Transport};

/// A server with the tools that the scripts name.
fn robot(name: &str) -> ServerSpec {
    let python = root().join("tests/clients/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask fleet`", python.display());
    let server = root().join("tests/scripts/robot_server.py");
    ServerSpec::new(name, Transport::stdio(python.to_str().unwrap(), [server.to_str().unwrap(), name]))
}

#[tokio::test]
async fn scripts_for_another_orchestrator_run_unmodified() {
    let names = ["ros-mcp-server", "isaac-sim", "Resources", "server1", "server2", "server3"];
    let host = names.into_iter().fold(builder(), |builder, name| builder.server(robot(name)));
    let host = host.build().await.unwrap();
    let folder = root().join("tests/scripts/seed003");
    for (file, said) in [
        ("simple_grasp.py", "Grasp successful!"),
        ("grasp_success_rate.py", "Success rate: 4/5 (80.0%)"),
        ("multi_server_workflow.py", "Grasp 3 succeeded!"),
        ("complex_assembly.py", "Successfully grasped using config 3"),
        ("retry_until_ready.py", ""),
    ] {
        let code = std::fs::read_to_string(folder.join(file)).unwrap();
        let script = Script { language: ScriptLanguage::Python, code, file: file.to_owned() };
        let report = host.run(RunRequest::script(script).grants(Grants::all())).await.unwrap();
        assert!(report.error.is_none(), "{file}: {}", report.error.unwrap());
        assert!(report.stdout.contains(said), "{file}: {}", report.stdout);
        assert!(!report.calls.is_empty(), "{file} called nothing");
        if file == "retry_until_ready.py" {
            // Two rounds that were not ready, one that was, and what comes after.
            assert_eq!(report.calls.len(), 7, "{:?}", report.calls);
        }
    }
    host.shutdown().await;
}
