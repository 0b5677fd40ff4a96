//! Takes memory until there is none. Input: `"small"` (ever more little pieces), `"large"` (2 GiB in one step).

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let pages = match kit::parse(&input).as_str() {
        Some("small") => 1,
        Some("large") => 32_768,
        _ => panic!("the input is `small` or `large`"),
    };
    loop {
        // The instruction itself and not the allocator: a refused growth does not end the guest here.
        std::hint::black_box(core::arch::wasm32::memory_grow::<0>(pages));
    }
}
