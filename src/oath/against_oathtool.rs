//! Codes equal those of `oathtool`, an implementation that shares no code with this one, over
//! random keys. It must be installed; what is not compared is not proven.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use data_encoding::HEXLOWER;
use oathd_oath::{Algorithm, Digits, Period, Secret, code};
use proptest::prelude::*;

/// Runs `oathtool` and returns what it prints.
fn oathtool(arguments: &[String]) -> String {
    let output = Command::new("oathtool").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 2..=200)
}

fn digits() -> impl Strategy<Value = Digits> {
    prop::sample::select(vec![Digits::Six, Digits::Seven, Digits::Eight])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn totp(
        key in keys(),
        algorithm in prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits in digits(),
        seconds in 1u32..100_000,
        at in 0u64..20_000_000_000,
    ) {
        let theirs = oathtool(&[
            format!("--totp={algorithm}"),
            format!("--digits={}", u8::from(digits)),
            format!("--time-step-size={seconds}s"),
            format!("--now=@{at}"),
            HEXLOWER.encode(&key),
        ]);
        let period = Period::from_seconds(seconds).unwrap();
        let ours = code::totp(&Secret::new(key).unwrap(), algorithm, digits, period, at);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn hotp(key in keys(), digits in digits(), counter: u32) {
        let theirs = oathtool(&[
            "--hotp".to_owned(),
            format!("--digits={}", u8::from(digits)),
            format!("--counter={counter}"),
            HEXLOWER.encode(&key),
        ]);
        let ours = code::hotp(&Secret::new(key).unwrap(), Algorithm::Sha1, digits, counter.into());
        prop_assert_eq!(ours, theirs);
    }

    /// A secret means the same bytes to both, however it is written.
    #[test]
    fn base32(key in keys(), at in 0u64..4_000_000_000) {
        let secret = Secret::new(key).unwrap();
        let text = secret.to_base32().to_lowercase();
        let theirs = oathtool(&[
            "--totp".to_owned(),
            "--base32".to_owned(),
            format!("--now=@{at}"),
            text.clone(),
        ]);
        let read = Secret::from_base32(&text).unwrap();
        let ours = code::totp(&read, Algorithm::Sha1, Digits::Six, Period::DEFAULT, at);
        prop_assert_eq!(ours, theirs);
    }
}
