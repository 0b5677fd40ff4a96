//! Sleeps on the host's timer, all at once. Input: a list of milliseconds. Output: how many milliseconds of the
//! guest's own clock had passed when each sleep ended.

use std::time::Instant;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let naps = kit::parse(&input);
    let naps = naps.as_array().expect("the input is a list").iter();
    let start = Instant::now();
    let sleep = async |ms: u64| {
        kit::timer::sleep(ms).await;
        start.elapsed().as_millis() as u64
    };
    let woken = kit::join_all(naps.map(|ms| sleep(ms.as_u64().expect("milliseconds")))).await;
    Ok(kit::json!(woken).to_string())
}
