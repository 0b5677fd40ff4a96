//! Fuzzes [`tollgate_fuzz::script`].
#![no_main]
libfuzzer_sys::fuzz_target!(init: tollgate_fuzz::pass_over_caught_panics(), |data: &[u8]| tollgate_fuzz::script(data));
