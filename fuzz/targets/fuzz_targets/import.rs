//! Fuzzes [`tollgate_fuzz::import`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::import(data));
