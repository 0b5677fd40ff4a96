//! Fuzzes [`tollgate_fuzz::openapi`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::openapi(data));
