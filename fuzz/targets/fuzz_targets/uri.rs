//! Fuzzes [`tollgate_fuzz::uri`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::uri(data));
