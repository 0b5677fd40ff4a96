//! What a request through the host costs beside one of reqwest's, against a server of this process on loopback:
//! `cargo run --release -p tollgate-outbound --example outbound_cost`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a measurement, no part of the product

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_core::{BoxFuture, Grants, Secret, Tenant};
use tollgate_outbound::{Binding, Client, HttpBudget, HttpLimits, Outbound, Owner, Place, Provider, Settings};

const COUNT: usize = 5_000;

struct Fixed;

impl Provider for Fixed {
    fn value<'a>(&'a self, _refused: Option<&'a Secret>) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(std::future::ready(Ok(Secret::from("a-secret-of-usual-length-0123456789"))))
    }
}

async fn serve(bytes: usize) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{}", "x".repeat(bytes));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let (mut buffer, mut have) = ([0; 4096], 0);
                while let Ok(n @ 1..) = stream.read(&mut buffer[have..]).await {
                    have += n;
                    if buffer[..have].ends_with(b"\r\n\r\n") {
                        have = 0;
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    port
}

/// The median of so many requests, one after the other.
async fn median<F: Future<Output = usize>>(ask: impl Fn() -> F) -> Duration {
    let mut times = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let started = Instant::now();
        std::hint::black_box(ask().await);
        times.push(started.elapsed());
    }
    times.sort();
    times[COUNT / 2]
}

async fn ask(client: &Client, url: &str) -> usize {
    let request = http::Request::get(url).body(Full::<Bytes>::default()).unwrap();
    client.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes().len()
}

#[tokio::main]
async fn main() {
    for bytes in [200, 100_000] {
        let url = format!("http://127.0.0.1:{}/v1/users?page=1", serve(bytes).await);
        let outbound = Outbound::new(Settings::default());
        let grants: Arc<Grants> = Arc::new(Grants::parse(["http=http://127.0.0.1:*/v1/*"]).unwrap());
        let host = url.split("/v1").next().unwrap().parse().unwrap();
        let binding = Binding::new("api", Arc::new(Fixed), vec![host], Place::Bearer).unwrap();
        let client = |bindings: Vec<Binding>| {
            let owner = Owner { component: "cost".into(), tenant: Tenant::default() };
            let limits = HttpLimits { requests: u64::MAX, received_bytes: u64::MAX, ..HttpLimits::default() };
            outbound.client(owner, grants.clone(), bindings, HttpBudget::new(limits))
        };
        let (plain, secret) = (client(Vec::new()), client(vec![binding]));
        let direct = reqwest::Client::builder().no_proxy().build().unwrap();
        let of_reqwest = median(async || {
            direct.get(&url).bearer_auth("a-secret").send().await.unwrap().bytes().await.unwrap().len()
        });
        let of_reqwest = of_reqwest.await;
        let of_host = median(async || ask(&plain, &url).await).await;
        let with_secret = median(async || ask(&secret, &url).await).await;
        println!("{bytes} bytes: reqwest {of_reqwest:?}, through the host {of_host:?}, with a secret {with_secret:?}");
    }
}
