//! The person at the terminal as a run's client: what the run writes is printed, what it asks is asked.

use crate::form;
use crate::print::{self, BOLD, styled};
use crate::timeline::Timeline;
use futures::FutureExt as _;
use rustix::termios::{QueueSelector, tcflush};
use serde_json::{Map, Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tollgate::{Ask, AskKind, BoxFuture, Client, Notice, RpcError};

/// A client that prints and asks.
pub(crate) struct Terminal {
    /// Whether what the run writes is printed as it comes.
    prints: bool,
    timeline: Arc<Timeline>,
    /// Whether there is somebody to ask.
    asks: bool,
    /// What the person types: one question at a time reads it.
    typed: tokio::sync::Mutex<Typed>,
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
        Arc::new(Self { prints, timeline, asks, typed: tokio::sync::Mutex::new(Typed::new()) })
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
                return Err(refused(format!(
                    "`{}` wants a page opened; the command line does not do that",
                    ask.server
                )));
            }
            let mut typed = self.typed.lock().await;
            let _still = self.timeline.pause();
            typed.forget();
            Ok(answered(&ask.server, &params, &mut typed).await.to_string())
        })
    }

    fn tell(&self, notice: Notice) {
        let Notice::Output { error, text } = notice else { return };
        if self.prints {
            self.timeline.output(error, print::visible(&text));
        }
    }
}

/// Asks, line by line. Ctrl-D closes the question.
async fn answered(who: &str, params: &Value, typed: &mut Typed) -> Value {
    let message = params.get("message").and_then(Value::as_str).unwrap_or_default();
    anstream::eprintln!("{} {}", styled(BOLD, format_args!("{}:", print::line(who, 80))), print::visible(message));
    let fields = params.get("requestedSchema").map(form::fields).unwrap_or_default();
    if fields.is_empty() {
        return match typed.line("[y/N] ").await {
            Some(answer) if matches!(answer.trim(), "y" | "Y" | "yes") => json!({"action": "accept", "content": {}}),
            Some(_) => json!({"action": "decline"}),
            None => json!({"action": "cancel"}),
        };
    }
    let mut answers = Map::new();
    for field in fields {
        loop {
            let prompt = print::visible(&field.prompt());
            let Some(text) = typed.line(&prompt).await else { return json!({"action": "cancel"}) };
            match field.read(&text) {
                Ok(Some(answer)) => {
                    field.put(&mut answers, answer);
                    break;
                }
                Ok(None) => break,
                Err(why) => anstream::eprintln!("  {}", print::visible(&why)),
            }
        }
    }
    json!({"action": "accept", "content": answers})
}

/// The lines that a person types.
struct Typed(Lines<BufReader<Stdin>>);

impl Typed {
    fn new() -> Self {
        Self(BufReader::new(tokio::io::stdin()).lines())
    }

    /// Forgets what was typed before a question was there to be read: it answers something else.
    fn forget(&mut self) {
        let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
        while let Some(Ok(Some(_))) = self.0.next_line().now_or_never() {}
    }

    /// The next line; `None` at the end. A question that is dropped meanwhile takes none.
    async fn line(&mut self, prompt: &str) -> Option<String> {
        anstream::eprint!("{prompt}");
        drop(std::io::stderr().flush());
        self.0.next_line().await.ok().flatten()
    }
}
