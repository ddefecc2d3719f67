//! What somebody typed at the code prompt, as far as the module must tell it apart. Whether it is a
//! code, and of what, oathd tells.

use crate::secret::Secret;

/// Symbols of the shortest code that has letters: fewer are nobody's code.
const WITH_LETTERS: usize = 16;

/// A typed answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// Nothing: the token is to be touched.
    Nothing,
    /// `?`: which ways are open.
    Help,
    /// `send`, or `send 2`: a code is to be sent to the first or the given channel.
    Send(Option<u32>),
    /// Something that oathd judges.
    Code(Secret),
    /// No code whatever oathd knows. It may be the password, so it goes nowhere.
    NoCode,
}

impl Response {
    pub(crate) fn read(typed: &Secret) -> Self {
        let text = typed.reveal().trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        if text == "?" {
            return Self::Help;
        }
        match text.get(..4) {
            Some(word) if word.eq_ignore_ascii_case("send") => match text[4..].trim() {
                "" => Self::Send(None),
                id => id.parse().map_or(Self::NoCode, |id| Self::Send(Some(id))),
            },
            _ if may_be_code(text) => Self::Code(Secret::new(text)),
            _ => Self::NoCode,
        }
    }
}

/// Whether a code may look like this: digits, or letters and digits; in groups or not.
fn may_be_code(text: &str) -> bool {
    let symbols = text.chars().filter(char::is_ascii_alphanumeric).count();
    let mut others = text.chars().filter(|c| !c.is_ascii_alphanumeric());
    let has_letters = text.contains(|c: char| c.is_ascii_alphabetic());
    others.all(|c| c == '-' || c.is_whitespace()) && (!has_letters || symbols >= WITH_LETTERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Response {
        Response::read(&Secret::new(text))
    }

    #[test]
    fn words_are_told_from_codes() {
        assert_eq!(read("  "), Response::Nothing);
        assert_eq!(read(" ? "), Response::Help);
        assert_eq!(read("send"), Response::Send(None));
        assert_eq!(read("Send 2"), Response::Send(Some(2)));
        assert_eq!(read("send x"), Response::NoCode);
        assert_eq!(read(" 123456 "), Response::Code(Secret::new("123456")));
    }

    proptest! {
        #[test]
        fn digits_and_printed_codes_always_reach_oathd(
            code in "[0-9]{6,8}( [0-9]{6,8})?|[0-9A-Za-z]{4}([-\\s]?[0-9A-Za-z]{4}){3}[- ]?[0-9A-Z]{1,2}",
        ) {
            // `send` with a number behind it is no code.
            prop_assume!(!matches!(read(&code), Response::Send(_)));
            prop_assert_eq!(read(&code), Response::Code(Secret::new(&code)));
        }

        #[test]
        fn a_password_stays_here(password in "[a-z][0-9A-Za-z]{0,14}|\\PC{0,40}[!-,./:-@]\\PC{0,40}") {
            prop_assume!(!matches!(read(&password), Response::Help | Response::Send(_)));
            prop_assert_eq!(read(&password), Response::NoCode);
        }

        #[test]
        fn anything_is_read(text in "\\PC{0,60}") {
            let _ = read(&text);
        }
    }
}
