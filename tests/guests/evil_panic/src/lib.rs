//! Panics, in a function whose name a test looks for.

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    give_up(&input)
}

#[inline(never)]
fn give_up(input: &str) -> ! {
    panic!("this guest gives up over {input}")
}
