//! Fuzzes [`adapter_openapi::fuzz`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| adapter_openapi::fuzz(data));
