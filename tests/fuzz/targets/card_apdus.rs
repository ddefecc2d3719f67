//! See `oathd_tests::fuzz::card_apdus`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oathd_tests::fuzz::card_apdus(bytes));
