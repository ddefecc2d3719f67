//! What was typed at the code prompt, told by its shape and its checksum.

use std::fmt;

use zeroize::Zeroizing;

use crate::crockford;
use crate::recovery_code::RecoveryCode;
use crate::rescue::BypassCode;

/// The longest response that is looked at, in bytes.
pub(crate) const MAX_LEN: usize = 128;

/// Decimal digits that were typed: 6 to 8, padded. Comparing takes one time whatever differs.
#[derive(PartialEq, Eq)]
pub struct TypedDigits(Zeroizing<[u8; 8]>);

impl TypedDigits {
    /// Reads 6 to 8 ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (6..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| {
            let mut digits = Zeroizing::new([0; 8]);
            digits[..text.len()].copy_from_slice(text.as_bytes());
            Self(digits)
        })
    }

    /// How many digits there are.
    #[must_use]
    pub fn count(&self) -> u8 {
        // At most eight.
        self.0.iter().filter(|b| **b != 0).count() as u8
    }

    /// The padded digits.
    pub(crate) fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for TypedDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedDigits(..)")
    }
}

/// A typed response.
#[derive(Debug)]
pub enum Response {
    /// A code of an authenticator or a channel, or an imported recovery code.
    Digits(TypedDigits),
    /// Two consecutive codes with a gap between them: a resync.
    Pair(TypedDigits, TypedDigits),
    /// A recovery code with a good check symbol.
    Recovery(RecoveryCode),
    /// A bypass code with a good check symbol.
    Bypass(BypassCode),
    /// A recovery or bypass code with a wrong check symbol: told without a charge.
    Typo,
    /// `?`: which ways are open.
    Help,
    /// Nothing that could be a response.
    Malformed,
}

impl Response {
    /// Classifies what was typed. Spaces and dashes within one code are forgiven.
    #[must_use]
    pub fn classify(text: &str) -> Self {
        let text = text.trim();
        if text.len() > MAX_LEN {
            return Self::Malformed;
        }
        if text == "?" {
            return Self::Help;
        }
        if text
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b' ' || b == b'-')
            && let Some(digits) = digits(text)
        {
            return digits;
        }
        match crockford::values(text, RecoveryCode::SYMBOLS) {
            Some(values) if values.len() == RecoveryCode::SYMBOLS => {
                RecoveryCode::from_values(&values).map_or(Self::Typo, Self::Recovery)
            }
            Some(values) if values.len() == BypassCode::SYMBOLS => {
                BypassCode::from_values(&values).map_or(Self::Typo, Self::Bypass)
            }
            _ => Self::Malformed,
        }
    }
}

/// TypedDigits as people group them: `123456`, `123 456`, or two codes `123456 654321`.
fn digits(text: &str) -> Option<Response> {
    let joined: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(char::is_ascii_digit).collect());
    if let Some(one) = TypedDigits::parse(&joined) {
        return Some(Response::Digits(one));
    }
    let (first, second) = text.split_once(' ')?;
    let (first, second) = (
        TypedDigits::parse(first)?,
        TypedDigits::parse(second.trim())?,
    );
    (first.count() == second.count()).then_some(Response::Pair(first, second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn anything_is_classified(text in "\\PC{0,200}") {
            let _ = Response::classify(&text);
        }

        #[test]
        fn codes_are_read_however_grouped(code in "[0-9]{6,8}", cut in 1usize..5, gap in "[ -]") {
            let grouped = format!(" {}{gap}{} ", &code[..cut], &code[cut..]);
            for text in [&code, &grouped] {
                match Response::classify(text) {
                    Response::Digits(digits) => {
                        prop_assert_eq!(usize::from(digits.count()), code.len());
                        prop_assert_eq!(&digits.bytes()[..code.len()], code.as_bytes());
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }

        #[test]
        fn two_codes_are_a_pair(a in "[0-9]{6,8}", b in "[0-9]{6,8}") {
            let pair = matches!(Response::classify(&format!("{a} {b}")), Response::Pair(..));
            prop_assert_eq!(pair, a.len() == b.len());
        }

        #[test]
        fn a_recovery_code_with_one_wrong_symbol_is_a_typo(entropy: [u8; 10], index in 0u8..32, at in 0usize..18, flip in 1u8..32) {
            let code = RecoveryCode::new(index, &entropy);
            let text = code.reveal().replace('-', "");
            let is_code = matches!(Response::classify(&text), Response::Recovery(_));
            prop_assert!(is_code);
            let mut wrong: Vec<char> = text.chars().collect();
            wrong[at] = crockford::symbol(crockford::value(wrong[at]).unwrap() ^ flip);
            let wrong: String = wrong.into_iter().collect();
            prop_assert!(matches!(Response::classify(&wrong), Response::Typo), "{wrong}");
        }
    }

    #[test]
    fn the_rest_is_help_or_malformed() {
        assert!(matches!(Response::classify(" ? "), Response::Help));
        for text in [
            "",
            "12345",
            "123456789",
            "hello",
            "１２３４５６",
            "123456 12345678",
        ] {
            assert!(
                matches!(Response::classify(text), Response::Malformed),
                "{text}"
            );
        }
        assert!(matches!(
            Response::classify(&"1".repeat(10_000)),
            Response::Malformed
        ));
    }
}
