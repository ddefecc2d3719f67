//! What is to be sent, and to whom.

use std::fmt;

use zeroize::Zeroizing;

/// The largest subject, in bytes.
const SUBJECT_MAX: usize = 200;

/// A kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A telephone number.
    Sms,
    /// A mailbox.
    Email,
    /// Whatever the administrator's program understands.
    Command,
    /// A line in a file, for tests.
    File,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Sms, Kind::Email, Kind::Command, Kind::File];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::Sms => "sms",
            Kind::Email => "email",
            Kind::Command => "command",
            Kind::File => "file",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One message. Neither text nor address is shown by `Debug`.
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) address: String,
    pub(crate) subject: Option<String>,
    pub(crate) text: Zeroizing<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Message({}, ..)", self.kind.as_str())
    }
}

/// Why a text or a subject cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("the text is not UTF-8")]
    NotUtf8,
    #[error("the text holds control characters")]
    Control,
    #[error("the subject is longer than {SUBJECT_MAX} bytes or holds control characters")]
    Subject,
}

/// The text of a message from what came in its memory file.
pub(crate) fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Unfit> {
    let text = match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            return Err(Unfit::NotUtf8);
        }
    };
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
    {
        return Err(Unfit::Control);
    }
    Ok(text)
}

/// Says whether a subject fits into a header of a mail.
pub(crate) fn check_subject(subject: &str) -> Result<(), Unfit> {
    match subject.len() <= SUBJECT_MAX && !subject.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(Unfit::Subject),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_taken_whole_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let fits = std::str::from_utf8(&bytes)
                .map(|s| !s.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            match text(Zeroizing::new(bytes.clone())) {
                Ok(text) => prop_assert!(fits == Ok(true) && text.as_bytes() == bytes),
                Err(Unfit::NotUtf8) => prop_assert!(fits.is_err()),
                Err(_) => prop_assert_eq!(fits, Ok(false)),
            }
        }

        #[test]
        fn no_subject_starts_another_header(head in "[ -~]{0,20}", tail in "[ -~]{0,20}") {
            let fits = |subject: String| check_subject(&subject).is_ok();
            prop_assert!(fits([&*head, &*tail].concat()));
            for end in ["\r", "\n", "\r\n", "\0", "\u{85}"] {
                prop_assert!(!fits([&*head, end, &*tail].concat()));
            }
        }
    }

    #[test]
    fn debug_shows_neither_text_nor_address() {
        let message = Message {
            kind: Kind::Sms,
            address: "+4915112345678".into(),
            subject: Some("subject".into()),
            text: Zeroizing::new("12345678".into()),
        };
        assert_eq!(format!("{message:?}"), "Message(sms, ..)");
    }
}
