//! Fuzzes [`tollgate_fuzz::script`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate_fuzz::script(data));
