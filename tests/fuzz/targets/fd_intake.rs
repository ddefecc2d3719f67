//! See `oathd_tests::fuzz::fd_intake`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oathd_tests::fuzz::fd_intake(bytes));
