//! Scripts that mean harm, or are out of control: each ends in a clear error, and the host goes on.

use super::{host, output, script};
use tollgate::ScriptLanguage::{JavaScript, Python};
use tollgate::{Host, LimitKind, RunReport, RunRequest, ScriptLanguage, Status};

async fn ends(host: &Host, request: RunRequest, status: Status, part: &str) -> RunReport {
    let report = host.run(request).await.unwrap();
    let text = report.error.as_ref().map(ToString::to_string).unwrap_or_default();
    assert_eq!(report.status, status, "{text}\n{:?}", report.output);
    assert!(text.contains(part), "without {part:?}: {text}");
    // Nothing of it is left: the next script runs as ever.
    assert_eq!(output(&host.run(script(JavaScript, "1 + 1")).await.unwrap()), 2);
    report
}

#[tokio::test]
async fn loops_without_end_end_by_fuel_and_cannot_be_caught() {
    let host = host().await;
    let loops: [(ScriptLanguage, &str); 6] = [
        (JavaScript, "for (;;) {}"),
        (JavaScript, "while (true) { try { for (;;) {} } catch {} finally { continue } }"),
        (JavaScript, "const spin = () => Promise.resolve().then(spin); await spin()"),
        (JavaScript, "/(a+)+$/.test('a'.repeat(60) + 'b')"),
        (Python, "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass"),
        (Python, "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')"),
    ];
    for (language, code) in loops {
        let request = script(language, code).limit(LimitKind::Fuel, 300_000_000);
        ends(&host, request, Status::Limit, "fuel").await;
    }
    host.shutdown().await;
}

#[tokio::test]
async fn waiting_for_ever_ends_by_time_and_takes_calls_along() {
    let host = host().await;
    for (language, code) in [
        (JavaScript, "await lab.wait({ms: 600000})"),
        (Python, "await lab.wait(ms=600000)"),
        (Python, "lab.wait(ms=600000)"),
        (JavaScript, "try { await sleep(600000) } catch {}"),
    ] {
        ends(&host, script(language, code).limit(LimitKind::Timeout, 300), Status::Limit, "timeout").await;
    }
    host.shutdown().await;
}

#[tokio::test]
async fn memory_that_grows_without_end_is_bounded() {
    let host = host().await;
    for (language, code) in [
        (JavaScript, "const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))"),
        (JavaScript, "let text = 'x'; for (;;) text += text"),
        (Python, "all = []\nwhile True: all.append(bytearray(1 << 20))"),
        (Python, "text = 'x'\nwhile True: text += text"),
        (Python, "10 ** 10 ** 10"),
    ] {
        // So that a slow machine does not run out of time first.
        let request = script(language, code).limit(LimitKind::Fuel, 2_000_000_000);
        let report = host.run(request).await.unwrap();
        let text = report.error.as_ref().expect("it fails").to_string();
        let said =
            ["memory", "Memory", "out of memory", "string too long", "invalid string length", "fuel", "array length"];
        assert!(said.iter().any(|part| text.contains(part)), "{code}: {text}");
    }
    assert_eq!(output(&host.run(script(Python, "1 + 1")).await.unwrap()), 2);
    host.shutdown().await;
}

#[tokio::test]
async fn recursion_without_end_is_an_error_that_says_so() {
    let host = host().await;
    for (language, code, part) in [
        (JavaScript, "const f = () => f(); f()", "stack"),
        (JavaScript, "let deep = []; for (let i = 0; i < 1e5; i++) deep = [deep]; JSON.stringify(deep)", ""),
        (JavaScript, "eval('['.repeat(1e5))", ""),
        (Python, "def f(): return f()\nf()", "recursion"),
        (Python, "import json\njson.loads('[' * 100000)", ""),
        (Python, "eval('(' * 100000)", ""),
    ] {
        ends(&host, script(language, code), Status::Error, part).await;
    }
    host.shutdown().await;
}

#[tokio::test]
async fn nothing_of_the_machine_is_there() {
    let host = host().await;
    for (language, code) in [
        (JavaScript, "[typeof require, typeof process, typeof fetch, typeof Deno, typeof WebAssembly].join()"),
        (
            JavaScript,
            "try { await import('fs'); 'there' } catch (e) { 'undefined,undefined,undefined,undefined,undefined' }",
        ),
    ] {
        let seen = output(&host.run(script(language, code)).await.unwrap());
        assert_eq!(seen, "undefined,undefined,undefined,undefined,undefined", "{code}");
    }
    for code in [
        "open('/etc/passwd').read()",
        "import os\nos.listdir('/')",
        "open('/tmp/x', 'w')",
        "import socket\nsocket.create_connection(('127.0.0.1', 80))",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')",
        "import subprocess\nsubprocess.run(['true'])",
        "import ctypes\nctypes.string_at(0)",
        "import os\nos.environ['HOME']",
        "import os\nos.fork()",
    ] {
        ends(&host, script(Python, code), Status::Error, "").await;
    }
    let environment = "import os\nlen(os.environ)";
    assert_eq!(output(&host.run(script(Python, environment)).await.unwrap()), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn clock_and_randomness_are_the_runs_own() {
    let host = host().await;
    for (language, code) in [
        (JavaScript, "Date.now()"),
        (Python, "import time\ntime.time() * 1000"),
        (Python, "import datetime\ndatetime.datetime.now().timestamp() * 1000"),
    ] {
        let now = output(&host.run(script(language, code)).await.unwrap()).as_f64().unwrap();
        assert!(now < 60_000.0, "{code}: {now}");
    }
    for (language, code) in [
        (JavaScript, "Math.random()"),
        (JavaScript, "crypto.randomUUID()"),
        (Python, "import random\nrandom.random()"),
        (Python, "import uuid\nstr(uuid.uuid4())"),
    ] {
        let one = output(&host.run(script(language, code)).await.unwrap());
        let other = output(&host.run(script(language, code)).await.unwrap());
        assert_ne!(one, other, "{code} is the same in two runs");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_is_printed_without_end_is_cut_and_counted() {
    let host = host().await;
    for (language, code) in [
        (JavaScript, "for (let i = 0; i < 40; i++) console.log('x'.repeat(100000)); 'done'"),
        (Python, "for i in range(40): print('x' * 100000)\n'done'"),
    ] {
        let report = host.run(script(language, code)).await.unwrap();
        assert_eq!(output(&report), "done");
        assert!(report.stdout.len() <= 1 << 20 && report.dropped_log_bytes > 2_000_000, "{}", report.stdout.len());
    }
    let giant = "'x'.repeat(20 * 1024 * 1024)";
    let request = script(JavaScript, giant).limit(LimitKind::Memory, 512 << 20);
    ends(&host, request, Status::Limit, "output_bytes").await;
    host.shutdown().await;
}

#[tokio::test]
async fn one_run_leaves_nothing_for_the_next() {
    let host = host().await;
    let marks = [
        (
            JavaScript,
            "globalThis.mark = 1; Object.prototype.mark = 2; Array.prototype.map = null; 0",
            "typeof mark + typeof ({}).mark + typeof [].map",
        ),
        (
            Python,
            "import builtins, sys\nbuiltins.mark = 1\nsys.modules['mark'] = sys\nlen = None\n0",
            "import builtins, sys\nstr(hasattr(builtins, 'mark')) + str('mark' in sys.modules) + str(len([]))",
        ),
    ];
    for ((language, mark, look), expected) in marks.into_iter().zip(["undefinedundefinedfunction", "FalseFalse0"]) {
        assert_eq!(output(&host.run(script(language, mark)).await.unwrap()), 0);
        assert_eq!(output(&host.run(script(language, look)).await.unwrap()), expected);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn cancelling_ends_a_script_at_once_whatever_it_catches() {
    let host = host().await;
    for (language, code) in [
        (JavaScript, "for (;;) { try { await sleep(10) } catch {} }"),
        (Python, "while True:\n    try:\n        await sleep(0.01)\n    except BaseException:\n        pass"),
        (JavaScript, "for (;;) {}"),
    ] {
        let stop = tokio::time::sleep(std::time::Duration::from_millis(150));
        let request = script(language, code).limit(LimitKind::Fuel, u64::MAX / 2);
        let report = host.run_until(request, stop).await.unwrap();
        assert_eq!(report.status, Status::Cancelled, "{code}");
    }
    host.shutdown().await;
}
