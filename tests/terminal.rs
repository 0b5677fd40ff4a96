//! The person at the terminal: approvals and forms, on a real one.

use crate::support::{Ended, Place, fleet_config, root};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use tollgate_test_guests as guests;

/// Runs the command on a terminal. Each step is what must be shown, and what is typed then.
fn on_terminal(place: &Place, steps: &Value, args: &[&str]) -> Ended {
    let command = place.tollgate(args);
    let mut terminal = Command::new("python3");
    terminal.arg(root().join("tests/support/terminal.py")).arg(steps.to_string());
    terminal.arg(command.get_program()).args(command.get_args()).current_dir(place.work());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    Ended::of(terminal.stdin(Stdio::null()).output().unwrap())
}

/// A script whose call needs approval, and that prints a lot while the question is open.
fn noisy(answer: &str) -> (Place, Ended) {
    let place = Place::new();
    let files = place.work().join("files");
    std::fs::create_dir(&files).unwrap();
    place.write(
        "servers.json",
        json!({"mcpServers": {"files": fleet_config(&files)["mcpServers"]["filesystem"]}}).to_string(),
    );
    let code = "const call = files.write_file({path: 'a.txt', content: 'written'});\n\
        await sleep(300);\n\
        for (let i = 0; i < 60; i++) console.log(`line ${i}`);\n\
        console.log('Report is ready. Continue? [y/N]');\n\
        await call;\n";
    place.write("noisy.js", code);
    let args = ["--config", "servers.json", "exec", "noisy.js", "--grant", "files:*", "--approve", "files:write_*"];
    let ended = on_terminal(&place, &json!([["May it?", answer]]), &args);
    (place, ended)
}

#[test]
fn an_approval_stays_in_sight_until_it_is_answered() {
    let (place, ended) = noisy("y\r");
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let question = ended.stdout.find("May it?").unwrap();
    assert!(ended.stdout[..question].contains(r#"{"path":"a.txt","content":"written"}"#), "{}", ended.stdout);
    let noise = ended.stdout.find("line 0").unwrap();
    assert!(
        noise > question && ended.stdout.contains("line 59"),
        "what is said meanwhile comes after: {}",
        ended.stdout
    );
    assert_eq!(std::fs::read_to_string(place.work().join("files/a.txt")).unwrap(), "written");

    for answer in ["n\r", "\r", "\u{4}"] {
        let (place, ended) = noisy(answer);
        assert_eq!(ended.code, 3, "{}", ended.stdout);
        assert!(!place.work().join("files/a.txt").exists());
    }
}

#[test]
fn a_form_is_asked_line_by_line_and_again_where_an_answer_does_not_fit() {
    let place = Place::new();
    let schema = json!({"type": "object", "required": ["who", "how_many"], "properties": {
        "who": {"type": "string", "title": "Who \u{1b}[2J"},
        "how_many": {"type": "integer", "title": "How many"},
        "colour": {"type": "string", "enum": ["red", "green"]},
    }});
    let input = json!({"ask": {"message": "An order", "schema": schema.to_string()}}).to_string();
    let steps = json!([
        ["Who", "\r"],
        ["is required", "Ada\r"],
        ["How many", "two\r"],
        ["whole number", "2\r"],
        ["colour", "\r"]
    ]);
    let args = ["run", guests::POLICY_ASKS, "--input", &input, "--grant", "ask"];
    let ended = on_terminal(&place, &steps, &args);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(ended.stdout.contains("Ada") && ended.stdout.contains("how_many"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("\u{1b}[2J"), "{}", ended.stdout);
}

#[test]
fn state_is_forgotten_when_a_person_says_so() {
    let place = Place::new();
    let config = format!("servers: {{a: {{component: {}, grants: [state]}}}}\n", guests::ADAPTER_OUTSIDE);
    place.write("tollgate.yaml", config);
    place.run(["--config", "tollgate.yaml", "call", "a:keep", r#"{"key":"k","value":1}"#]).expect(0);
    let clear = |answer: &str| {
        let steps = json!([["Forget the key of `server:a` (2 B)? [y/N]", answer]]);
        on_terminal(&place, &steps, &["--config", "tollgate.yaml", "state", "clear", "server:a"])
    };
    let ended = clear("n\r");
    assert!(ended.code == 3 && ended.stdout.contains("nothing was forgotten"), "{}", ended.stdout);
    let ended = clear("y\r");
    assert!(ended.code == 0 && ended.stdout.contains("1 key forgotten"), "{}", ended.stdout);
}
