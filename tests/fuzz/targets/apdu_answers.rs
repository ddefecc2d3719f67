//! See `oathd_tests::fuzz::apdu_answers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oathd_tests::fuzz::apdu_answers(bytes));
