//! See `oathd_tests::fuzz::responses`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oathd_tests::fuzz::responses(bytes));
