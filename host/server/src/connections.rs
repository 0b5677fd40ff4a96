//! Connections of the HTTP front end: how many there are, how long one may say nothing, and how they end.

use crate::in_place::InPlace;
use axum::Router;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
#[cfg(target_os = "linux")]
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, getrlimit};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often a client of HTTP/2 is asked whether it is still there.
const PING: Duration = Duration::from_secs(60);
/// What connections leave of the files that the process may have open.
const OTHER_FILES: u64 = 256;
/// How long nothing is accepted when the process has no room for more files.
const BREATH: Duration = Duration::from_secs(1);

/// The longest head of a request, and what is read at once, in bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// The same over HTTP/2.
const MAX_HEADERS_BYTES: u32 = 64 << 10;

/// What connections may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many there are at once; more wait.
    pub(crate) max: usize,
    /// How long a client may take for the head of a request, for reading what it is sent, and between requests.
    pub(crate) idle: Duration,
    /// How long it may take nothing of what it is sent, if that is longer: streams send something more often.
    pub(crate) stall: Duration,
}

/// Accepts connections until `stop` is cancelled, and waits for those that are left; dropped before that, it cuts them.
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(limits.max.min(room_for_files()).min(Semaphore::MAX_PERMITS)));
    let tracker = TaskTracker::new();
    let cut = CancellationToken::new();
    let _cut = cut.clone().drop_guard();
    let accepting = async {
        while let Ok(place) = room.clone().acquire_owned().await {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // It went before it was accepted.
                Err(error) if is_of_the_client(error.kind()) => continue,
                Err(error) => {
                    tracing::error!(target: crate::LOG, %error, "no connection can be accepted for now");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let connection = InPlace::new(serve_one(stream, router.clone(), limits, stop.clone()));
            let cut = cut.clone();
            tracker.spawn(async move {
                let _ = cut.run_until_cancelled_owned(connection).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

/// How many connections the process may have open beside all else, each of which is a file.
fn room_for_files() -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else { return usize::MAX };
    let room = usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX);
    tracing::debug!(target: crate::LOG, files, room, "connections that the limit of open files leaves room for");
    room
}

fn is_of_the_client(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn serve_one(stream: TcpStream, router: Router, limits: Limits, stop: CancellationToken) {
    // Small answers must not wait for more to come (Nagle's algorithm).
    let _ = stream.set_nodelay(true);
    // A client that does not read has its connection ended by the system (RFC 5482): hyper would wait.
    #[cfg(target_os = "linux")]
    let _ = set_tcp_user_timeout(&stream, u32::try_from(limits.idle.as_millis()).unwrap_or(u32::MAX));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(MAX_HEAD_BYTES);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING).max_header_list_size(MAX_HEADERS_BYTES);
    let requests = Arc::new(Requests::default());
    let service = {
        let (router, requests) = (TowerToHyperService::new(router), requests.clone());
        service_fn(move |request| {
            requests.begun.fetch_add(1, Ordering::Relaxed);
            let working = Counted::begin(requests.clone(), |requests| &requests.working);
            let response = router.call(request);
            async move { Ok::<_, Infallible>(response.await?.map(|body| Watched::new(body, working))) }
        })
    };
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut look = tokio::time::interval_at(Instant::now() + limits.idle, limits.idle);
    let (mut seen, mut changed, mut is_stopping) = (State::default(), Instant::now(), false);
    loop {
        tokio::select! {
            served = connection.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(target: crate::LOG, %error, "a connection ended");
                }
                return;
            }
            _ = look.tick() => {
                let state = requests.state();
                if state.begun == 0 {
                    // Not even the version of HTTP may be known, and hyper waits for that without end.
                    return;
                }
                if state != seen {
                    (seen, changed) = (state, Instant::now());
                } else if state.working > 0 {
                    // A request may take as long as it wants.
                } else if state.sending == 0 && !is_stopping {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                } else if state.sending > 0 && changed.elapsed() >= limits.idle.max(limits.stall) {
                    // Over HTTP/2 a client may be there, and take nothing.
                    return;
                }
            }
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The requests of a connection.
#[derive(Default)]
struct Requests {
    begun: AtomicUsize,
    /// Those without an answer.
    working: AtomicUsize,
    /// Those whose answers are being sent.
    sending: AtomicUsize,
    /// How often more of an answer was asked for.
    polled: AtomicUsize,
}

/// How far they were.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct State {
    begun: usize,
    working: usize,
    sending: usize,
    polled: usize,
}

impl Requests {
    fn state(&self) -> State {
        let [begun, working, sending, polled] =
            [&self.begun, &self.working, &self.sending, &self.polled].map(|count| count.load(Ordering::Relaxed));
        State { begun, working, sending, polled }
    }
}

/// Counts for one, until it is dropped.
struct Counted {
    requests: Arc<Requests>,
    which: fn(&Requests) -> &AtomicUsize,
}

impl Counted {
    fn begin(requests: Arc<Requests>, which: fn(&Requests) -> &AtomicUsize) -> Self {
        which(&requests).fetch_add(1, Ordering::Relaxed);
        Self { requests, which }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.which)(&self.requests).fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer.
struct Watched {
    body: Body,
    sending: Counted,
}

impl Watched {
    /// Of a request that was worked on until now.
    fn new(body: Body, working: Counted) -> Self {
        Self { body, sending: Counted::begin(working.requests.clone(), |requests| &requests.sending) }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.sending.requests.polled.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// As long as a test waits for what has to come.
    const SOON: Duration = Duration::from_secs(60);

    /// A front end of one page, and a page that takes until it is told.
    struct Serving {
        address: std::net::SocketAddr,
        stop: CancellationToken,
        go_on: CancellationToken,
        serving: tokio::task::JoinHandle<()>,
    }

    async fn serving(max: usize, idle: Duration) -> Serving {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop, go_on) =
            (listener.local_addr().unwrap(), CancellationToken::new(), CancellationToken::new());
        let wait = go_on.clone();
        let slow = get(move || {
            let wait = wait.clone();
            async move {
                wait.cancelled().await;
                "slow"
            }
        });
        let router = Router::new().route("/", get(|| async { "here" })).route("/slow", slow);
        let serving = tokio::spawn(serve(listener, router, Limits { max, idle, stall: idle }, stop.clone()));
        Serving { address, stop, go_on, serving }
    }

    impl Serving {
        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }
    }

    async fn ask(stream: &mut TcpStream, path: &str) {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    }

    /// Reads until `end` has come, or the other side has closed: what came.
    async fn read(stream: &mut TcpStream, end: &str) -> String {
        let (mut all, mut some) = (String::new(), [0; 1024]);
        let reading = async {
            while !all.ends_with(end) || end.is_empty() {
                match stream.read(&mut some).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => all.push_str(&String::from_utf8_lossy(some.get(..count).unwrap_or_default())),
                }
            }
        };
        tokio::time::timeout(SOON, reading).await.expect("it comes or ends");
        all
    }

    #[tokio::test]
    async fn who_says_nothing_or_half_a_head_is_cut_and_who_asks_is_not() {
        let served = serving(10, Duration::from_millis(300)).await;
        for start in ["", "P", "PRI * HTTP/2.0", "GET / HTTP/1.1\r\nHost:"] {
            let mut stream = served.connect().await;
            stream.write_all(start.as_bytes()).await.unwrap();
            read(&mut stream, "").await;
        }
        let mut stream = served.connect().await;
        ask(&mut stream, "/").await;
        assert!(read(&mut stream, "here").await.ends_with("here"));
        read(&mut stream, "").await;
        // A request may take as long as it wants.
        let mut stream = served.connect().await;
        ask(&mut stream, "/slow").await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        served.go_on.cancel();
        assert!(read(&mut stream, "slow").await.ends_with("slow"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_asks_and_does_not_read_is_cut() {
        let served = serving(10, Duration::from_millis(300)).await;
        let mut stream = served.connect().await;
        let asking = async {
            let many = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
            while stream.write_all(many.as_bytes()).await.is_ok() {}
        };
        tokio::time::timeout(SOON, asking).await.expect("it is cut");
    }

    /// A client of HTTP/2 that is there, and takes nothing.
    #[tokio::test]
    async fn who_opens_no_window_is_cut() {
        let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
            let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
            [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
        };
        // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2) is 0.
        let settings = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
        // GET http://localhost/ (RFC 7541, appendix A), whole.
        let headers = frame(1, 5, 1, b"\x82\x86\x84\x41\x09localhost");
        let served = serving(10, Duration::from_millis(300)).await;
        let mut stream = served.connect().await;
        stream.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*settings, &*headers].concat()).await.unwrap();
        read(&mut stream, "").await;
    }

    #[tokio::test]
    async fn connections_over_the_limit_wait_for_one_that_ends() {
        let served = serving(2, SOON).await;
        let (mut one, _two) = (served.connect().await, served.connect().await);
        let mut three = served.connect().await;
        ask(&mut one, "/").await;
        read(&mut one, "here").await;
        ask(&mut three, "/").await;
        let waits = tokio::time::timeout(Duration::from_millis(300), read(&mut three, "here")).await;
        assert!(waits.is_err(), "{waits:?}");
        drop(one);
        assert!(read(&mut three, "here").await.ends_with("here"));
    }

    #[tokio::test]
    async fn at_the_stop_what_is_asked_is_answered_and_the_rest_is_closed() {
        let served = serving(10, SOON).await;
        let (mut idle, mut busy) = (served.connect().await, served.connect().await);
        ask(&mut idle, "/").await;
        read(&mut idle, "here").await;
        ask(&mut busy, "/slow").await;
        // It has come when another has been answered.
        let mut other = served.connect().await;
        ask(&mut other, "/").await;
        read(&mut other, "here").await;
        served.stop.cancel();
        assert_eq!(read(&mut idle, "").await, "");
        assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
        served.go_on.cancel();
        assert!(read(&mut busy, "slow").await.ends_with("slow"));
        tokio::time::timeout(SOON, served.serving).await.expect("it ends").unwrap();
    }

    #[tokio::test]
    async fn who_gives_up_serving_cuts_what_is_left() {
        let served = serving(10, SOON).await;
        let mut busy = served.connect().await;
        ask(&mut busy, "/slow").await;
        served.serving.abort();
        assert_eq!(read(&mut busy, "").await, "");
    }
}
