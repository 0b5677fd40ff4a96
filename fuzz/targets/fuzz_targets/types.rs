//! Fuzzes [`tollgate_fuzz::types`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::types(data));
