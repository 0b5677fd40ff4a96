//! A loop that never ends and calls the host all the time. The input says what: `"tool"`, `"log"`, `"sleep"`.

use kit::log::Level;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let what = kit::parse(&input);
    loop {
        match what.as_str() {
            Some("tool") => {
                let answer = kit::tools::call_tool("echo".into(), "echo".into(), "{}".into()).await;
                std::hint::black_box(answer).ok();
            }
            Some("log") => kit::log::log(Level::Info, "again"),
            Some("sleep") => kit::timer::sleep(0).await,
            _ => panic!("the input is `tool`, `log` or `sleep`"),
        }
    }
}
