//! oathd-sim: a software token in a reader, or oathd with tokens for somebody's CI.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

pub mod vpcd;
