//! Many agents at once, calling and cancelling: nobody gets another's answer, and nothing is left of them.

use super::http::serve;
use super::place;
use crate::support::raw_http::{RawHttp, get};
use crate::support::{eventually, processes_with};
use std::time::{Duration, Instant};

const AGENTS: usize = 200;
/// How many crowds there are at most until the memory no longer grows.
const CROWDS: usize = 4;

/// What a process holds.
#[derive(Debug)]
struct Held {
    mib: u64,
    threads: usize,
    files: usize,
}

fn held(process: u32) -> Held {
    let count = |what| std::fs::read_dir(format!("/proc/{process}/{what}")).unwrap().count();
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    Held { mib: (pages * 4096) >> 20, threads: count("task"), files: count("fd") }
}

/// One agent: sessions one after another, until the time is over. Gives how many answers it got and how many calls it
/// cancelled.
fn agent(address: &str, number: usize, until: Instant) -> (usize, usize) {
    let (mut answers, mut cancelled) = (0, 0);
    while Instant::now() < until {
        let mut connection = RawHttp::connect(address, "/mcp", "");
        connection.begin();
        for round in 0..40 {
            let id = round + 1;
            let call = |tool: &str, said: &str| {
                format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"{said}"}}}}}}"#
                )
            };
            if round % 10 == 9 {
                // A call that nobody answers, taken back while it waits.
                connection.write("POST", &call("stuck__echo", "nobody"));
                let mut other = RawHttp::connect(address, "/mcp", &connection.session);
                other.send(&format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
                ));
                let session = connection.session.clone();
                connection = RawHttp::connect(address, "/mcp", &session);
                cancelled += 1;
            } else {
                let nonce = format!("agent {number}, answer {answers}.");
                let answer = connection.send(&call("echo__echo", &nonce));
                assert!(answer.contains(&nonce), "another's answer: {answer}");
                answers += 1;
            }
            if Instant::now() >= until {
                break;
            }
        }
        // The last session of each third agent is left with a call in flight.
        if number.is_multiple_of(3) {
            connection.write(
                "POST",
                r#"{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"stuck__echo","arguments":{"text":"left"}}}"#,
            );
            cancelled += 1;
        }
        let session = connection.session.clone();
        let mut last = RawHttp::connect(address, "/mcp", &session);
        last.write("DELETE", "");
        last.read();
    }
    (answers, cancelled)
}

/// For a minute: `TOLLGATE_AGENTS_SECONDS=60`.
#[test]
fn two_hundred_agents_call_and_cancel_and_leave_nothing_behind() {
    let seconds = std::env::var("TOLLGATE_AGENTS_SECONDS").map_or(5, |text| text.parse().unwrap());
    let place = place();
    let served = serve(&place, &[]);
    let address = served.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap().to_owned();
    let process = served.running.0.id();
    let crowd = |seconds| {
        let until = Instant::now() + Duration::from_secs(seconds);
        let agents: Vec<_> = (0..AGENTS)
            .map(|number| {
                let address = address.clone();
                std::thread::spawn(move || agent(&address, number, until))
            })
            .collect();
        let counts: Vec<_> = agents.into_iter().map(|agent| agent.join().expect("no wrong answer")).collect();
        counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };

    // With all of its servers started.
    let ready = format!("http://{address}/readyz");
    eventually("the servers are there", || (get(&ready).0 == 200).then_some(()));
    let idle = held(process);
    // The first crowd makes what is kept: threads, the allocator's room, streams of cancelled requests for a while.
    crowd(seconds);
    let settled = |files: usize| {
        eventually("connections are closed", || {
            let now = held(process);
            (now.files <= files).then_some(now)
        })
    };
    let mut warm = settled(idle.files + 4);
    let threads = warm.threads;
    // A leak is there with every crowd; the allocator's room grows with the largest crowd yet, and no more.
    for another in (0..CROWDS).rev() {
        let (answers, cancelled) = crowd(seconds);
        let after = settled(warm.files);
        println!("{answers} answers, {cancelled} calls cancelled; idle {idle:?}, before {warm:?}, after {after:?}");
        assert!(answers > AGENTS && cancelled > 0, "{answers} answers, {cancelled} cancelled");
        assert!(after.threads <= threads, "threads grew from {threads} to {after:?}");
        if after.mib <= warm.mib + 24 {
            break;
        }
        assert!(another > 0, "memory grew with each of {CROWDS} crowds, at last from {warm:?} to {after:?}");
        warm = after;
    }
    let noted = eventually("each call that was taken back was taken back at its server", || {
        let log = std::fs::read_to_string(place.work().join("stuck.log")).unwrap();
        let called = log.lines().filter(|line| line.starts_with("called")).count();
        let taken_back = log.lines().count() - called;
        (called > 0 && called == taken_back).then_some(called)
    });
    assert!(noted > 0, "{noted} calls reached the server that never answers");
    let home = place.dir.path().display().to_string();
    let children = processes_with(&home);
    assert!(children.len() <= 3, "{children:#?}");
}
