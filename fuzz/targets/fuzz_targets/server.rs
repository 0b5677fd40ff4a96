//! Fuzzes [`tollgate_fuzz::server`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::server(data));
