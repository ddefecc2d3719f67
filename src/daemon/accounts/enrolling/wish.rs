//! What is to be enrolled, as it is asked for.

use oathd_api::{
    ErrorName,
    wire::{AddOptions, account::EnrollOptions},
};
use oathd_core::{
    AccountName, FactorId, Generator, MAX_LABEL, Mac, Role, Watermark, enrolment::Plan,
};
use oathd_oath::{Algorithm, CredentialId, Digits, Kind, NewCredential, Secret};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{accounts::describe::role_of, error::Error, service::new_credential};

/// The issuer under which ykman and oathd keep a credential out of their lists.
const HIDDEN: &str = "_hidden";

/// Where the seed is to be from the confirmation on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// With the service, sealed, besides where its owner keeps it.
    Sealed,
    /// In verifier slots of paired tokens, and nowhere at this host.
    OnToken,
}

impl Keeping {
    /// The word on the bus.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Keeping::Sealed => "sealed",
            Keeping::OnToken => "token",
        }
    }
}

/// What the new factor takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// Nothing.
    Nothing,
    /// One factor.
    One(FactorId),
    /// Every factor that was lost.
    Lost,
}

/// What is to be enrolled: everything but the seed.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) keeping: Keeping,
    pub(crate) kind: Kind,
    pub(crate) algorithm: Algorithm,
    pub(crate) digits: Digits,
    pub(crate) label: String,
    pub(crate) role: Role,
    pub(crate) not_after: Option<u64>,
    pub(crate) replaced: Replaced,
    issuer: String,
    name: String,
}

impl Wish {
    /// Reads what is asked for, at `now`; authenticators name `host` unless they are told another
    /// issuer. The seed comes from `entropy`, as long as the hash's output (RFC 4226 section 4,
    /// R6; RFC 6238 section 5.1).
    pub(crate) fn read(
        options: &EnrollOptions,
        account: &AccountName,
        replaced: Replaced,
        host: &str,
        entropy: &dyn Fn(&mut [u8]),
        now: u64,
    ) -> Result<(Wish, Secret), Error> {
        let keeping = match options.custody.as_deref() {
            None | Some("sealed") => Keeping::Sealed,
            Some("token") => Keeping::OnToken,
            Some(_) => return Err(Error::invalid_args("a custody is sealed or token")),
        };
        let role = role_of(options.role.as_deref())?.unwrap_or(Role::Primary);
        let label = options.label.clone().unwrap_or_default();
        if label.len() > MAX_LABEL || label.chars().any(char::is_control) {
            let limit = format!("a label takes at most {MAX_LABEL} bytes, on one line");
            return Err(Error::because(ErrorName::InvalidName, limit));
        }
        if options.not_after.is_some_and(|end| end <= now) {
            return Err(Error::invalid_args("not_after is in the past"));
        }
        let seed = seed(options.algorithm.as_deref(), entropy)?;
        let parameters = AddOptions {
            kind: options.kind.clone(),
            algorithm: options.algorithm.clone(),
            digits: options.digits,
            period: options.period,
            ..AddOptions::default()
        };
        let (credential, _) = new_credential(&seed, &parameters)?;
        if keeping == Keeping::OnToken && credential.kind == Kind::Hotp {
            let reason = "only time-based seeds can be kept on a token alone";
            return Err(Error::because(ErrorName::Unsupported, reason));
        }
        let issuer = options.issuer.clone().filter(|issuer| !issuer.is_empty());
        let issuer = issuer.unwrap_or_else(|| match account.realm().is_local() {
            true => host.to_owned(),
            false => account.realm().to_string(),
        });
        CredentialId::new(credential.kind, Some(&issuer), "x")?;
        let wish = Wish {
            keeping,
            kind: credential.kind,
            algorithm: credential.algorithm,
            digits: credential.digits,
            label,
            role,
            not_after: options.not_after,
            replaced,
            issuer,
            name: account.name().to_owned(),
        };
        Ok((wish, credential.secret))
    }

    /// The credential that its owner reads codes from.
    pub(crate) fn authenticator(&self, seed: &Secret) -> NewCredential {
        self.credential(Some(self.issuer.clone()), self.name.clone(), seed)
    }

    /// The credential that codes are checked against. Its name tells a slot of one enrolment from
    /// that of another, and to whoever knows the account, whose it is.
    pub(crate) fn verifier(
        &self,
        account: &AccountName,
        number: [u8; 4],
        seed: &Secret,
    ) -> NewCredential {
        let whose = Sha256::digest(account.to_string().as_bytes());
        let whose = data_encoding::HEXLOWER.encode(whose.get(..8).unwrap_or_default());
        let number = data_encoding::HEXLOWER.encode(&number);
        let name = format!("oathd {whose} {number}");
        self.credential(Some(HIDDEN.to_owned()), name, seed)
    }

    fn credential(&self, issuer: Option<String>, name: String, seed: &Secret) -> NewCredential {
        NewCredential {
            issuer,
            name,
            kind: self.kind,
            algorithm: self.algorithm,
            digits: self.digits,
            counter: 0,
            secret: seed.duplicate(),
        }
    }

    /// What the rules are told of it.
    pub(crate) fn plan(&self, fingerprint: Mac) -> Plan {
        Plan {
            generator: Generator::of(self.kind),
            algorithm: self.algorithm,
            digits: self.digits,
            fingerprint,
            used: Watermark::NONE,
            not_after: self.not_after,
            replaces: match self.replaced {
                Replaced::One(factor) => Some(factor),
                Replaced::Nothing | Replaced::Lost => None,
            },
        }
    }
}

/// A fresh seed for a hash.
fn seed(algorithm: Option<&str>, entropy: &dyn Fn(&mut [u8])) -> Result<Zeroizing<Vec<u8>>, Error> {
    let algorithm = algorithm.map_or(Ok(Algorithm::default()), str::parse);
    let algorithm = algorithm.map_err(Error::invalid_args)?;
    let mut seed = Zeroizing::new(vec![0; algorithm.output_len()]);
    entropy(&mut seed);
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(options: &EnrollOptions, account: &str) -> Result<(Wish, Secret), Error> {
        let entropy = |bytes: &mut [u8]| bytes.fill(7);
        let account = account.parse().unwrap();
        Wish::read(options, &account, Replaced::Nothing, "host", &entropy, 100)
    }

    #[test]
    fn nothing_asked_for_is_what_every_authenticator_takes() {
        let (wish, seed) = read(&EnrollOptions::default(), "alice").unwrap();
        assert_eq!((wish.keeping, wish.kind), (Keeping::Sealed, Kind::TOTP));
        assert_eq!(
            (wish.algorithm, wish.digits),
            (Algorithm::Sha1, Digits::Six)
        );
        assert_eq!(seed.expose(), [7; 20]);
        let id = wish.authenticator(&seed).id().unwrap();
        assert_eq!(id.to_string(), "host:alice");
        let (wish, seed) = read(&EnrollOptions::default(), "bob@shop").unwrap();
        let id = wish.authenticator(&seed).id().unwrap();
        assert_eq!(id.to_string(), "shop:bob");
    }

    #[test]
    fn a_seed_is_as_long_as_its_hash() {
        for (word, length) in [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)] {
            let options = EnrollOptions {
                algorithm: Some(word.to_owned()),
                ..EnrollOptions::default()
            };
            assert_eq!(read(&options, "alice").unwrap().1.expose().len(), length);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        let default = EnrollOptions::default;
        let on_token = || EnrollOptions {
            custody: text("token"),
            ..default()
        };
        for (options, name) in [
            (
                EnrollOptions {
                    custody: text("cloud"),
                    ..default()
                },
                None,
            ),
            (
                EnrollOptions {
                    role: text("first"),
                    ..default()
                },
                None,
            ),
            (
                EnrollOptions {
                    kind: text("sms"),
                    ..default()
                },
                None,
            ),
            (
                EnrollOptions {
                    algorithm: text("MD5"),
                    ..default()
                },
                None,
            ),
            (
                EnrollOptions {
                    digits: Some(9),
                    ..default()
                },
                None,
            ),
            (
                EnrollOptions {
                    not_after: Some(100),
                    ..default()
                },
                None,
            ),
            (
                EnrollOptions {
                    kind: text("hotp"),
                    ..on_token()
                },
                Some(ErrorName::Unsupported),
            ),
            (
                EnrollOptions {
                    label: Some("a".repeat(65)),
                    ..default()
                },
                Some(ErrorName::InvalidName),
            ),
            (
                EnrollOptions {
                    issuer: text("a:b"),
                    ..default()
                },
                Some(ErrorName::InvalidName),
            ),
        ] {
            assert_eq!(read(&options, "alice").unwrap_err().oathd_name(), name);
        }
        assert!(read(&on_token(), "alice").is_ok());
    }

    proptest! {
        /// A verifier slot fits on a token whatever the account is called, is hidden, and is
        /// another one at every enrolment.
        #[test]
        fn a_verifier_slot_fits_and_hides(name in "[!-~]{1,254}", one: [u8; 4], other: [u8; 4], period in 1u32..) {
            prop_assume!(!name.contains('@'));
            let options = EnrollOptions { period: Some(period), ..EnrollOptions::default() };
            let (wish, seed) = read(&options, &name).unwrap();
            let account = name.parse().unwrap();
            let slot = wish.verifier(&account, one, &seed).id().unwrap();
            let label = oathd_oath::Label::parse(&slot, wish.kind.on_card());
            prop_assert!(label.is_hidden());
            let again = wish.verifier(&account, other, &seed).id().unwrap();
            prop_assert_eq!(slot == again, one == other);
        }
    }
}
