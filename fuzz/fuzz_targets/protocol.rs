#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirakuru_core::fuzz::protocol(data));
