//! The fixture against the conformance suite, under a client, and as a program.

#![allow(missing_docs)] // tests say what they are by their names
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share

mod client;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use tollgate_fixture_server::suite::run_server_suite;
use tollgate_fixture_server::{Fixture, Running, program};

/// Every check of `requirements` passes, and there are as many as the suite has: it is no pass to check less.
async fn conforms(requirements: &str, checks: usize) {
    let running = Running::start(Fixture::default(), 0).await.unwrap();
    let report = run_server_suite(&running.url(), requirements, None).await.unwrap_or_else(|why| panic!("{why}"));
    assert!(report.ok, "{report}\n{}", report.output);
    assert_eq!((report.passed, report.failed, report.warnings), (checks, 0, 0), "{report}");
    assert!(report.unchecked.is_empty(), "{report}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn it_conforms_to_2025_11_25() {
    conforms("2025-11-25", 83).await;
}

#[tokio::test]
async fn it_conforms_to_2026_07_28() {
    conforms("2026-07-28", 197).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_fails_every_required_scenario() {
    let gone = Running::start(Fixture::default(), 0).await.unwrap();
    let url = gone.url();
    gone.stop().await.unwrap();
    let report = run_server_suite(&url, "2025-11-25", None).await.unwrap();
    assert!(!report.ok, "{report}");
    let failed: BTreeSet<_> = report.scored().map(|finding| finding.scenario.as_str()).collect();
    assert_eq!(failed.len(), 30, "{report}");
    assert!(report.failures.iter().any(|finding| !finding.scored), "{report}");
}

#[tokio::test]
async fn unknown_requirements_are_an_error() {
    let error = run_server_suite("http://127.0.0.1:1/mcp", "1999-01-01", None).await.unwrap_err();
    assert!(error.to_string().contains("1999-01-01"), "{error}");
}

fn start(args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child =
        Command::new(program().unwrap()).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line
}

#[test]
fn the_program_serves_http_until_its_input_closes() {
    let (mut child, mut output) = start(&["--http", "0"]);
    let url = line(&mut output);
    let port = url.trim().strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/mcp")).unwrap();
    std::net::TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_program_speaks_over_stdio_until_its_input_closes() {
    let (mut child, mut output) = start(&["--stdio"]);
    let mut input = child.stdin.take().unwrap();
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    writeln!(input, "{initialize}").unwrap();
    assert!(line(&mut output).contains(r#""protocolVersion":"2025-06-18""#));
    writeln!(input, r#"{{"jsonrpc":"2.0","method":"notifications/initialized"}}"#).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_program_says_how_it_is_used() {
    let child = Command::new(program().unwrap()).args(["--http", "x"]).output().unwrap();
    assert!(!child.status.success());
    assert!(String::from_utf8(child.stderr).unwrap().contains("Usage: "));
}
