//! Calls while they are under way, and after. The timeline is a journal: it sees what every journal sees.

use crate::print::{self, BAD, BOLD, DIM, GOOD, ODD, styled};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};
use tollgate::{CallRecord, Entry, Event, Journal, JournalError, LogLevel, Outcome, RunId};

/// Where the numbers of requests to models begin among those of calls: nobody makes so many.
const MODEL: u64 = 1 << 63;

/// How much is kept of what a run says while a person is asked something, in bytes.
const HELD_MAX_BYTES: usize = 64 << 10;

/// How much is shown while a run is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// On a terminal, a line for each call in flight; what the component logs is left out.
    CallsOnly,
    /// On a terminal, a line for each call in flight, with its duration.
    Live,
    /// The same, and a line on stderr for each call that ended.
    EachCall,
}

pub(crate) struct Timeline {
    detail: Detail,
    began: Instant,
    screen: MultiProgress,
    in_flight: Mutex<HashMap<(RunId, u64), Flight>>,
    on_terminal: bool,
    held: Mutex<Held>,
}

/// What is said while a person is asked something. It comes after the answer: nothing may push a question off the screen, or
/// look like another one.
#[derive(Default)]
struct Held {
    /// Questions that are open.
    questions: u32,
    said: Vec<Said>,
    bytes: usize,
    dropped: u64,
}

/// Something for the person.
enum Said {
    Line(String),
    Output { error: bool, text: String },
}

/// Keeps the screen still for as long as it lives.
pub(crate) struct Pause<'a>(&'a Timeline);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.go_on();
    }
}

struct Flight {
    name: String,
    began: Instant,
    bar: ProgressBar,
}

impl Timeline {
    pub(crate) fn new(detail: Detail) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self {
            detail,
            began: Instant::now(),
            screen: MultiProgress::with_draw_target(target),
            in_flight: Mutex::default(),
            on_terminal,
            held: Mutex::default(),
        }
    }

    /// Since the command began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes the live lines off the screen, and says what was cancelled.
    pub(crate) fn close(&self) {
        for (_, flight) in self.in_flight.lock().drain() {
            flight.bar.finish_and_clear();
            self.say(format_args!("cancelled {} after {}", flight.name, print::duration(flight.began.elapsed())));
        }
    }

    /// Writes what a run wrote, as it is: it need not be a line.
    pub(crate) fn output(&self, error: bool, text: String) {
        self.put(Said::Output { error, text });
    }

    /// Keeps the screen still: somebody is asked something.
    pub(crate) fn pause(&self) -> Pause<'_> {
        let mut held = self.held.lock();
        held.questions += 1;
        if held.questions == 1 && self.on_terminal {
            self.screen.suspend(|| {});
            self.screen.set_draw_target(ProgressDrawTarget::hidden());
        }
        Pause(self)
    }

    fn go_on(&self) {
        let mut held = self.held.lock();
        held.questions = held.questions.saturating_sub(1);
        if held.questions > 0 {
            return;
        }
        let Held { said, dropped, .. } = std::mem::take(&mut *held);
        if self.on_terminal {
            self.screen.set_draw_target(ProgressDrawTarget::stderr());
        }
        said.iter().for_each(|said| self.write(said));
        if dropped > 0 {
            self.write(&Said::Line(format!("({dropped} more were said meanwhile and are not shown)")));
        }
    }

    fn say(&self, line: impl std::fmt::Display) {
        self.put(Said::Line(line.to_string()));
    }

    fn put(&self, said: Said) {
        let mut held = self.held.lock();
        if held.questions == 0 {
            self.write(&said);
            return;
        }
        let (Said::Line(text) | Said::Output { text, .. }) = &said;
        if held.bytes + text.len() > HELD_MAX_BYTES {
            held.dropped += 1;
        } else {
            held.bytes += text.len();
            held.said.push(said);
        }
    }

    fn write(&self, said: &Said) {
        // Where stdout is closed there is nobody to tell.
        self.screen.suspend(|| match said {
            Said::Line(line) => anstream::eprintln!("{line}"),
            Said::Output { error: true, text } => drop(write!(anstream::stderr(), "{text}")),
            Said::Output { error: false, text } => {
                let mut out = anstream::stdout();
                drop(write!(out, "{text}").and_then(|()| out.flush()));
            }
        });
    }

    fn started(&self, key: (RunId, u64), server: &str, tool: &str) {
        let name = format!("{}:{}", print::line(server, 80), print::name(&print::line(tool, 60)));
        let bar = if self.on_terminal {
            let bar = self.screen.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(name.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        } else {
            ProgressBar::hidden()
        };
        self.in_flight.lock().insert(key, Flight { name, began: Instant::now(), bar });
    }

    /// Takes a line off the screen; tells how long it was there.
    fn over(&self, key: (RunId, u64)) -> Duration {
        let Some(flight) = self.in_flight.lock().remove(&key) else { return Duration::ZERO };
        flight.bar.finish_and_clear();
        flight.began.elapsed()
    }

    fn ended(&self, key: (RunId, u64), call: &CallRecord) {
        self.over(key);
        if call.outcome == Outcome::Cancelled {
            let name = format!("{}:{}", print::line(&call.server, 80), print::name(&print::line(&call.tool, 60)));
            self.say(format_args!("cancelled {name} after {}", print::duration(call.elapsed)));
        } else if self.detail == Detail::EachCall {
            self.say(line(call));
        }
    }

    fn log(&self, level: LogLevel, message: &str) {
        let (style, word) = match level {
            _ if self.detail == Detail::CallsOnly => return tracing::debug!(target: "tollgate::guest", "{message}"),
            LogLevel::Trace | LogLevel::Debug => return tracing::debug!(target: "tollgate::guest", "{message}"),
            LogLevel::Info => (GOOD, "info"),
            LogLevel::Warn => (ODD, "warn"),
            LogLevel::Error => (BAD, "error"),
        };
        self.say(format_args!("{} {}", styled(style, format_args!("[{word}]")), print::visible(message)));
    }

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        if self.detail == Detail::CallsOnly || (!self.on_terminal && self.detail == Detail::Live) {
            return;
        }
        let of = total.map(|total| format!("/{total}")).unwrap_or_default();
        self.say(styled(DIM, format_args!("[{done}{of}] {}", print::visible(message.unwrap_or_default()))));
    }
}

/// One call that ended, as a line.
fn line(call: &CallRecord) -> String {
    let style = if call.outcome == Outcome::Ok { GOOD } else { BAD };
    let why = call.message.as_ref().map(|m| format!("  {}", print::line(m, 200))).unwrap_or_default();
    format!(
        "{} {}:{} {} {} {}{why}",
        styled(DIM, format_args!("+{:>9}", print::duration(call.started))),
        print::line(&call.server, 80),
        styled(BOLD, print::name(&print::line(&call.tool, 60))),
        styled(style, call.outcome),
        print::duration(call.elapsed),
        styled(DIM, format_args!("{} → {}", print::bytes(call.bytes_in), print::bytes(call.bytes_out))),
    )
}

impl Journal for Timeline {
    fn append(&self, entry: Entry) -> std::pin::Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send + '_>> {
        match &entry.event {
            Event::CallStarted { call, server, tool, .. } => self.started((entry.run, *call), server, tool),
            Event::CallEnded(call) => self.ended((entry.run, call.call), call),
            Event::Log { level, message } => self.log(*level, message),
            Event::Progress { done, total, message } => self.progress(*done, *total, message.as_deref()),
            // The call or run that they belong to is shown.
            Event::HttpStarted { .. } | Event::HttpEnded { .. } | Event::State { .. } => {}
            Event::RunStarted { .. } | Event::RunEnded { .. } => {}
            // The person reads it already.
            Event::Asked { .. } | Event::Answered { .. } => {}
            Event::ModelStarted { request, model, .. } => {
                self.started(
                    (entry.run, MODEL + *request),
                    "model",
                    model.as_deref().unwrap_or("(the configured one)"),
                );
            }
            Event::ModelEnded { request, model, outcome, message, usage, .. } => {
                let took = self.over((entry.run, MODEL + *request));
                if self.detail == Detail::EachCall {
                    let model = print::line(model.as_deref().unwrap_or("model"), 60);
                    let tokens = usage.total();
                    let style = if message.is_none() { GOOD } else { BAD };
                    let why = message.as_deref().map(|why| format!(" {}", print::line(why, 200))).unwrap_or_default();
                    self.say(format_args!(
                        "{} {model} {} {tokens} tokens{why}",
                        styled(style, outcome),
                        print::duration(took)
                    ));
                }
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The calls of a run side by side in time, in lines of `room` characters: who waited for whom, how long.
pub(crate) fn chart(calls: &[CallRecord], elapsed: Duration, room: usize) -> String {
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_by_key(|call| (call.started, call.call));
    let name =
        |call: &CallRecord| format!("{}:{}", print::line(&call.server, 80), print::name(&print::line(&call.tool, 40)));
    let names = calls.iter().map(|call| name(call).chars().count()).max().unwrap_or(0);
    let outcomes = calls.iter().map(|call| call.outcome.as_str().len()).max().unwrap_or(0);
    // Beside the bars stand two spaces before each column, and eight characters of duration.
    let width = room.saturating_sub(names + outcomes + 8 + 4 * 2).clamp(8, 40);
    let total = elapsed.as_secs_f64().max(1e-9);
    let column =
        |at: Duration| ((at.as_secs_f64() / total * width as f64).round() as usize).min(width.saturating_sub(1));
    let lines = calls.iter().map(|call| {
        let start = column(call.started);
        let length = column(call.started + call.elapsed).saturating_sub(start) + 1;
        let style = if call.outcome == Outcome::Ok { GOOD } else { BAD };
        format!(
            "  {:<names$}  {}{}{}  {:>8}  {}",
            name(call),
            " ".repeat(start),
            styled(style, "━".repeat(length)),
            " ".repeat(width.saturating_sub(start + length)),
            print::duration(call.elapsed),
            styled(style, call.outcome),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
