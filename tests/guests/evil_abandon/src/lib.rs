//! Starts a slow call and drops it before it ends, then returns. Input: `{"server", "tool"}`.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let text = |key: &str| input[key].as_str().expect("server and tool are texts").to_owned();
    {
        let mut call = pin!(kit::tools::call_tool(text("server"), text("tool"), "{}".into()));
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending(), "the tool is slow to answer");
            Poll::Ready(())
        })
        .await;
    }
    Ok("null".into())
}
