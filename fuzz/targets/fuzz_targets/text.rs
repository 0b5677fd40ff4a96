//! Fuzzes [`tollgate_fuzz::text`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::text(data));
