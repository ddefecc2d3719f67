//! Codes: HOTP (RFC 4226), TOTP (RFC 6238) and Steam's alphabet.

use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Digits};
use crate::kind::Period;
use crate::secret::Secret;

/// The code of the time step that holds `at` (Unix seconds).
#[must_use]
pub fn totp(
    secret: &Secret,
    algorithm: Algorithm,
    digits: Digits,
    period: Period,
    at: u64,
) -> String {
    hotp(secret, algorithm, digits, period.step(at))
}

/// The code of `counter`.
#[must_use]
pub fn hotp(secret: &Secret, algorithm: Algorithm, digits: Digits, counter: u64) -> String {
    generator(secret, algorithm, digits)
        .generate(counter)
        .to_string()
}

/// The whole HMAC of the challenge `counter`, big-endian: what a token answers when it is asked
/// not to truncate.
#[must_use]
pub fn mac(secret: &Secret, algorithm: Algorithm, counter: u64) -> Zeroizing<Vec<u8>> {
    let generator = generator(secret, algorithm, Digits::Six);
    let signature = generator.sign(counter);
    Zeroizing::new(signature.as_ref().to_vec())
}

/// A step of one second makes the generator's time the counter itself. RFC 4226 asks for secrets
/// of 128 bits; issuers hand out shorter ones, so the compliance check is left out.
fn generator(secret: &Secret, algorithm: Algorithm, digits: Digits) -> Totp {
    Builder::new()
        .with_algorithm(match algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        })
        .with_digits(digits.into())
        .with_secret(secret.expose().to_vec())
        .with_step_duration(1)
        .build_noncompliant()
}

/// Dynamic truncation to 31 bits (RFC 4226 section 5.3). `None` when the HMAC is too short for
/// its own offset.
#[must_use]
pub fn truncate(hmac: &[u8]) -> Option<u32> {
    let offset = usize::from(hmac.last()? & 0x0f);
    let four = hmac.get(offset..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four) & 0x7fff_ffff)
}

/// The decimal code of a truncated HMAC, with leading zeros. The top bit is ignored.
#[must_use]
pub fn decimal(value: u32, digits: Digits) -> String {
    let (width, modulus) = match digits {
        Digits::Six => (6, 1_000_000),
        Digits::Seven => (7, 10_000_000),
        Digits::Eight => (8, 100_000_000),
    };
    format!("{:0width$}", (value & 0x7fff_ffff) % modulus)
}

/// Steam's code of a truncated HMAC: five characters, the lowest first. The top bit is ignored.
#[must_use]
pub fn steam(value: u32) -> String {
    const ALPHABET: &[u8; 26] = b"23456789BCDFGHJKMNPQRTVWXY";
    let mut rest = (value & 0x7fff_ffff) as usize;
    let mut code = String::with_capacity(5);
    for _ in 0..5 {
        code.push(char::from(ALPHABET[rest % 26]));
        rest /= 26;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm::{Sha1, Sha256, Sha512};
    use proptest::prelude::*;

    fn secret(len: usize) -> Secret {
        Secret::new(b"1234567890".iter().copied().cycle().take(len).collect()).unwrap()
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(hotp(&secret(20), Sha1, Digits::Six, counter), code);
        }
        let truncated = [0x4c93_cf18, 0x4139_7eea, 0x082f_ef30];
        for (counter, value) in (0..).zip(truncated) {
            assert_eq!(truncate(&mac(&secret(20), Sha1, counter)), Some(value));
        }
    }

    /// The secrets for the longer hashes are those of erratum 2866.
    #[test]
    fn rfc_6238_appendix_b() {
        for (at, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ] {
            for (algorithm, len, code) in
                [(Sha1, 20, sha1), (Sha256, 32, sha256), (Sha512, 64, sha512)]
            {
                let ours = totp(&secret(len), algorithm, Digits::Eight, Period::DEFAULT, at);
                assert_eq!(ours, code, "{algorithm} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_host_and_a_token_that_truncates_agree(
            key in prop::collection::vec(any::<u8>(), 2..=256),
            counter: u64,
            algorithm in prop::sample::select(vec![Sha1, Sha256, Sha512]),
            digits in prop::sample::select(vec![Digits::Six, Digits::Seven, Digits::Eight]),
        ) {
            let secret = Secret::new(key).unwrap();
            let full = mac(&secret, algorithm, counter);
            prop_assert_eq!(full.len(), algorithm.output_len());
            let value = truncate(&full).unwrap();
            prop_assert!(value < 1 << 31);
            prop_assert_eq!(decimal(value, digits), hotp(&secret, algorithm, digits, counter));
        }

        #[test]
        fn any_answer_is_truncated_or_refused(answer in prop::collection::vec(any::<u8>(), 0..70)) {
            prop_assert_eq!(truncate(&answer).is_none(), answer.last().is_none_or(|last| {
                usize::from(last & 15) + 4 > answer.len()
            }));
        }

        /// Steam's code is the number in base 26, and its digits are the alphabet.
        #[test]
        fn steam_reads_back(value in 0u32..26u32.pow(5)) {
            let read = steam(value).bytes().rev().fold(0, |number, letter| {
                let digit = b"23456789BCDFGHJKMNPQRTVWXY".iter().position(|l| *l == letter);
                number * 26 + digit.unwrap()
            });
            prop_assert_eq!(read, value as usize);
        }
    }
}
