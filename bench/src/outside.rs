//! What an adapter's request over HTTP costs beside one by reqwest: alone with a secret, and a hundred at once, against nginx
//! where that is installed.

use crate::{line, line_over, median};
use futures::stream::{self, StreamExt as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate::outbound::{Binding, Place, Stored};
use tollgate::secrets::{MemoryStore, SecretStore as _};
use tollgate::{AdapterSpec, ComponentSource, Grants, Host, Secret, Secrets, ToolName};
use tollgate_test_guests as guests;

const ROUNDS: usize = 2_000;
const WARM: usize = 200;
const AT_ONCE: usize = 100;
const REQUESTS: usize = 10_000;

/// Killed when it is dropped.
struct Nginx {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// nginx on loopback, which answers everything with a small document. `None` where there is none.
fn nginx() -> Option<Nginx> {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;\n\
         events {{ worker_connections 2048; }}\n\
         http {{ access_log off; keepalive_requests 1000000; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;\n\
         uwsgi_temp_path u; scgi_temp_path s;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ root {}; }} }} }}\n",
        folder.path().display()
    );
    std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
    std::fs::write(folder.path().join("hello.json"), r#"{"hello":"world"}"#).unwrap();
    let child = Command::new("nginx")
        .arg("-p")
        .arg(folder.path())
        .args(["-c", "nginx.conf", "-e", "error.log"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let nginx = Nginx { child, url: format!("http://127.0.0.1:{port}"), _folder: folder };
    let end = Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nginx does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(nginx)
}

/// A host with an adapter that may reach `url`, and has a secret for it.
async fn host(url: &str) -> Host {
    let store = Arc::new(MemoryStore::default());
    store.set("key", Secret::from("an-api-key-0123456789")).await.unwrap();
    let secret = Arc::new(Stored::new(store, "key"));
    let binding = Binding::new("key", secret, vec![url.parse().unwrap()], Place::Bearer).unwrap();
    let spec = AdapterSpec {
        grants: Grants::parse([format!("http={url}/*")]).unwrap(),
        secrets: Secrets::new([binding]),
        ..AdapterSpec::new(ComponentSource::File(Path::new(guests::ADAPTER_OUTSIDE).to_owned()))
    };
    let host = Host::builder().adapter("a", spec).build().await.unwrap();
    host.settled().await;
    host
}

async fn through(host: &Host, args: &str) {
    let name = ToolName { server: "a".to_owned(), tool: "fetch".to_owned() };
    let answer = host.call(&name, args).await.unwrap();
    assert!(answer.json.contains("world"), "{}", answer.json);
}

async fn direct(client: &reqwest::Client, url: &str) {
    let answer = client.get(url).bearer_auth("an-api-key-0123456789").send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("world"));
}

/// One request at a time, and a hundred.
pub(crate) async fn requests() {
    let Some(nginx) = nginx() else {
        println!("nginx is not on PATH, so requests of adapters are not measured");
        return;
    };
    let host = host(&nginx.url).await;
    let url = format!("{}/hello.json", nginx.url);
    let args = serde_json::json!({"url": url}).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..crate::times(WARM) + crate::times(ROUNDS) {
        let start = Instant::now();
        direct(&client, &url).await;
        let between = Instant::now();
        through(&host, &args).await;
        if round >= crate::times(WARM) {
            theirs.push(between - start);
            ours.push(between.elapsed());
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    line("request with a secret: reqwest", theirs, None, "");
    line_over("request with a secret: through an adapter", ours, theirs, "≤ 150 µs");

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..crate::times(5) {
        let start = Instant::now();
        stream::iter(0..crate::times(REQUESTS)).for_each_concurrent(AT_ONCE, |_| direct(&client, &url)).await;
        let between = Instant::now();
        stream::iter(0..crate::times(REQUESTS)).for_each_concurrent(AT_ONCE, |_| through(&host, &args)).await;
        theirs.push(between - start);
        ours.push(between.elapsed());
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let requests = crate::times(REQUESTS) as u32;
    let rate = |time: Duration| f64::from(requests) / time.as_secs_f64();
    line("100 at once, each: reqwest", theirs / requests, None, "");
    line("100 at once, each: adapters", ours / requests, Some(theirs / requests), "");
    println!("  that is {:.0} requests a second by reqwest, {:.0} by adapters", rate(theirs), rate(ours));
    host.shutdown().await;
}
