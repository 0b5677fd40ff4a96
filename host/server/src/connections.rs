//! Connections of the HTTP front end: how many there are, how long one may say nothing, and how they end.

use axum::Router;
use futures::task::AtomicWaker;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
#[cfg(target_os = "linux")]
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, getrlimit};
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
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
            let connection = InPlace::new(serve_one(stream, router.clone(), limits.idle, stop.clone()));
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

async fn serve_one(stream: TcpStream, router: Router, idle: Duration, stop: CancellationToken) {
    // Small answers must not wait for more to come (Nagle's algorithm).
    let _ = stream.set_nodelay(true);
    // A client that does not read has its connection ended by the system (RFC 5482): hyper would wait.
    #[cfg(target_os = "linux")]
    let _ = set_tcp_user_timeout(&stream, u32::try_from(idle.as_millis()).unwrap_or(u32::MAX));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(MAX_HEAD_BYTES);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING).max_header_list_size(MAX_HEADERS_BYTES);
    let requests = Arc::new(Requests::default());
    let service = {
        let (router, requests) = (TowerToHyperService::new(router), requests.clone());
        service_fn(move |request| {
            let request_of = Arc::clone(&requests).begin();
            let response = router.call(request);
            async move {
                let _of = request_of;
                response.await
            }
        })
    };
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut look = tokio::time::interval_at(Instant::now() + idle, idle);
    let (mut seen, mut is_stopping) = (0, false);
    loop {
        tokio::select! {
            served = connection.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(target: crate::LOG, %error, "a connection ended");
                }
                return;
            }
            _ = look.tick(), if !is_stopping => {
                let (begun, at_work) = requests.count();
                if begun == 0 {
                    // Not even the version of HTTP may be known, and hyper waits for that without end.
                    return;
                }
                if begun == seen && at_work == 0 {
                    // Answers that are being sent, streams among them, are sent to their end.
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                seen = begun;
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
    ended: AtomicUsize,
}

impl Requests {
    fn begin(self: Arc<Self>) -> impl Drop {
        struct Begun(Arc<Requests>);
        impl Drop for Begun {
            fn drop(&mut self) {
                self.0.ended.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        Begun(self)
    }

    /// How many there were, and how many of them are worked on.
    fn count(&self) -> (usize, usize) {
        let ended = self.ended.load(Ordering::Relaxed);
        let begun = self.begun.load(Ordering::Relaxed);
        (begun, begun.saturating_sub(ended))
    }
}

/// Polls a future again where it stands when it wakes itself, as hyper's connections do twice a request: tokio would put
/// the task behind all others, and wake another worker for that.
struct InPlace<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
    waker: Waker,
}

/// How often it is polled in a row before others get their turn.
const MAX_POLLS: usize = 16;

#[derive(Default)]
struct Wakes {
    task: AtomicWaker,
    state: AtomicU8,
}

impl Wakes {
    const RESTS: u8 = 0;
    const IS_POLLED: u8 = 1;
    const IS_WOKEN: u8 = 2;

    /// Ends a poll. False when it was woken meanwhile.
    fn rests(&self) -> bool {
        self.state.compare_exchange(Self::IS_POLLED, Self::RESTS, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // While it is polled, whoever polls it sees to it.
        if self.state.swap(Self::IS_WOKEN, Ordering::AcqRel) == Self::RESTS {
            self.task.wake();
        }
    }
}

impl<F: Future> InPlace<F> {
    fn new(future: F) -> Self {
        let wakes = Arc::new(Wakes::default());
        Self { future: Box::pin(future), waker: Waker::from(wakes.clone()), wakes }
    }
}

impl<F: Future> Future for InPlace<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.wakes.task.register(context.waker());
        for _ in 0..MAX_POLLS {
            this.wakes.state.swap(Wakes::IS_POLLED, Ordering::AcqRel);
            let polled = this.future.as_mut().poll(&mut Context::from_waker(&this.waker));
            if polled.is_ready() || this.wakes.rests() {
                return polled;
            }
        }
        // It stays woken until it is polled again.
        context.waker().wake_by_ref();
        Poll::Pending
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
        let serving = tokio::spawn(serve(listener, router, Limits { max, idle }, stop.clone()));
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

    /// How often it was woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A future that wakes itself so often, and says how often it was polled.
    fn wakes_itself(times: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        std::future::poll_fn(move |context| {
            polls += 1;
            if polls > times {
                return Poll::Ready(polls);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn what_wakes_itself_is_polled_again_in_place_and_not_for_ever() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        let mut few = InPlace::new(wakes_itself(3));
        assert_eq!(Pin::new(&mut few).poll(&mut context), Poll::Ready(4));
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        let mut many = InPlace::new(wakes_itself(MAX_POLLS + 1));
        assert_eq!(Pin::new(&mut many).poll(&mut context), Poll::Pending);
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "others get their turn, and then it is polled again");
        assert_eq!(Pin::new(&mut many).poll(&mut context), Poll::Ready(MAX_POLLS + 2));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_from_elsewhere_is_lost() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(1);
        let sending = tokio::spawn(async move {
            for number in 0..100_000 {
                sender.send(number).await.unwrap();
            }
        });
        let receiving = tokio::spawn(InPlace::new(async move {
            let mut sum = 0_u64;
            while let Some(number) = receiver.recv().await {
                sum += u64::from(number);
            }
            sum
        }));
        let both = async { (sending.await.unwrap(), receiving.await.unwrap()).1 };
        let sum = tokio::time::timeout(Duration::from_secs(60), both).await.expect("it ends");
        assert_eq!(sum, (0..100_000_u64).sum::<u64>());
    }
}
