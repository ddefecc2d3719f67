//! How a command fails: what is said, what is written in JSON, with which status it ends.

use oathd_client::{Error, ErrorDetails, ErrorName, ExitCode};
use serde_json::{Map, Value, json};

use crate::when;

/// Everything that is told about a failure.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit status.
    pub(crate) code: ExitCode,
    /// A stable name for programs.
    pub(crate) name: &'static str,
    /// What happened, in a sentence.
    pub(crate) message: String,
    /// What the message is about, a line each, for people.
    pub(crate) lines: Vec<String>,
    /// What the reader can do, in a sentence.
    pub(crate) remedy: String,
    /// The particulars, for programs.
    pub(crate) details: Map<String, Value>,
}

impl Failure {
    /// A failure that `oathctl` itself finds.
    pub(crate) fn new(
        code: ExitCode,
        name: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Failure {
        Failure {
            code,
            name,
            message: message.into(),
            lines: Vec::new(),
            remedy: remedy.into(),
            details: Map::new(),
        }
    }

    /// The command line does not make sense.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(
            ExitCode::Usage,
            "Usage",
            message,
            "`oathctl help` shows how it is used.",
        )
    }

    /// The data given is wrong.
    pub(crate) fn input(name: &'static str, message: impl Into<String>, remedy: &str) -> Failure {
        Failure::new(ExitCode::BadInput, name, message, remedy)
    }

    /// A code was to be typed, or to come on standard input, and none did.
    pub(crate) fn no_code() -> Failure {
        Failure::new(
            ExitCode::MoreNeeded,
            "CodeRequired",
            "No code was given.",
            "Type one, or give it on standard input.",
        )
    }

    /// Whether this is a cause that oathd gave.
    pub(crate) fn is(&self, cause: ErrorName) -> bool {
        self.name == cause.as_str()
    }

    /// Adds a particular.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Failure {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Names the token that it is about, where none is named yet.
    pub(crate) fn about(mut self, token: &str) -> Failure {
        if !self.details.contains_key("tokens") {
            self.message += &format!(" ({token})");
            self.details.insert("tokens".to_owned(), json!([token]));
        }
        self
    }

    /// The same cause of oathd's, with a message that tells more.
    pub(crate) fn explained(cause: ErrorName, message: &str) -> Failure {
        Failure {
            message: sentence(message),
            ..Failure::from(cause)
        }
    }

    /// What happened and what to do about it, for people.
    pub(crate) fn text(&self) -> String {
        let lines: String = self
            .lines
            .iter()
            .map(|line| format!("  {line}\n"))
            .collect();
        format!("oathctl: {}\n{lines}{}\n", self.message, self.remedy)
    }

    /// The object for programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "error": {
            "name": self.name,
            "message": self.message,
            "remedy": self.remedy,
            "details": self.details,
        }})
    }
}

impl From<ErrorName> for Failure {
    fn from(name: ErrorName) -> Failure {
        Error::from(name).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut message = error.to_string();
        let mut details = Map::new();
        if let Error::Oathd { details: about, .. } = &error {
            details = particulars(about);
            let tokens = about.tokens.clone().unwrap_or_default();
            let concerned: Vec<_> = tokens.into_iter().chain(about.action.clone()).collect();
            if !concerned.is_empty() {
                message += &format!(" ({})", concerned.join(", "));
            }
            if let Some(seconds) = about.retry_after {
                message += &format!(" Try again in {}.", when::duration(seconds));
            }
            match about.tries_left {
                Some(0) => message += " No try is left.",
                Some(1) => message += " One try is left.",
                Some(tries) => message += &format!(" {tries} tries are left."),
                None => {}
            }
        }
        if let Some(detail) = error.detail() {
            message += &told(error.name(), &detail);
            details.insert("detail".into(), detail.into());
        }
        Failure {
            code: error.exit_code(),
            name: error.name(),
            message,
            lines: Vec::new(),
            remedy: error.remedy().to_owned(),
            details,
        }
    }
}

/// What people are told of a detail, after the sentence of its error.
fn told(name: &str, detail: &str) -> String {
    match (name, detail) {
        ("InvalidResponse", "typo") => " A symbol of the recovery code is mistyped.".to_owned(),
        ("InvalidResponse", _) => String::new(),
        _ => format!(" {}", sentence(detail)),
    }
}

/// `text` with a capital at its start and a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut said: String = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => return String::new(),
    };
    if !said.ends_with(['.', '!', '?']) {
        said.push('.');
    }
    said
}

fn particulars(about: &ErrorDetails) -> Map<String, Value> {
    let Ok(Value::Object(mut details)) = serde_json::to_value(about) else {
        return Map::new();
    };
    if let Some(credentials) = &about.credentials {
        // The object of a token on the bus says nothing to who reads this.
        let ids: Vec<_> = credentials.iter().map(|found| found.id.as_str()).collect();
        details.insert("credentials".to_owned(), json!(ids));
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_oathd_tells_all_it_knows() {
        let failure = Failure::from(Error::Oathd {
            name: ErrorName::AmbiguousToken,
            details: Box::new(ErrorDetails {
                detail: Some("two fit".into()),
                tokens: Some(vec!["1".into(), "2".into()]),
                ..Default::default()
            }),
        });
        assert_eq!(
            failure.text(),
            format!(
                "oathctl: Several tokens fit. (1, 2) Two fit.\n{}\n",
                ErrorName::AmbiguousToken.remedy()
            )
        );
        assert_eq!(u8::from(failure.code), 4);
        let json = failure.to_json();
        assert_eq!(json["error"]["name"], "AmbiguousToken");
        assert_eq!(json["error"]["details"]["tokens"][1], "2");
        assert!(json["error"]["details"].get("reader").is_none());
    }

    #[test]
    fn a_credential_goes_by_its_id() {
        let message =
            r#"x {"credentials":[{"token":"/org/oathd/Oathd1/token/1","id":"GitHub:me"}]}"#;
        let details = Box::new(ErrorDetails::from_message(message));
        let name = ErrorName::TouchRequired;
        let json = Failure::from(Error::Oathd { name, details }).to_json();
        assert_eq!(
            json["error"]["details"],
            json!({ "credentials": ["GitHub:me"] })
        );
    }

    #[test]
    fn a_typo_is_told_from_what_is_no_code() {
        let failed = |detail: &str| {
            let details = Box::new(ErrorDetails {
                detail: Some(detail.into()),
                ..Default::default()
            });
            let name = ErrorName::InvalidResponse;
            Failure::from(Error::Oathd { name, details })
        };
        assert!(failed("typo").message.ends_with(" is mistyped."));
        assert_eq!(failed("malformed").message, "That is no code.");
        assert_eq!(
            failed("typo").to_json()["error"]["details"]["detail"],
            "typo"
        );
    }

    #[test]
    fn waits_and_tries_are_told() {
        let failed = |retry_after, tries_left| {
            let details = Box::new(ErrorDetails {
                retry_after,
                tries_left,
                ..Default::default()
            });
            let name = ErrorName::WrongCode;
            Failure::from(Error::Oathd { name, details })
        };
        let waits = failed(Some(90), None);
        assert_eq!(waits.message, "The code is wrong. Try again in 1 min 30 s.");
        assert_eq!(waits.to_json()["error"]["details"]["retry_after"], 90);
        let tries = failed(None, Some(1));
        assert_eq!(tries.message, "The code is wrong. One try is left.");
        assert_eq!(tries.to_json()["error"]["details"]["tries_left"], 1);
    }

    #[test]
    fn every_error_name_ends_in_two_lines() {
        for &name in ErrorName::ALL {
            assert_eq!(Failure::from(name).text().lines().count(), 2);
        }
    }
}
