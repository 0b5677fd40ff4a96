//! Asks an API, and then looks for values in all of its own memory.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use tollgate_sdk::http::Request;
use tollgate_sdk::prelude::*;

/// What values are written with when they come and while they are looked for: else the search would find itself.
const MASK: u8 = 0x5a;
const PAGE_BYTES: usize = 64 << 10;

#[derive(Serialize, JsonSchema)]
struct Searched {
    /// What the API answered.
    answers: Vec<Seen>,
    /// Which of the wanted values are in memory.
    found: BTreeSet<usize>,
    /// How much memory was looked at.
    bytes: usize,
}

#[derive(Serialize, JsonSchema)]
struct Seen {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

struct Memory;

#[adapter]
impl Memory {
    /// Sends the requests, puts `own` into memory, and looks for `wanted`: masked bytes in hexadecimal, all of them.
    #[tool]
    async fn search(urls: Vec<String>, own: Vec<String>, wanted: Vec<String>) -> Result<Searched> {
        let mut answers = Vec::new();
        for url in urls {
            let mut answer = Request::get(url).send().await?;
            let headers = answer.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            answers.push(Seen { status: answer.status(), headers, body: answer.text().await? });
        }
        let wanted: Vec<Vec<u8>> = wanted.iter().map(|hex| bytes(hex)).collect();
        let unmask = |hex: &String| bytes(hex).iter().map(|byte| byte ^ MASK).collect();
        let own: Vec<Vec<u8>> = black_box(own.iter().map(unmask).collect());
        let bytes = core::arch::wasm32::memory_size::<0>() * PAGE_BYTES;
        let found = found(&wanted, bytes);
        drop(black_box(own));
        Ok(Searched { answers, found, bytes })
    }
}

/// Which of the masked values stand in memory without their mask.
fn found(wanted: &[Vec<u8>], end: usize) -> BTreeSet<usize> {
    let mut by_first = vec![Vec::new(); 256];
    for (index, value) in wanted.iter().enumerate() {
        by_first[usize::from(value[0])].push(index);
    }
    let mut found = BTreeSet::new();
    // No value begins at address 0: a pointer to it would be null.
    for at in 1..end {
        for &index in &by_first[usize::from(byte(at) ^ MASK)] {
            let value = &wanted[index];
            if at + value.len() <= end && value.iter().zip(at..).all(|(want, at)| byte(at) ^ MASK == *want) {
                found.insert(index);
            }
        }
    }
    found
}

/// What stands at an address now.
fn byte(at: usize) -> u8 {
    // SAFETY: `at` is below the end of the memory, all of which can be read; volatile, because it may belong to anything.
    unsafe { core::ptr::with_exposed_provenance::<u8>(at).read_volatile() }
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes = hex.as_bytes().chunks(2).map(|pair| byte(pair).expect("a test gives its guests hexadecimal"));
    bytes.collect()
}
