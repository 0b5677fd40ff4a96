//! One message a line, over standard input and output. A connection that is dropped is the end of the process.

use crate::dice::Fault;
use crate::{Planned, Server, error};
use serde_json::{Value, json};
use std::io::{BufRead, Write, stdin, stdout};
use std::process::exit;
use std::sync::Arc;

pub(crate) fn serve(server: Arc<Server>) {
    for line in stdin().lock().lines() {
        let Ok(line) = line else { break };
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        match server.plan(&message) {
            Some(planned) => {
                let server = server.clone();
                std::thread::spawn(move || call(&server, &planned));
            }
            None => {
                if let Some(answer) = server.plain(&message) {
                    say(&[answer.to_string()]);
                }
            }
        }
    }
}

/// Lines of one call are not torn apart by those of another.
fn say(lines: &[String]) {
    let mut out = stdout().lock();
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
}

fn call(server: &Server, planned: &Planned) {
    std::thread::sleep(planned.pause);
    let id = &planned.id;
    match planned.fault {
        Fault::DropBefore => exit(1),
        Fault::SlowDown => return say(&[error(id, 429, "slow down", &json!({"retryAfterMs": 20})).to_string()]),
        Fault::Unavailable => return say(&[error(id, -32000, "not now", &Value::Null).to_string()]),
        Fault::Internal => return say(&[error(id, -32603, "oh no", &Value::Null).to_string()]),
        _ => {}
    }
    let answer = server.act(planned).to_string();
    let mut lines = Vec::new();
    match planned.fault {
        Fault::DropAfter => exit(1),
        Fault::Half => {
            let half = answer.as_bytes().get(..answer.len() / 2).unwrap_or_default();
            let mut out = stdout().lock();
            let _ = out.write_all(half).and_then(|()| out.flush());
            exit(1);
        }
        Fault::Silent => return,
        Fault::WrongId => lines.extend(server.wrong().iter().map(Value::to_string)),
        Fault::Garbage => {
            lines.extend(["Listening on port 3000", "{\"half\": ", "[1, 2", "\u{feff}", "{}"].map(str::to_owned))
        }
        Fault::Twice => lines.push(answer.clone()),
        _ => {}
    }
    lines.push(answer);
    say(&lines);
    server.is_answered(id);
    if planned.fault == Fault::Restart {
        exit(0);
    }
}
