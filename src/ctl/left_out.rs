//! Tokens that an answer about several leaves out.

use oathd_client::Token;

use crate::failure::Failure;
use crate::output;
use crate::session::{key_of, name_of};

/// A token that could not be read, and why.
#[derive(Debug)]
pub(crate) struct LeftOut {
    /// What names it; not known of one that has gone.
    pub(crate) key: Option<String>,
    /// Why it could not be read.
    pub(crate) failure: Failure,
    name: String,
}

impl LeftOut {
    /// Finds out how `token` is called.
    pub(crate) async fn new(token: &Token, failure: Failure) -> LeftOut {
        let record = token.describe().await.ok();
        LeftOut {
            key: record.as_ref().map(key_of),
            name: record.map_or_else(|| "A token".to_owned(), |record| name_of(&record)),
            failure,
        }
    }

    /// Tells people which token is left out, why, and what to do about it.
    pub(crate) fn tell(&self) {
        output::tell(&self.text());
    }

    fn text(&self) -> String {
        let Failure {
            message, remedy, ..
        } = &self.failure;
        format!("{} is left out. {message} {remedy}", self.name)
    }

    /// The failure, where nothing is left to answer with.
    pub(crate) fn into_failure(self) -> Failure {
        match self.key {
            Some(key) => self.failure.about(&key),
            None => self.failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_client::ErrorName;

    #[test]
    fn it_is_told_which_token_and_what_to_do() {
        let left_out = LeftOut {
            key: Some("7".to_owned()),
            name: "YubiKey 5 7".to_owned(),
            failure: ErrorName::PasswordRequired.into(),
        };
        assert_eq!(
            left_out.text(),
            "YubiKey 5 7 is left out. The token is locked with a password. \
             Unlock it with `oathctl password unlock`."
        );
        let failure = left_out.into_failure();
        assert_eq!(failure.message, "The token is locked with a password. (7)");
        assert_eq!(failure.to_json()["error"]["details"]["tokens"][0], "7");
    }
}
