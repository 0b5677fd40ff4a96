//! Fuzzes [`tollgate_fuzz::inspect`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::inspect(data));
