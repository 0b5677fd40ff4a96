//! What runs and calls cost: `cargo xtask bench [NAME…]`.
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

use std::time::Duration;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.first().is_some_and(|first| first == "relay") {
        return relay::run(&wanted[1..]);
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{:<48} {:>12} {:>12} {:>8}  target", "measurement", "median", "baseline", "ratio");
    runtime.block_on(async {
        if is_wanted("runs") {
            runs::fresh().await;
            runs::calls().await;
            runs::at_once().await;
        }
        if is_wanted("memory") {
            memory::suspended().await;
        }
        if is_wanted("routing") {
            routing::calls().await;
            routing::failover().await;
            routing::hub().await;
        }
        if is_wanted("outside") {
            outside::requests().await;
        }
        if is_wanted("metering") {
            metering::loops().await;
        }
        if is_wanted("scripts") {
            scripts::tiny().await;
            scripts::ten_calls().await;
            scripts::waiting().await;
        }
        if is_wanted("startup") {
            startup::tools().await;
        }
    });
    if is_wanted("adapters") {
        adapters::beside_processes();
    }
    if is_wanted("serve") {
        serve::first_list();
        serve::echo();
    }
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
