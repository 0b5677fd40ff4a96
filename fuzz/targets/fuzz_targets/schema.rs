//! Fuzzes [`tollgate_fuzz::schema`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::schema(data));
