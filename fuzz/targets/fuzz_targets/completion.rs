//! Fuzzes [`tollgate_fuzz::completion`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::completion(data));
