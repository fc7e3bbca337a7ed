#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirakuru_core::fuzz::pattern(data));
