//! Fuzzes [`tollgate_fuzz::client`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::client(data));
