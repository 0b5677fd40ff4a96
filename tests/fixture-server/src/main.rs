//! The fixture as a program: `tollgate-fixture-server --stdio | --http PORT`.
//!
//! With `--http` it prints its endpoint, with the port that it got where PORT is 0, and ends when its standard input
//! closes or on SIGTERM.

use std::io::Read;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tollgate_fixture_server::{Fixture, Running};

const USAGE: &str = "Usage: tollgate-fixture-server --stdio | --http PORT";

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["--stdio"] => stdio().await,
        ["--http", port] => match port.parse() {
            Ok(port) => http(port).await,
            Err(_) => Err(format!("`{port}` is no port\n{USAGE}").into()),
        },
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn stdio() -> Result {
    let server = rmcp::serve_server(Fixture::default(), rmcp::transport::stdio()).await?;
    server.waiting().await?;
    Ok(())
}

async fn http(port: u16) -> Result {
    let running = Running::start(Fixture::default(), port).await?;
    println!("{}", running.url());
    let mut terminated = signal(SignalKind::terminate())?;
    let (closed, input_closed) = tokio::sync::oneshot::channel();
    // A thread of its own: a read of standard input cannot be called off, and the runtime would wait for it.
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut [0; 1024]), Ok(1..)) {}
        closed.send(())
    });
    tokio::select! {
        _ = input_closed => {}
        _ = terminated.recv() => {}
    }
    // What is still open is of no use to anybody now.
    drop(running);
    Ok(())
}
