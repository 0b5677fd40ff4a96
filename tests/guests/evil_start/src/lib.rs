//! Never gets as far as its exports: a static constructor, which runs from the start function of a core module,
//! loops for ever.

kit::policy!(run);

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = never_ends;

extern "C" fn never_ends() {
    loop {
        std::hint::black_box(());
    }
}

async fn run(input: String) -> kit::Output {
    Ok(input)
}
