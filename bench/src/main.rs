//! The cost of runs and calls: `cargo xtask bench [--quick] [NAME…]`. With `--quick` each measurement is made a few times only, to see that
//! it works; its figures mean nothing.
//!
//! The machine is noisy, so each figure is a median, what is compared is measured in turn in the same run,
//! and the ratio is what counts.
//!
//! # Layout
//!
//! - This file: which measurements there are, and how they are printed.
//! - [`server`]: an MCP server in this process, and a raw rmcp client to it: the baseline of every call.
//! - [`runs`]: fresh runs, calls, calls at once. [`memory`]: suspended runs.
//! - [`routing`]: what retries, breakers, caches and domains cost a call; failover; several servers at once.
//! - [`outside`]: requests of adapters over HTTP, beside reqwest.
//! - [`metering`]: tight loops with and without fuel. [`startup`]: `tollgate tools` against a bare client.
//! - [`scripts`]: what scripts cost, beside a Python process.
//! - [`adapters`]: five servers as adapters, beside the same as processes.
//! - [`serve`]: what the front end adds to a call, beside another proxy and beside [`relay`], which only passes it on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that goes wrong must stop, loudly"
)]

mod adapters;
mod memory;
mod metering;
mod outside;
mod relay;
mod routing;
mod runs;
mod scripts;
mod serve;
mod server;
mod startup;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static QUICK: AtomicBool = AtomicBool::new(false);

/// How often something is done: so often, or a few times where it is only to be seen that it works.
fn times(often: usize) -> usize {
    if QUICK.load(Ordering::Relaxed) { often.div_ceil(100).max(3) } else { often }
}

enum Measurement {
    Async(fn() -> BoxFuture<'static, ()>),
    /// It starts what it needs by itself.
    Sync(fn()),
}

/// Each measurement, by the name that chooses it.
const MEASUREMENTS: [(&str, Measurement); 15] = {
    use Measurement::{Async, Sync};
    [
        ("runs", Async(|| Box::pin(runs::fresh()))),
        ("runs", Async(|| Box::pin(runs::calls()))),
        ("runs", Async(|| Box::pin(runs::at_once()))),
        ("memory", Async(|| Box::pin(memory::suspended()))),
        ("routing", Async(|| Box::pin(routing::calls()))),
        ("routing", Async(|| Box::pin(routing::failover()))),
        ("routing", Async(|| Box::pin(routing::hub()))),
        ("outside", Async(|| Box::pin(outside::requests()))),
        ("metering", Async(|| Box::pin(metering::loops()))),
        ("scripts", Async(|| Box::pin(scripts::tiny()))),
        ("scripts", Async(|| Box::pin(scripts::ten_calls()))),
        ("scripts", Async(|| Box::pin(scripts::waiting()))),
        ("startup", Async(|| Box::pin(startup::tools()))),
        ("adapters", Sync(adapters::beside_processes)),
        (
            "serve",
            Sync(|| {
                serve::first_list();
                serve::echo();
                serve::echo_over_http();
            }),
        ),
    ]
};

fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.first().is_some_and(|first| first == "relay") {
        relay::run(&wanted[1..]);
        return ExitCode::SUCCESS;
    }
    let given = wanted.len();
    wanted.retain(|arg| arg != "--quick");
    QUICK.store(wanted.len() < given, Ordering::Relaxed);
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{:<48} {:>12} {:>12} {:>8}  target", "measurement", "median", "baseline", "ratio");
    let mut failed = false;
    for (name, measurement) in MEASUREMENTS.iter().filter(|(name, _)| is_wanted(name)) {
        // One that goes wrong says so, and the others are made all the same.
        let made = match measurement {
            Measurement::Async(measure) => runtime.block_on(AssertUnwindSafe(measure()).catch_unwind()),
            Measurement::Sync(measure) => catch_unwind(measure),
        };
        if made.is_err() {
            println!("{name:<48} went wrong, as said above");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The median of some times or sizes.
fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Prints one line. Without a baseline the ratio is left out.
fn line(name: &str, value: Duration, baseline: Option<Duration>, target: &str) {
    print_line(name, micros(value), baseline.map(micros), target);
}

/// Prints what something costs more than its baseline; less than nothing is noise around nothing.
fn line_over(name: &str, value: Duration, baseline: Duration, target: &str) {
    print_line(&format!("{name}, over it"), micros(value) - micros(baseline), Some(micros(baseline)), target);
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn print_line(name: &str, value: f64, baseline: Option<f64>, target: &str) {
    let (base, ratio) = match baseline {
        Some(base) => (format!("{base:.1} µs"), format!("{:.2}", value / base)),
        None => ("-".to_owned(), "-".to_owned()),
    };
    println!("{name:<48} {:>12} {base:>12} {ratio:>8}  {target}", format!("{value:.1} µs"));
}
