//! Reading an id back into period, issuer and name, and finding ids by what a person types.

use crate::id::{CredentialId, split_period};
use crate::kind::{Kind, Period, TypeOnCard};

/// What an id says, for people. The texts are parts of the id's text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The kind, with the period that the id names.
    pub kind: Kind,
    /// Who issued the credential.
    pub issuer: Option<String>,
    /// The account's name. Empty only for an HOTP id that ends at its colon.
    pub name: String,
}

impl Label {
    /// Reads an id by the rules that ykman follows: for TOTP `^((\d+)/)?(([^:]+):)?(.+)$`, for
    /// HOTP a split at the first colon that is not the first character.
    ///
    /// A period of zero, or beyond 32 bits, is none: it stays part of the issuer or the name.
    #[must_use]
    pub fn parse(id: &CredentialId, on_card: TypeOnCard) -> Self {
        let text = id.to_string();
        match on_card {
            TypeOnCard::Hotp => {
                let (issuer, name) = split_issuer(&text);
                Self::of(Kind::Hotp, issuer, name)
            }
            TypeOnCard::Totp => {
                let prefix = split_period(&text).and_then(|(digits, rest)| {
                    Some((Period::from_seconds(digits.parse().ok()?)?, rest))
                });
                let (period, rest) = prefix.unwrap_or((Period::DEFAULT, &text));
                let (issuer, name) = match split_issuer(rest) {
                    (Some(_), "") => (None, rest),
                    parts => parts,
                };
                Self::of(Kind::Totp { period }, issuer, name)
            }
        }
    }

    fn of(kind: Kind, issuer: Option<&str>, name: &str) -> Self {
        Self {
            kind,
            issuer: issuer.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// Whether the credential is kept out of lists and searches unless asked for.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.issuer.as_deref() == Some("_hidden")
    }

    /// Whether its codes are Steam's five letters and digits.
    #[must_use]
    pub fn is_steam(&self) -> bool {
        is_steam(self.kind, self.issuer.as_deref())
    }
}

/// Steam credentials are known by their issuer alone.
pub(crate) fn is_steam(kind: Kind, issuer: Option<&str>) -> bool {
    kind.on_card() == TypeOnCard::Totp && issuer == Some("Steam")
}

/// Issuer and name as their id will be read: where the issuer holds a colon, the first one ends it.
pub(crate) fn as_read(issuer: Option<&str>, name: &str) -> (Option<String>, String) {
    match issuer {
        Some(issuer) if issuer.contains(':') && !name.is_empty() => {
            let id = format!("{issuer}:{name}");
            let (issuer, name) = split_issuer(&id);
            (issuer.map(|i| i.trim().to_owned()), name.trim().to_owned())
        }
        issuer => (issuer.map(str::to_owned), name.to_owned()),
    }
}

/// Splits at the first colon unless the text begins with it.
pub(crate) fn split_issuer(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((issuer, name)) if !issuer.is_empty() => (Some(issuer), name),
        _ => (None, text),
    }
}

/// The items that `query` means: the one whose id is exactly the query, else every one whose id
/// holds it, in any case. `text` gives an item's id in its text form.
pub fn select<'a, T, S: AsRef<str>>(
    query: &str,
    items: impl IntoIterator<Item = &'a T>,
    text: impl Fn(&'a T) -> S,
) -> Vec<&'a T> {
    let wanted = query.to_lowercase();
    let mut found = Vec::new();
    for item in items {
        let id = text(item);
        if id.as_ref() == query {
            return vec![item];
        }
        if id.as_ref().to_lowercase().contains(&wanted) {
            found.push(item);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Hotp),
            Just(Kind::TOTP),
            (1u32..).prop_map(|seconds| Kind::Totp {
                period: Period::from_seconds(seconds).unwrap()
            }),
        ]
    }

    fn read(id: &str, on_card: TypeOnCard) -> (u32, Option<String>, String) {
        let label = Label::parse(&id.parse().unwrap(), on_card);
        let period = match label.kind {
            Kind::Totp { period } => period.seconds(),
            Kind::Hotp => 0,
        };
        (period, label.issuer, label.name)
    }

    fn parts(period: u32, issuer: Option<&str>, name: &str) -> (u32, Option<String>, String) {
        (period, issuer.map(str::to_owned), name.to_owned())
    }

    proptest! {
        /// Names that begin like a period or hold colons and slashes included.
        #[test]
        fn a_label_comes_back_from_its_id(
            kind in kinds(),
            issuer in prop::option::of("[0-9]{0,2}/?[a-zé]{1,4}"),
            name in "[0-9]{0,2}[/:]?[a-zé0-9/:]{0,6}[a-z]",
        ) {
            let written = issuer.as_deref().map_or(name.clone(), |issuer| format!("{issuer}:{name}"));
            let id = CredentialId::new(kind, issuer.as_deref(), &name).unwrap();
            let label = Label::parse(&id, kind.on_card());
            prop_assert_eq!(label.kind, kind);
            let again = match &label.issuer {
                Some(issuer) => format!("{issuer}:{}", label.name),
                None => label.name.clone(),
            };
            prop_assert_eq!(again, written);
            if issuer.is_some() {
                prop_assert_eq!(label.issuer, issuer);
            }
        }

        #[test]
        fn every_id_has_a_label(bytes in prop::collection::vec(any::<u8>(), 1..=64)) {
            let id = CredentialId::from_bytes(&bytes).unwrap();
            prop_assert!(!Label::parse(&id, TypeOnCard::Totp).name.is_empty());
            prop_assert_eq!(Label::parse(&id, TypeOnCard::Hotp).kind, Kind::Hotp);
        }
    }

    #[test]
    fn totp_ids() {
        for (id, expected) in [
            ("name", parts(30, None, "name")),
            ("a:b:c", parts(30, Some("a"), "b:c")),
            ("60/a:b", parts(60, Some("a"), "b")),
            ("60/b", parts(60, None, "b")),
            ("30/24/7:b", parts(30, Some("24/7"), "b")),
            (":b", parts(30, None, ":b")),
            ("a:", parts(30, None, "a:")),
            ("60/:b", parts(60, None, ":b")),
            ("60/", parts(30, None, "60/")),
            ("0/b", parts(30, None, "0/b")),
            ("4294967296/b", parts(30, None, "4294967296/b")),
            ("/b", parts(30, None, "/b")),
        ] {
            assert_eq!(read(id, TypeOnCard::Totp), expected, "{id}");
        }
    }

    #[test]
    fn hotp_ids_have_no_period() {
        for (id, expected) in [
            ("60/x", parts(0, None, "60/x")),
            ("60/a:b:c", parts(0, Some("60/a"), "b:c")),
            (":b", parts(0, None, ":b")),
            ("a:", parts(0, Some("a"), "")),
        ] {
            assert_eq!(read(id, TypeOnCard::Hotp), expected, "{id}");
        }
    }

    #[test]
    fn an_id_that_looks_like_a_period_is_written_with_one() {
        let id = CredentialId::new(Kind::TOTP, None, "60/x").unwrap();
        assert_eq!(id.as_bytes(), b"30/60/x");
        let id = CredentialId::new(Kind::Hotp, None, "60/x").unwrap();
        assert_eq!(id.as_bytes(), b"60/x");
    }

    #[test]
    fn hidden_and_steam_are_known_by_their_issuer() {
        let label = |id: &str, on_card| Label::parse(&id.parse().unwrap(), on_card);
        assert!(label("_hidden:a", TypeOnCard::Totp).is_hidden());
        assert!(!label("_hidden", TypeOnCard::Totp).is_hidden());
        assert!(label("Steam:a", TypeOnCard::Totp).is_steam());
        assert!(!label("Steam:a", TypeOnCard::Hotp).is_steam());
        assert!(!label("steam:a", TypeOnCard::Totp).is_steam());
    }

    #[test]
    fn an_exact_id_wins_over_its_superstrings() {
        let ids = ["GitHub:alice", "GitHub:alice2", "60/Émile:x", "alice"];
        let found = |query| {
            select(query, &ids, |id| *id)
                .into_iter()
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(found("alice"), ["alice"]);
        assert_eq!(found("ALICE"), ["GitHub:alice", "GitHub:alice2", "alice"]);
        assert_eq!(found("émile"), ["60/Émile:x"]);
        assert_eq!(found("GitHub:alice"), ["GitHub:alice"]);
        assert_eq!(found("").len(), 4);
        assert!(found("bob").is_empty());
    }
}
