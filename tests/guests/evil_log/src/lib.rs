//! Says too much. Input: `{"to": "log" | "progress" | "stdout" | "stderr", "bytes", "times"}`. Output: `null`.

use kit::log::Level;
use std::io::Write;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let number = |key: &str| input[key].as_u64().expect("`bytes` and `times` are numbers");
    let text = "x".repeat(number("bytes") as usize);
    for done in 0..number("times") {
        match input["to"].as_str() {
            Some("log") => kit::log::log(Level::Info, &text),
            Some("progress") => kit::progress::progress(done as f64, None, Some(&text)),
            Some("stdout") => std::io::stdout().write_all(text.as_bytes()).expect("stdout takes everything"),
            Some("stderr") => std::io::stderr().write_all(text.as_bytes()).expect("stderr takes everything"),
            _ => panic!("no such place"),
        }
    }
    std::io::stdout().flush().expect("stdout takes everything");
    Ok("null".into())
}
