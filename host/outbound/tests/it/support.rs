//! A server that says what it is told to, and a client of it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_core::{BoxFuture, Grants, Secret, Tenant};
use tollgate_outbound::{
    Binding, CertificateDer, Client, Failure, HttpBudget, HttpLimits, Outbound, Owner, Place, Provider, Resolve,
    ResponseBody, Settings,
};

/// What came to a server.
#[derive(Clone, Default)]
pub struct Seen {
    pub connections: Arc<AtomicUsize>,
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Seen {
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

pub struct Server {
    pub port: u16,
    pub seen: Seen,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server whose connections are handled by `handle`, on any address of loopback.
pub async fn serve_on<F, H>(address: &str, handle: H) -> Server
where
    H: Fn(TcpStream, Seen) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let task = tokio::spawn({
        let seen = seen.clone();
        async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                seen.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(handle(stream, seen.clone()));
            }
        }
    });
    Server { port, seen, task }
}

/// The head of the next request, which is noted.
pub async fn head(stream: &mut TcpStream, seen: &Seen) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    seen.requests.lock().unwrap().push(head.clone());
    Some(head)
}

/// Answers every request with these bytes.
pub async fn answers(answer: impl Into<Vec<u8>>) -> Server {
    let answer = Arc::new(answer.into());
    serve_on("127.0.0.1", move |mut stream, seen| {
        let answer = answer.clone();
        async move {
            while head(&mut stream, &seen).await.is_some() {
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// Answers once on each connection, and closes it.
pub async fn answers_and_closes(answer: impl Into<Vec<u8>>) -> Server {
    let answer = Arc::new(answer.into());
    serve_on("127.0.0.1", move |mut stream, seen| {
        let answer = answer.clone();
        async move {
            if head(&mut stream, &seen).await.is_some() {
                let _ = stream.write_all(&answer).await;
            }
        }
    })
    .await
}

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

type Lookup = Box<dyn Fn(&str, usize) -> Vec<&'static str> + Send + Sync>;

/// Answers by a function of the name and of how often it was asked before.
pub struct Names {
    pub asked: AtomicUsize,
    lookup: Lookup,
}

impl Names {
    pub fn new(lookup: impl Fn(&str, usize) -> Vec<&'static str> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { asked: AtomicUsize::new(0), lookup: Box::new(lookup) })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        let found = (self.lookup)(name, before);
        Box::pin(async move {
            match found.first() {
                Some(&"nxdomain") => Err(std::io::Error::other("no such name")),
                _ => Ok(found.into_iter().map(|text| text.parse().unwrap()).collect()),
            }
        })
    }
}

/// Every name is this machine.
pub fn all_here() -> Arc<Names> {
    Names::new(|_, _| vec!["127.0.0.1"])
}

pub fn outbound_with(resolver: Arc<dyn Resolve>, roots: Vec<CertificateDer<'static>>) -> Outbound {
    Outbound::new(Settings { resolver, extra_roots: roots, ..Settings::default() })
}

pub fn outbound() -> Outbound {
    outbound_with(all_here(), Vec::new())
}

pub fn owner(component: &str) -> Owner {
    Owner { component: component.into(), tenant: Tenant::default() }
}

pub fn short() -> HttpLimits {
    HttpLimits {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(5),
        between_bytes: Duration::from_secs(5),
        total: Duration::from_secs(20),
        ..HttpLimits::default()
    }
}

pub fn grants(texts: &[&str]) -> Arc<Grants> {
    Arc::new(Grants::parse(texts.iter().map(|text| format!("http={text}"))).unwrap())
}

/// A client that reaches every port of this machine by http, by any name.
pub fn client(outbound: &Outbound) -> Client {
    client_with(outbound, &["http://*:*/*!private"], Vec::new(), short())
}

pub fn client_with(outbound: &Outbound, granted: &[&str], bindings: Vec<Binding>, limits: HttpLimits) -> Client {
    outbound.client(owner("one"), grants(granted), bindings, HttpBudget::new(limits))
}

pub fn get(url: impl AsRef<str>) -> http::Request<Full<Bytes>> {
    http::Request::get(url.as_ref()).body(Full::default()).unwrap()
}

pub async fn text(response: http::Response<ResponseBody>) -> Result<String, Failure> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A value that is always there.
pub struct Fixed(pub &'static str);

impl Provider for Fixed {
    fn value<'a>(&'a self, _refused: Option<&'a Secret>) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(std::future::ready(Ok(Secret::from(self.0))))
    }
}

pub fn bound(value: &'static str, hosts: &[String], place: Place) -> Binding {
    let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    Binding::new("api", Arc::new(Fixed(value)), hosts, place).unwrap()
}
