//! The script over HTTP, on the loopback interface only.

use crate::script::{Fault, Script, Turn};
use crate::{anthropic, openai};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::serve::ListenerExt;
use futures::stream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How often the last piece of an endless answer comes at once.
const AGAIN: usize = 200;

/// Which interface a request spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Chat Completions.
    OpenAi,
    /// Messages.
    Anthropic,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// What it spoke.
    pub interface: Interface,
    /// Its path with its query.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body; null where that was no JSON.
    pub body: Value,
    /// Why it was refused, where it was.
    pub refused: Option<String>,
}

impl Recorded {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Played {
    key: Option<String>,
    piece_bytes: Option<usize>,
    turns: VecDeque<Turn>,
    requests: Vec<Recorded>,
    ids: u64,
}

type Shared = Arc<Mutex<Played>>;

/// A model that answers on a port of its own, until it is dropped.
pub struct Scripted {
    port: u16,
    played: Shared,
    task: JoinHandle<()>,
}

impl Scripted {
    /// Answers on 127.0.0.1 at a free port.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        // Events are small; together they would wait for acknowledgements.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let Script { key, piece_bytes, turns } = script;
        let played = Arc::new(Mutex::new(Played { key, piece_bytes, turns: turns.into(), ..Played::default() }));
        let router = Router::new().fallback(answer).with_state(played.clone());
        let task = tokio::spawn(async move {
            // It fails with its listener only, and then nobody can ask any more.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, played, task })
    }

    /// Where it is; `/v1` below it is OpenAI's base, it itself Anthropic's.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked until now.
    pub fn requests(&self) -> Vec<Recorded> {
        self.played.lock().requests.clone()
    }

    /// How many turns were not played.
    pub fn turns_left(&self) -> usize {
        self.played.lock().turns.len()
    }

    /// More turns.
    pub fn then(&self, turns: impl IntoIterator<Item = Turn>) {
        self.played.lock().turns.extend(turns);
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(played): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path();
    let interface = match path {
        _ if method == Method::GET && path == "/requests" => {
            let requests = played.lock().requests.iter().map(|one| one.body.clone()).collect::<Vec<_>>();
            return json_answer(200, &requests.into());
        }
        _ if method == Method::POST && path.ends_with("/chat/completions") => Interface::OpenAi,
        _ if method == Method::POST && path.ends_with("/v1/messages") => Interface::Anthropic,
        _ => return json_answer(404, &openai::error(404, &format!("Invalid URL ({method} {path})"))),
    };
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut played = played.lock();
    let refused = refused(interface, &headers, &request, &played).err();
    let named = |(name, value): (&header::HeaderName, &HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = headers.iter().map(named).collect();
    let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let why = refused.as_ref().map(|(_, why)| why.clone());
    played.requests.push(Recorded { interface, path, headers, body: request.clone(), refused: why });
    if let Some((status, why)) = refused {
        return error_answer(interface, status, &why);
    }
    let Some(turn) = played.next() else {
        return error_answer(interface, 400, "the script is over");
    };
    let ids = turn.tools.iter().map(|one| one.id.clone().unwrap_or_else(|| played.id(interface))).collect::<Vec<_>>();
    let piece_bytes = played.piece_bytes;
    drop(played);
    play(interface, &request, body.len(), &turn, &ids, piece_bytes)
}

impl Played {
    fn next(&mut self) -> Option<Turn> {
        match self.turns.front() {
            Some(turn) if turn.repeat => Some(turn.clone()),
            _ => self.turns.pop_front(),
        }
    }

    fn id(&mut self, interface: Interface) -> String {
        self.ids += 1;
        match interface {
            Interface::OpenAi => format!("call_{}", self.ids),
            Interface::Anthropic => format!("toolu_{}", self.ids),
        }
    }
}

/// # Errors
/// The status and text that the real interface would answer with.
fn refused(interface: Interface, headers: &HeaderMap, request: &Value, played: &Played) -> Result<(), (u16, String)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = match interface {
        Interface::OpenAi => header("authorization").strip_prefix("Bearer ").unwrap_or_default(),
        Interface::Anthropic => header("x-api-key"),
    };
    if played.key.as_deref().is_some_and(|wanted| wanted != key) {
        // As the real one does: it repeats what it was sent.
        return Err((401, format!("Incorrect API key provided: {key}.")));
    }
    if header("content-type") != "application/json" {
        return Err((400, "The request's content type is not application/json".to_owned()));
    }
    let bad = |why: String| (400, why);
    match interface {
        Interface::OpenAi => openai::check(request).map_err(bad),
        Interface::Anthropic if header("anthropic-version") != "2023-06-01" => {
            Err(bad("anthropic-version: header is required".to_owned()))
        }
        Interface::Anthropic => anthropic::check(request).map_err(bad),
    }
}

fn play(
    interface: Interface,
    request: &Value,
    sent_bytes: usize,
    turn: &Turn,
    ids: &[String],
    piece_bytes: Option<usize>,
) -> Response<Body> {
    let counted = turn.counted(sent_bytes);
    let is_openai = interface == Interface::OpenAi;
    let whole = || match is_openai {
        true => openai::whole(request, turn, ids, counted),
        false => anthropic::whole(request, turn, ids, counted),
    };
    let mut events = match is_openai {
        true => openai::events(request, turn, ids, counted),
        false => anthropic::events(request, turn, ids, counted),
    };
    let half = events.len().div_ceil(2);
    let mut end = End::Proper;
    match &turn.fault {
        Some(Fault::Status { status, retry_after }) => {
            let mut answer = error_answer(interface, *status, "The scripted fault.");
            if let Some(after) = retry_after.as_deref().and_then(|after| HeaderValue::from_str(after).ok()) {
                answer.headers_mut().insert(header::RETRY_AFTER, after);
            }
            return answer;
        }
        Some(Fault::Raw { status, content_type, body }) => {
            return with(*status, content_type, Body::from(body.clone()));
        }
        Some(Fault::NoStream) => return json_answer(200, &whole()),
        None if request.get("stream") != Some(&Value::Bool(true)) => return json_answer(200, &whole()),
        Some(Fault::Broken) => {
            events.truncate(half);
            end = End::Broken;
        }
        Some(Fault::Truncated) => events.truncate(half),
        Some(Fault::Hang) => {
            events.truncate(1);
            end = End::Never;
        }
        Some(Fault::Endless) => {
            events.truncate(half);
            end = End::Again;
        }
        Some(Fault::Garbage) => events.insert(1, "data: {\"choices\": [{]\u{1b}[31m\n\n".to_owned()),
        Some(Fault::Error { error }) => {
            events.truncate(1);
            events.push(if is_openai { openai::error_event(error) } else { anthropic::error_event(error) });
        }
        None => {}
    }
    let pieces: VecDeque<Bytes> = match piece_bytes {
        None => events.into_iter().map(Bytes::from).collect(),
        Some(size) => events.concat().as_bytes().chunks(size.max(1)).map(Bytes::copy_from_slice).collect(),
    };
    with(200, "text/event-stream; charset=utf-8", Body::from_stream(said(pieces, end, turn.pause_ms)))
}

/// How a stream ends.
#[derive(Clone, Copy)]
enum End {
    Proper,
    Broken,
    Never,
    /// The last piece comes again and again, many at once.
    Again,
}

fn said(pieces: VecDeque<Bytes>, end: End, pause_ms: u64) -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    let last = Bytes::from(pieces.back().cloned().unwrap_or_default().repeat(AGAIN));
    stream::unfold((pieces, last, false), move |(mut pieces, last, is_over)| async move {
        if is_over {
            return None;
        }
        if pause_ms > 0 {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
        match (pieces.pop_front(), end) {
            (Some(piece), _) => {
                // Each goes out by itself.
                tokio::task::yield_now().await;
                Some((Ok(piece), (pieces, last, false)))
            }
            (None, End::Proper) => None,
            (None, End::Broken) => Some((Err(io::Error::other("the script breaks it")), (pieces, last, true))),
            (None, End::Never) => std::future::pending().await,
            (None, End::Again) => Some((Ok(last.clone()), (pieces, last, false))),
        }
    })
}

fn error_answer(interface: Interface, status: u16, message: &str) -> Response<Body> {
    json_answer(
        status,
        &match interface {
            Interface::OpenAi => openai::error(status, message),
            Interface::Anthropic => anthropic::error(status, message),
        },
    )
}

fn json_answer(status: u16, body: &Value) -> Response<Body> {
    with(status, "application/json", Body::from(json!(body).to_string()))
}

fn with(status: u16, content_type: &str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    answer
}
