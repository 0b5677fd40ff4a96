//! HTTPS, and HTTP/2.

use crate::support::*;
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use std::convert::Infallible;
use std::sync::Arc;
use tollgate_outbound::{CertificateDer, Failure, Place};

/// A server with a certificate for `a.test`, and that certificate. It answers with its version, its path and the
/// `authorization` of the request.
async fn secure(protocols: &[&str]) -> (Server, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let server = serve_on("127.0.0.1", move |stream, seen| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let seen = seen.clone();
                async move {
                    let authorization = request.headers().get("authorization").map(|v| v.to_str().unwrap().to_owned());
                    let hosts = request.headers().get_all("host").iter().count();
                    let text = format!("{:?} {} {:?}", request.version(), request.uri(), authorization);
                    seen.requests.lock().unwrap().push(format!("{text} {hosts}"));
                    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                    Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(text))))
                }
            });
            let stream = TokioIo::new(stream);
            if is_two {
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(stream, service)
                    .await;
            } else {
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
            }
        }
    })
    .await;
    (server, certificate)
}

#[tokio::test]
async fn requests_at_once_share_one_connection_of_http_2() {
    let (server, root) = secure(&["h2", "http/1.1"]).await;
    let outbound = outbound_with(all_here(), vec![root]);
    let bindings = vec![bound("hunter2-hunter2", &[format!("https://a.test:{}", server.port)], Place::Bearer)];
    let client = client_with(&outbound, &["https://a.test:*/*!private"], bindings, short());
    let url = format!("https://a.test:{}/x?y", server.port);
    let first = text(client.send(get(&url)).await.unwrap()).await.unwrap();
    assert_eq!(first, format!("HTTP/2.0 {url} Some(\"Bearer [secret api]\")"));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, url) = (client.clone(), url.clone());
        tasks.spawn(async move { text(client.send(get(url)).await.unwrap()).await.unwrap() });
    }
    for answer in tasks.join_all().await {
        assert_eq!(answer, first);
    }
    assert_eq!((server.seen.connections(), server.seen.requests().len()), (1, 21));
    assert!(server.seen.requests()[0].ends_with("Some(\"Bearer hunter2-hunter2\") 0"), "no Host beside :authority");
}

#[tokio::test]
async fn http_1_is_spoken_where_the_server_has_no_other() {
    for protocols in [&["http/1.1"][..], &[]] {
        let (server, root) = secure(protocols).await;
        let outbound = outbound_with(all_here(), vec![root]);
        let client = client_with(&outbound, &["https://a.test:*/*!private"], Vec::new(), short());
        for _ in 0..2 {
            let answer = client.send(get(format!("https://a.test:{}/x", server.port))).await.unwrap();
            assert_eq!(text(answer).await.unwrap(), "HTTP/1.1 /x None");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(server.seen.connections(), 1);
    }
}

#[tokio::test]
async fn a_certificate_that_is_unknown_or_of_another_name_is_refused() {
    let (server, root) = secure(&["h2"]).await;
    let (_other, other_root) = secure(&["h2"]).await;
    let asked = async |root, name: &str| {
        let outbound = outbound_with(all_here(), vec![root]);
        let client = client_with(&outbound, &["https://*:*/*!private"], Vec::new(), short());
        client.send(get(format!("https://{name}:{}/", server.port))).await.err()
    };
    for failure in
        [asked(other_root, "a.test").await, asked(root.clone(), "b.test").await, asked(root, "127.0.0.1").await]
    {
        assert!(matches!(failure, Some(Failure::Certificate { .. })), "{failure:?}");
    }
    assert_eq!(server.seen.requests().len(), 0);
}

#[tokio::test]
async fn what_does_not_speak_tls_is_an_error_of_tls() {
    let server = answers_and_closes(OK).await;
    let outbound = outbound_with(all_here(), vec![secure(&[]).await.1]);
    let client = client_with(&outbound, &["https://*:*/*!private"], Vec::new(), short());
    // The server waits for the end of a head; TLS's hello has none, so the time ends it.
    let plain = serve_on("127.0.0.1", |mut stream, _| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, OK.as_bytes()).await;
    })
    .await;
    let failure = client.send(get(format!("https://a.test:{}/", plain.port))).await.err().unwrap();
    assert!(matches!(failure, Failure::Tls { .. }), "{failure}");
    drop(server);
}
