//! What oathd answered, as far as a login needs to know.

use oathd_api::ErrorName;

use crate::secret::Secret;

/// What is asked of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// The second factor.
    Asked,
    /// Nothing: it has none and needs none.
    NotAsked,
    /// Nothing until then (Unix seconds).
    NotAskedUntil(u64),
    /// To enrol a factor first.
    EnrolFirst,
}

/// The answer to `Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) requirement: Requirement,
    pub(crate) must_reenrol: bool,
    pub(crate) ways: Vec<Way>,
    pub(crate) support_contact: Option<String>,
}

/// A way that is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) kind: String,
    pub(crate) id: Option<u32>,
    pub(crate) label: Option<String>,
    /// Seconds to wait before it can be tried.
    pub(crate) wait: u64,
    pub(crate) left: Option<u32>,
}

/// What an accepted response grants.
#[derive(Debug, Default)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) must_reenrol: bool,
    pub(crate) recovery_codes_left: Option<u32>,
    pub(crate) replacement: Option<Secret>,
}

/// A code that was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) address: String,
}

/// Why there is no receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// oathd refused.
    Refused(ErrorName, Details),
    /// oathd could not be asked.
    Unreached(Unreached),
    /// An error that nobody knows, by its name.
    Unknown(String),
    /// Whoever was to touch the token interrupted the program.
    Interrupted,
    /// A touch was not asked for: the person is not at this host.
    Elsewhere,
}

/// What an error of oathd is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    /// Seconds to wait.
    pub(crate) retry_after: Option<u64>,
    /// One word.
    pub(crate) detail: Option<String>,
}

/// Why oathd could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreached {
    /// The bus is not there.
    NoBus,
    /// oathd is not on the bus and cannot be started.
    NoService,
    /// No answer came in time.
    NoReply,
    /// The bus does not let this program ask.
    Forbidden,
    /// oathd takes no such name of a user, a service or a host.
    Unfit,
    /// oathd does too much for this user already.
    Busy,
    /// The answer makes no sense.
    Unintelligible,
}

impl Details {
    /// Reads the JSON object that follows the sentence of an error. Only flat numbers and words are
    /// looked for, so that what cannot be read is absent and nothing worse.
    pub(crate) fn read(message: &str) -> Self {
        let json = message.find('{').map_or("", |start| &message[start..]);
        let value = |key: &str| {
            let at = json.find(&format!("\"{key}\":"))?;
            Some(json[at + key.len() + 3..].trim_start())
        };
        let number = |text: &str| {
            let end = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            text[..end].parse().ok()
        };
        let word = |text: &str| {
            let (word, _) = text.strip_prefix('"')?.split_once('"')?;
            Some(word.to_owned())
        };
        Self {
            retry_after: value("retry_after").and_then(number),
            detail: value("detail").and_then(word),
        }
    }
}

impl Failure {
    /// The failure that an error on the bus stands for.
    pub(crate) fn of(name: &str, message: &str) -> Self {
        if name.starts_with(oathd_api::names::ERROR_PREFIX)
            && let Some(error) = ErrorName::parse(name)
        {
            return Self::Refused(error, Details::read(message));
        }
        Self::Unreached(match name {
            "org.freedesktop.DBus.Error.NoReply"
            | "org.freedesktop.DBus.Error.Timeout"
            | "org.freedesktop.DBus.Error.TimedOut" => Unreached::NoReply,
            "org.freedesktop.DBus.Error.Disconnected" | "org.freedesktop.DBus.Error.NoServer" => {
                Unreached::NoBus
            }
            "org.freedesktop.DBus.Error.AccessDenied" => Unreached::Forbidden,
            "org.freedesktop.DBus.Error.InvalidArgs" => Unreached::Unfit,
            "org.freedesktop.DBus.Error.LimitsExceeded" => Unreached::Busy,
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner" => Unreached::NoService,
            _ if name.starts_with("org.freedesktop.DBus.Error.Spawn")
                || name.starts_with("org.freedesktop.systemd1.") =>
            {
                Unreached::NoService
            }
            _ => return Self::Unknown(name.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn details_are_found_behind_the_sentence() {
        let read = Details::read(r#"Too many attempts. {"retry_after":125,"detail":"typo"}"#);
        assert_eq!(read.retry_after, Some(125));
        assert_eq!(read.detail.as_deref(), Some("typo"));
        assert_eq!(Details::read("No details."), Details::default());
    }

    proptest! {
        #[test]
        fn any_message_is_read(message in "\\PC{0,80}", n: u64) {
            let _ = Details::read(&message);
            let read = Details::read(&format!("Wait. {{\"detail\":\"x\",\"retry_after\":{n}}}"));
            prop_assert_eq!(read.retry_after, Some(n));
        }

        #[test]
        fn an_unknown_name_never_counts_as_an_answer(name in "[a-zA-Z.]{0,60}") {
            prop_assume!(!name.starts_with("org.oathd.Oathd1.Error."));
            let failure = Failure::of(&name, "");
            prop_assert!(matches!(failure, Failure::Unreached(_) | Failure::Unknown(_)));
        }
    }
}
