//! What libFuzzer calls for the target of this name: `cargo xtask verify fuzz wheel`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperia_fuzz::wheel(data));
