//! A line that says what a command waits for, when that takes longer than a moment.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::{Duration, Instant};
use tollgate::{Host, ServerState};

/// Does the work. On a terminal, a line says meanwhile what it is about.
pub(crate) async fn wait<T>(what: impl Fn() -> String, work: impl Future<Output = T>) -> T {
    const MOMENT: Duration = Duration::from_millis(400);
    const TICK: Duration = Duration::from_millis(100);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    // The line goes away with the bar, also when the work is given up.
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    let began = Instant::now();
    let mut work = pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {
                if began.elapsed() > MOMENT {
                    bar.set_message(what());
                    bar.tick();
                }
            }
        }
    }
}

/// Which servers are still connecting.
pub(crate) fn connecting(host: &Host) -> String {
    let servers = host.servers();
    let names: Vec<_> =
        servers.iter().filter(|s| s.state == ServerState::Connecting).map(|s| s.name.as_str()).collect();
    format!("waiting for {}", names.join(", "))
}
