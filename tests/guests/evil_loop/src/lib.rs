//! A loop that never ends and calls nothing.

kit::policy!(run);

async fn run(_: String) -> kit::Output {
    loop {
        std::hint::black_box(());
    }
}
