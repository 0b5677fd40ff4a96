//! Requests of one session over HTTP: answered whole, or by a stream that the client can come back for.

use super::place;
use crate::support::{Place, Running, SOON};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A session with a host whose agents see the meta tools.
struct Session {
    address: String,
    id: String,
    _host: Running,
    place: Place,
}

/// The answer of one request, as it comes.
struct Answer {
    head: String,
    lines: BufReader<TcpStream>,
}

impl Session {
    fn begin(capabilities: Value) -> Self {
        Self::begin_with("", capabilities)
    }

    /// `http` are further members of the configuration's `serve.http`.
    fn begin_with(http: &str, capabilities: Value) -> Self {
        let place = place();
        let args = ["--config", "tollgate.json", "serve", "--http", "127.0.0.1:0"];
        if !http.is_empty() {
            let file = place.work().join("tollgate.json");
            let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            config["serve"] = json!({"http": serde_json::from_str::<Value>(http).unwrap()});
            place.write("tollgate.json", config.to_string());
        }
        let mut host = Running::start(place.tollgate(args.iter()));
        let mut url = String::new();
        BufReader::new(host.0.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        let address = url.trim().trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
        let mut session = Self { address, id: String::new(), _host: host, place };
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
            "clientInfo": {"name": "t", "version": "1"}});
        let answer = session.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        let id = answer.head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
        session.id = id.unwrap_or_else(|| panic!("{}", answer.head)).to_owned();
        let begun = session.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert!(begun.head.contains(" 202 "), "{}", begun.head);
        session
    }

    fn exchange(&self, method: &str, headers: &str, body: &str) -> Answer {
        let mut lines = BufReader::new(self.begin_exchange(method, headers, body));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "the connection ended: {head}");
        }
        Answer { head: head.replace("\r\n", "\n").to_ascii_lowercase(), lines }
    }

    /// Sends a request, and reads nothing.
    fn begin_exchange(&self, method: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let session = match self.id.as_str() {
            "" => String::new(),
            id => format!("mcp-session-id: {id}\r\nmcp-protocol-version: 2025-11-25\r\n"),
        };
        let request = format!(
            "{method} /mcp HTTP/1.1\r\nhost: {}\r\naccept: application/json, text/event-stream\r\nconnection: close\r\n\
             content-type: application/json\r\n{session}{headers}content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn send(&self, message: &Value) -> Answer {
        self.exchange("POST", "", &message.to_string())
    }

    fn call(&self, id: u32, tool: &str, arguments: Value) -> Answer {
        let meta = json!({"progressToken": format!("token {id}")});
        let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}))
    }

    fn script(&self, id: u32, code: &str) -> Answer {
        self.call(id, "execute_code", json!({"language": "javascript", "code": code}))
    }

    fn resume(&self, event: &str) -> Answer {
        self.exchange("GET", &format!("last-event-id: {event}\r\n"), "")
    }
}

impl Answer {
    fn is_stream(&self) -> bool {
        self.head.contains("content-type: text/event-stream")
    }

    /// The next line that begins with `start`, without it. `None` at the end of the stream.
    fn next(&mut self, start: &str) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.strip_prefix(start) {
                return Some(rest.trim().to_owned());
            }
            line.clear();
        }
        None
    }

    /// The next message of a stream.
    fn message(&mut self) -> Option<Value> {
        loop {
            let data = self.next("data: ")?;
            if !data.is_empty() {
                return Some(serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// All messages up to the end.
    fn messages(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.message()).collect()
    }

    /// The answer: all of it, or where it took so long that it is a stream, the last message.
    fn whole(&mut self) -> Value {
        if self.is_stream() {
            return self.messages().pop().expect("it ends with the answer");
        }
        let mut text = String::new();
        std::io::Read::read_to_string(&mut self.lines, &mut text).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

#[test]
fn what_is_answered_at_once_is_answered_with_json() {
    let session = Session::begin(json!({}));
    // At first the server is being started, and later the machine may be busy for a moment.
    let answer = crate::support::eventually("an answer at once", || {
        let mut answer =
            session.call(1, "call_tool", json!({"server": "echo", "tool": "echo", "arguments": {"text": "x"}}));
        let is_json = answer.head.contains("content-type: application/json");
        assert!(is_json || answer.is_stream(), "{}", answer.head);
        let whole = answer.whole();
        is_json.then_some(whole)
    });
    assert_eq!(answer["id"], 1);
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains('x'), "{answer:#}");
    // So are errors, and what is no call.
    let mut unknown = session.send(&json!({"jsonrpc": "2.0", "id": "two", "method": "no/such"}));
    let unknown = unknown.whole();
    assert_eq!((&unknown["id"], &unknown["error"]["code"]), (&json!("two"), &json!(-32601)));
    let listed = session.send(&json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"})).whole();
    assert!(listed.to_string().contains("search_tools"), "{listed:#}");
}

#[test]
fn progress_comes_before_the_answer_on_the_stream_of_its_request() {
    let session = Session::begin(json!({}));
    let tool = json!({"server": "fixture", "tool": "test_tool_with_progress", "arguments": {}});
    let mut answer = session.call(7, "call_tool", tool);
    assert!(answer.is_stream(), "{}", answer.head);
    let messages = answer.messages();
    let done: Vec<_> = messages.iter().filter_map(|m| m["params"]["progress"].as_f64()).collect();
    assert_eq!(done, [0.0, 50.0, 100.0], "{messages:#?}");
    assert!(messages.iter().take(3).all(|m| m["params"]["progressToken"] == "token 7"), "{messages:#?}");
    assert_eq!(messages.len(), 4);
    assert_eq!(messages[3]["id"], 7);
}

#[test]
fn a_client_that_lost_its_stream_comes_back_for_the_answer() {
    let session = Session::begin(json!({}));
    let mut lost = session.script(1, "console.log('a'); await sleep(1500); console.log('b'); 'the end'");
    assert!(lost.is_stream(), "{}", lost.head);
    let first = lost.next("id: ").expect("an event to come back from");
    drop(lost);
    let mut again = session.resume(&first);
    let messages = again.messages();
    assert!(
        messages.last().is_some_and(|last| last["id"] == 1 && last.to_string().contains("the end")),
        "{messages:#?}"
    );
    // What it has seen does not come twice, and what it has not seen is kept for a while.
    let seen = messages.len();
    let mut after = session.resume(&first.replace("-0", "-1"));
    assert_eq!(after.messages(), messages[1..seen]);
    // What nobody knows is an empty stream, not one that is waited on.
    for unknown in ["r999-0", "r1-x", "r", "nonsense", "0/999"] {
        assert_eq!(session.resume(unknown).messages(), Vec::<Value>::new(), "{unknown}");
    }
}

#[test]
fn a_question_comes_on_the_stream_of_its_request_and_goes_on_with_the_answer() {
    let session = Session::begin(json!({"elicitation": {}}));
    let tool = json!({"server": "fixture", "tool": "test_elicitation", "arguments": {"message": "who?"}});
    let mut answer = session.call(5, "call_tool", tool);
    assert!(answer.is_stream(), "{}", answer.head);
    let question = answer.message().expect("a question");
    assert_eq!(question["method"], "elicitation/create", "{question:#}");
    let reply = json!({"action": "accept", "content": {"username": "ada", "email": "ada@example.com"}});
    session.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": reply}));
    let end = answer.message().expect("an answer");
    assert!(end["id"] == 5 && end.to_string().contains("ada"), "{end:#}");
    assert_eq!(answer.message(), None);
}

#[test]
fn what_is_cancelled_is_not_answered_and_ends_soon() {
    let session = Session::begin(json!({}));
    let start = Instant::now();
    let cancel = |id: u32| {
        let params = json!({"requestId": id, "reason": "enough"});
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    };
    // When its stream is open, and before.
    let mut open = session.script(1, "await sleep(600000)");
    assert!(open.is_stream());
    cancel(1);
    assert_eq!(open.messages(), Vec::<Value>::new());
    let stuck = json!({"server": "stuck", "tool": "echo", "arguments": {"text": "x"}});
    std::thread::scope(|scope| {
        let early = scope.spawn(|| session.call(2, "call_tool", stuck).messages());
        while !early.is_finished() {
            cancel(2);
            assert!(start.elapsed() < SOON, "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(early.join().unwrap(), Vec::<Value>::new());
    });
    assert!(start.elapsed() < SOON);
    // The session is none the worse.
    assert_eq!(session.script(3, "1 + 1").whole()["id"], 3);
}

#[test]
fn a_client_that_goes_away_has_cancelled_nothing() {
    let session = Session::begin(json!({}));
    let log = session.place.work().join("stuck.log");
    let noted = |what: &str| {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("called") == (what == "called")).count()
    };
    // Before its stream begins, and after.
    for (id, wait) in [(1, 0), (2, 300)] {
        let params =
            json!({"name": "call_tool", "arguments": {"server": "stuck", "tool": "echo", "arguments": {"text": "x"}}});
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string();
        let gone = session.begin_exchange("POST", "", &body);
        let called = usize::try_from(id).unwrap();
        crate::support::eventually("it was called", || (noted("called") == called).then_some(()));
        std::thread::sleep(Duration::from_millis(wait));
        drop(gone);
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(noted("taken back"), 0);
    for id in [1, 2] {
        let params = json!({"requestId": id});
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    }
    crate::support::eventually("both were taken back", || (noted("taken back") == 2).then_some(()));
}

#[test]
fn a_session_that_ends_says_so_to_who_waits() {
    let session = Session::begin(json!({}));
    let stuck = json!({"server": "stuck", "tool": "echo", "arguments": {"text": "x"}});
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| session.call(1, "call_tool", stuck));
        std::thread::sleep(Duration::from_millis(20));
        session.exchange("DELETE", "", "");
        // Within its first moments it is an error, later the end of its stream.
        let mut ended = waiting.join().unwrap();
        assert!(ended.head.contains(" 500 ") || ended.head.contains(" 404 ") || ended.messages().is_empty());
    });
}

#[test]
fn a_session_that_is_used_goes_on_and_one_that_is_not_ends() {
    let session = Session::begin_with(r#"{"session_timeout": "2s"}"#, json!({}));
    for id in 0..12 {
        assert_eq!(session.script(id, "1").whole()["id"], id);
        std::thread::sleep(Duration::from_millis(300));
    }
    // A request that takes longer than that is use as well.
    let long = session.script(50, "await sleep(5000); 'long'").messages();
    assert!(long.last().is_some_and(|last| last.to_string().contains("long")), "{long:#?}");
    let ended = || session.send(&json!({"jsonrpc": "2.0", "id": 99, "method": "ping"})).head.contains(" 404 ");
    // To ask would be to use it.
    std::thread::sleep(Duration::from_secs(5));
    assert!(ended(), "it goes on for ever");
}

#[test]
fn a_session_has_so_many_requests_at_once_and_no_more() {
    let session = Session::begin(json!({}));
    let stuck = json!({"server": "stuck", "tool": "echo", "arguments": {"text": "x"}});
    // Clients that go away do not make room.
    std::thread::scope(|scope| {
        for thread in 0..32 {
            let (session, stuck) = (&session, &stuck);
            scope.spawn(move || {
                for id in 0..32 {
                    assert!(session.call(thread * 32 + id, "call_tool", stuck.clone()).is_stream());
                }
            });
        }
    });
    let refused = session.script(5_000, "1").whole();
    assert!(refused["error"]["message"].as_str().unwrap().contains("1024 requests at once"), "{refused:#}");
    let params = json!({"requestId": 7});
    session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    crate::support::eventually("there is room", || {
        (session.script(5_001, "1").whole()["result"].is_object()).then_some(())
    });
}

#[test]
fn what_is_no_message_is_refused_with_what_is_wrong() {
    let session = Session::begin(json!({}));
    let cases = [
        (r#"{"jsonrpc":"2.0","id":7,"metho":"ping"}"#, "7", -32600, "it has no `method`"),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"\ud83d"}}"#,
            "7",
            -32700,
            "unexpected end of hex escape",
        ),
        (r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#, "null", -32600, "batches are not taken here"),
        ("garbage", "null", -32600, "it is no JSON"),
    ];
    for (body, id, code, says) in cases {
        let mut answer = session.exchange("POST", "", body);
        assert!(answer.head.contains(" 400 "), "{body}: {}", answer.head);
        let answer = answer.whole();
        assert_eq!(
            (answer["id"].to_string().as_str(), &answer["error"]["code"]),
            (id, &json!(code)),
            "{body}: {answer:#}"
        );
        assert!(answer["error"]["message"].as_str().unwrap().contains(says), "{body}: {answer:#}");
    }
    assert_eq!(session.send(&json!({"jsonrpc": "2.0", "id": 8, "method": "ping"})).whole()["result"], json!({}));
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let session = Session::begin_with(r#"{"idle_timeout": "1s"}"#, json!({}));
    let mut stream = TcpStream::connect(&session.address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!("POST /mcp HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\nsome", session.address);
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("the body did not come in time"), "{answer}");
}
