//! Requests to the HTTP front end.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tollgate::{Access, Host, Rules};
use tollgate_server::http::{HttpOptions, listen};
use tollgate_server::{Front, Options};

/// Bytes on a connection to the HTTP front end: MCP and the API. When the client has said all and hung up its side, the
/// connection must end.
pub fn http(data: &[u8]) {
    static ADDRESS: OnceLock<Option<SocketAddr>> = OnceLock::new();
    let address = *ADDRESS.get_or_init(start);
    assert!(address.is_some(), "the front end does not start");
    let Some(address) = address else { return };
    let talk = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(8)))?;
        // It may hang up before it has heard all.
        drop(stream.write_all(data));
        drop(stream.shutdown(Shutdown::Write));
        std::io::copy(&mut (&mut stream).take(1 << 20), &mut std::io::sink())
    };
    if let Err(error) = talk() {
        let is_open = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!is_open, "the connection stays open");
    }
}

/// One front end for all inputs, on a thread of its own.
fn start() -> Option<SocketAddr> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(async {
            let host = Host::builder().build().await.ok()?;
            let front = Front::new(Access::new(host, &Rules::default()), Options::default());
            let options = HttpOptions {
                max_sessions: 64,
                session_timeout: Duration::from_secs(1),
                ..HttpOptions::new((Ipv4Addr::LOCALHOST, 0).into())
            };
            let listening = listen(front, options).await.ok()?;
            tell.send(listening.address).ok()?;
            listening.serve(CancellationToken::new()).await;
            Some(())
        })
    });
    told.recv().ok()
}
