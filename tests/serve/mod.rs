//! The host as an MCP server.

mod agents;
mod api;
mod code;
mod conformance;
mod ends;
mod http;
mod lines;
mod questions;
mod rights;
mod sessions;
mod shares;
mod surface;

use crate::support::mcp::Lines;
use crate::support::{Place, evil_server};
use serde_json::{Value, json};
use tollgate_test_guests as guests;

const LEGACY: &str = "2025-11-25";

/// A place with a server `echo` (the well-behaved mode of the test server), one `fixture` that asks and tells, one `stuck` that
/// never answers and notes what it is told in `stuck.log`, and two policies.
fn place() -> Place {
    let place = Place::new();
    let fixture = tollgate_fixture_server::program().unwrap();
    let config = json!({
        "servers": {
            "echo": evil_server("good", ""),
            "stuck": evil_server("never-answers", place.work().join("stuck.log").to_str().unwrap()),
            "fixture": {"command": fixture, "args": ["--stdio"]},
        },
        "policies": {
            "calls": {"component": guests::POLICY_CALLS, "grants": ["*:*"]},
            "echoes": {"component": guests::POLICY_ECHO},
        },
    });
    place.write("tollgate.json", config.to_string());
    place
}

fn serve(place: &Place, args: &[&str], capabilities: Value) -> Lines {
    let command = place.tollgate(["--config", "tollgate.json", "serve"].iter().chain(args));
    Lines::start(command, LEGACY, capabilities)
}
