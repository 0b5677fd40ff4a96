//! The scripted model as a program: `tollgate-scripted-model SCRIPT.json`.
//!
//! It prints its address and ends when its standard input closes or on SIGTERM.

use std::io::Read;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tollgate_scripted_model::{Script, Scripted};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.as_slice() {
        [script] => serve(script).await,
        _ => Err("Usage: tollgate-scripted-model SCRIPT.json".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let script: Script = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let scripted = Scripted::start(script).await?;
    println!("{}", scripted.url());
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
    Ok(())
}
