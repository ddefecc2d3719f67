//! See `oathd_tests::fuzz::migrate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oathd_tests::fuzz::migrate(bytes));
