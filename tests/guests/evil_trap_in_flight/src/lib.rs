//! Traps while three calls are in flight. Input: `{"server", "tool"}`, a tool that is slow to answer.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let text = |key: &str| input[key].as_str().expect("server and tool are texts").to_owned();
    let call = |_| kit::tools::call_tool(text("server"), text("tool"), "{}".into());
    let mut calls = pin!(kit::join_all((0..3).map(call)));
    std::future::poll_fn(|context| {
        assert!(calls.as_mut().poll(context).is_pending(), "the tool is slow to answer");
        Poll::Ready(())
    })
    .await;
    panic!("three calls are in flight")
}
