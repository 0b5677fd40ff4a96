//! Fuzzes [`tollgate_fuzz::types`].
#![no_main]
libfuzzer_sys::fuzz_target!(init: tollgate_fuzz::pass_over_caught_panics(), |data: &[u8]| tollgate_fuzz::types(data));
