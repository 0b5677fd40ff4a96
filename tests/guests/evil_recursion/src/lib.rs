//! Calls itself without end. Input: `"calls"` (fills the engine's stack), `"frames"` (fills the stack that Rust
//! keeps in linear memory).

use std::hint::black_box;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let depth = match kit::parse(&input).as_str() {
        Some("calls") => calls_only(0),
        Some("frames") => with_frames(0),
        _ => panic!("the input is `calls` or `frames`"),
    };
    Ok(depth.to_string())
}

#[inline(never)]
fn calls_only(depth: u64) -> u64 {
    if black_box(false) { depth } else { calls_only(black_box(depth + 1)) + 1 }
}

#[inline(never)]
fn with_frames(depth: u64) -> u64 {
    let frame = black_box([depth; 4096]);
    if black_box(false) { depth } else { with_frames(depth + 1) + black_box(&frame)[0] }
}
