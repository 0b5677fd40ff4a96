//! The person at the terminal as a run's client: what the run writes is printed, what it asks is asked.

use crate::form;
use crate::print::{self, BOLD, styled};
use crate::timeline::Timeline;
use serde_json::{Map, Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use tollgate::{Ask, AskKind, BoxFuture, Client, Notice, RpcError};

/// A client that prints and asks.
pub(crate) struct Terminal {
    /// Whether what the run writes is printed as it comes.
    prints: bool,
    timeline: Arc<Timeline>,
    /// Whether there is somebody to ask.
    asks: bool,
    /// One question at a time.
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminal")
    }
}

impl Terminal {
    /// The person at stdin and stderr, if both are a terminal. `prints` what the run writes.
    pub(crate) fn new(prints: bool, timeline: Arc<Timeline>) -> Arc<Self> {
        let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Arc::new(Self { prints, timeline, asks, turn: tokio::sync::Mutex::default() })
    }
}

impl Client for Terminal {
    fn agent(&self) -> &str {
        "cli"
    }

    fn capabilities(&self) -> &str {
        if self.asks { r#"{"elicitation":{"form":{}}}"# } else { "{}" }
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<String, RpcError>> {
        let refused = |message: String| RpcError { code: -32601, message, data: None };
        Box::pin(async move {
            let method = ask.kind.method();
            if ask.kind != AskKind::Elicitation {
                let message = format!("`{}` asks for {method}, and the command line does not answer that", ask.server);
                return Err(refused(message));
            }
            if !self.asks {
                let message =
                    format!("`{}` asks a question, and stdin and stderr are no terminal to ask it on", ask.server);
                return Err(refused(message));
            }
            let params: Value = serde_json::from_str(&ask.params).unwrap_or_default();
            if params.get("mode").and_then(Value::as_str) == Some("url") {
                return Err(refused(format!("`{}` wants a page opened; the command line does not do that", ask.server)));
            }
            let _turn = self.turn.lock().await;
            let timeline = self.timeline.clone();
            // A thread of its own: reading the terminal waits. When the run ends meanwhile, the answer goes nowhere.
            timeline.pause(true);
            let asked = tokio::task::spawn_blocking(move || {
                let answer = answered(&ask.server, &params);
                timeline.pause(false);
                answer
            });
            let answer = asked.await.unwrap_or_else(|_| json!({"action": "cancel"}));
            Ok(answer.to_string())
        })
    }

    fn tell(&self, notice: Notice) {
        let Notice::Output { error, text } = notice else { return };
        if !self.prints {
            return;
        }
        let text = print::visible(&text);
        self.timeline.aside(|| {
            // Where stdout is closed there is nobody to tell.
            if error {
                drop(write!(anstream::stderr(), "{text}"));
            } else {
                let mut out = anstream::stdout();
                drop(write!(out, "{text}").and_then(|()| out.flush()));
            }
        });
    }
}

/// Asks, line by line. Ctrl-D closes the question.
fn answered(who: &str, params: &Value) -> Value {
    let message = params.get("message").and_then(Value::as_str).unwrap_or_default();
    anstream::eprintln!("{} {}", styled(BOLD, format_args!("{}:", print::line(who, 80))), print::visible(message));
    let fields = params.get("requestedSchema").map(form::fields).unwrap_or_default();
    if fields.is_empty() {
        return match line("[y/N] ") {
            Some(answer) if matches!(answer.trim(), "y" | "Y" | "yes") => json!({"action": "accept", "content": {}}),
            Some(_) => json!({"action": "decline"}),
            None => json!({"action": "cancel"}),
        };
    }
    let mut answers = Map::new();
    for field in fields {
        loop {
            let Some(text) = line(&print::visible(&field.prompt())) else { return json!({"action": "cancel"}) };
            match field.read(&text) {
                Ok(Some(answer)) => {
                    field.put(&mut answers, answer);
                    break;
                }
                Ok(None) => break,
                Err(why) => anstream::eprintln!("  {why}"),
            }
        }
    }
    json!({"action": "accept", "content": answers})
}

/// Reads a line; `None` at its end.
fn line(prompt: &str) -> Option<String> {
    anstream::eprint!("{prompt}");
    drop(std::io::stderr().flush());
    let mut text = String::new();
    match std::io::stdin().read_line(&mut text) {
        Ok(read) if read > 0 => Some(text),
        _ => None,
    }
}
