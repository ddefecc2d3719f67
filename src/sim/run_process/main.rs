//! `oathd-sim run` as a process: each module shows one property.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod harness;
mod nothing_is_left_and_nothing_is_shared;
mod the_command_is_told_and_heard;
mod the_contract_is_what_runs;
mod the_test_turns_clock_and_tokens;
