//! A policy whose description never comes.

kit::policy!(run, describe);

fn describe() -> kit::Descriptor {
    loop {
        std::hint::black_box(());
    }
}

async fn run(input: String) -> kit::Output {
    Ok(input)
}
