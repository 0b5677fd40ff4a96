//! For benchmarks of metering: three tight loops. Input: `{"loop": "integers" | "memory" | "calls", "count"}`.
//! Output: a number that depends on every step, so that none is optimised away.

use std::hint::black_box;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let count = input["count"].as_u64().expect("`count` is a number");
    let sum = match input["loop"].as_str() {
        Some("integers") => integers(count),
        Some("memory") => memory(count),
        Some("calls") => calls(count),
        _ => panic!("`loop` is `integers`, `memory` or `calls`"),
    };
    Ok(sum.to_string())
}

/// A multiplication and two shifts a step, in registers.
fn integers(count: u64) -> u64 {
    let mut x = black_box(88_172_645_463_325_252_u64);
    for _ in 0..count {
        x ^= x << 13;
        x ^= x >> 7;
        x = x.wrapping_mul(0x2545_F491_4F6C_DD1D);
    }
    x >> 12
}

/// A load and a store a step, over 4 MiB.
fn memory(count: u64) -> u64 {
    let mut cells = black_box(vec![1_u64; 1 << 19]);
    let mask = cells.len() - 1;
    let mut at = 0;
    for _ in 0..count {
        let next = (at + 4097) & mask;
        cells[next] = cells[next].wrapping_add(cells[at]);
        at = next;
    }
    cells[at] >> 12
}

/// A call and a return a step.
fn calls(count: u64) -> u64 {
    (0..count).fold(0, callee) >> 12
}

#[inline(never)]
fn callee(sum: u64, step: u64) -> u64 {
    sum.rotate_left(1) ^ black_box(step)
}
