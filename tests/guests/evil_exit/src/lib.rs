//! Ends its process instead of returning. Input: the status.

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    std::process::exit(kit::parse(&input).as_i64().expect("the input is a status") as i32)
}
