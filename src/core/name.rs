//! Names of accounts: `name@realm`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why text is not the name of an account or of a realm. The text is not part of the error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidAccountName {
    /// Nothing stands before the `@`.
    #[error("the account's name is empty")]
    EmptyName,
    /// The part before the last `@` is too long.
    #[error("the account's name takes {bytes} bytes; {max} fit", max = AccountName::MAX_LEN)]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// White space, a control character or an invisible character is in the name.
    #[error("the account's name holds a character that cannot be seen")]
    Invisible,
    /// The realm is empty, too long, or has other characters than `a-z`, `0-9`, `.`, `-`, `_`.
    #[error("the realm is not 1 to {max} of a-z, 0-9, '.', '-' and '_', beginning with a letter or digit", max = RealmName::MAX_LEN)]
    Realm,
}

/// A realm: who owns a set of accounts. `local` holds the users of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RealmName(String);

impl RealmName {
    /// The realm of the machine's users.
    pub const LOCAL: &'static str = "local";
    /// The longest realm in bytes.
    pub const MAX_LEN: usize = 64;

    /// The realm of the machine's users.
    #[must_use]
    pub fn local() -> Self {
        Self(Self::LOCAL.to_owned())
    }

    /// The realm as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds the users of this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0 == Self::LOCAL
    }
}

impl FromStr for RealmName {
    type Err = InvalidAccountName;

    fn from_str(text: &str) -> Result<Self, InvalidAccountName> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        let begins = text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && text.len() <= Self::MAX_LEN && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAccountName::Realm)
        }
    }
}

impl TryFrom<String> for RealmName {
    type Error = InvalidAccountName;

    fn try_from(text: String) -> Result<Self, InvalidAccountName> {
        text.parse()
    }
}

impl From<RealmName> for String {
    fn from(realm: RealmName) -> Self {
        realm.0
    }
}

impl fmt::Display for RealmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an account: `name@realm`, split at the last `@`. A bare name is of realm `local`.
///
/// The name is compared byte for byte; a service that forgives case does so before it asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName {
    name: String,
    realm: RealmName,
}

impl AccountName {
    /// The longest name, without its realm, in bytes: what a mail address takes (RFC 5321
    /// section 4.5.3.1.3).
    pub const MAX_LEN: usize = 254;

    /// An account of `realm`.
    ///
    /// # Errors
    /// When the name is empty, too long or not to be seen whole.
    pub fn new(name: &str, realm: RealmName) -> Result<Self, InvalidAccountName> {
        match name.len() {
            0 => Err(InvalidAccountName::EmptyName),
            bytes if bytes > Self::MAX_LEN => Err(InvalidAccountName::TooLong { bytes }),
            _ if name.chars().any(invisible) => Err(InvalidAccountName::Invisible),
            _ => Ok(Self {
                name: name.to_owned(),
                realm,
            }),
        }
    }

    /// The part before the last `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part after the last `@`.
    #[must_use]
    pub fn realm(&self) -> &RealmName {
        &self.realm
    }
}

/// White space, control characters, and the characters that hide or turn what stands beside them.
fn invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

impl FromStr for AccountName {
    type Err = InvalidAccountName;

    fn from_str(text: &str) -> Result<Self, InvalidAccountName> {
        match text.rsplit_once('@') {
            None => Self::new(text, RealmName::local()),
            Some((name, realm)) => Self::new(name, realm.parse()?),
        }
    }
}

impl TryFrom<String> for AccountName {
    type Error = InvalidAccountName;

    fn try_from(text: String) -> Result<Self, InvalidAccountName> {
        text.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.realm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_is_read_back_or_refused(text in "(\\PC|@){0,20}") {
            if let Ok(name) = text.parse::<AccountName>() {
                prop_assert_eq!(name.to_string().parse(), Ok(name.clone()));
                prop_assert!(text == name.to_string() || text == name.name());
            }
        }

        #[test]
        fn the_last_at_sign_splits(name in "[a-z@.]{1,30}", realm in "[a-z0-9][a-z0-9._-]{0,20}") {
            let account: AccountName = format!("{name}@{realm}").parse().unwrap();
            prop_assert_eq!(account.name(), name);
            prop_assert_eq!(account.realm().as_str(), realm);
        }
    }

    #[test]
    fn a_bare_name_is_local_and_refusals_are_named() {
        let alice: AccountName = "alice".parse().unwrap();
        assert!(alice.realm().is_local());
        assert_eq!(alice.to_string(), "alice@local");
        let refusal = |text: &str| text.parse::<AccountName>().unwrap_err();
        assert_eq!(refusal(""), InvalidAccountName::EmptyName);
        assert_eq!(refusal("@shop"), InvalidAccountName::EmptyName);
        assert_eq!(refusal("a@"), InvalidAccountName::Realm);
        assert_eq!(refusal("a@Shop"), InvalidAccountName::Realm);
        assert_eq!(refusal("a b@shop"), InvalidAccountName::Invisible);
        assert_eq!(refusal("a\u{202e}b"), InvalidAccountName::Invisible);
        assert_eq!(
            refusal(&"a".repeat(255)),
            InvalidAccountName::TooLong { bytes: 255 }
        );
    }
}
