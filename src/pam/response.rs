//! What somebody typed at the code prompt, as far as the module must tell it apart. Whether it is a
//! code, and of what, oathd tells.

use crate::secret::Secret;

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
                id => id
                    .parse()
                    .map_or_else(|_| Self::Code(Secret::new(text)), |id| Self::Send(Some(id))),
            },
            _ => Self::Code(Secret::new(text)),
        }
    }
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
        assert_eq!(read("send x"), Response::Code(Secret::new("send x")));
        assert_eq!(read(" 123456 "), Response::Code(Secret::new("123456")));
    }

    proptest! {
        #[test]
        fn digits_and_recovery_codes_always_reach_oathd(code in "[0-9]{6,8}|[0-9A-Z]{4}(-[0-9A-Z]{4}){3}-[0-9A-Z]{2}") {
            prop_assert_eq!(read(&code), Response::Code(Secret::new(&code)));
        }

        #[test]
        fn anything_is_read(text in "\\PC{0,60}") {
            let _ = read(&text);
        }
    }
}
