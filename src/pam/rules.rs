//! The table of this module: what oathd says about an account and a response, and what PAM is told.
//!
//! | oathd says | PAM is told |
//! |---|---|
//! | a receipt | `PAM_SUCCESS` |
//! | the account has no factor and needs none, or none yet | `PAM_IGNORE` |
//! | the account must enrol a factor first, or the caller may not ask | `PAM_PERM_DENIED` |
//! | the response is wrong, used, or no response | `PAM_AUTH_ERR` |
//! | wait, or this way is shut | `PAM_MAXTRIES` |
//! | anything else: no bus, no oathd, no token, no state, an unknown error | `PAM_AUTHINFO_UNAVAIL` |
//!
//! `PAM_IGNORE` comes from [`before`] alone, and only for the two requirements that say so.

use oathd_api::ErrorName;

use crate::outcome::{Details, Failure, Requirement, Unreached};
use crate::words::{date, seconds};

/// What PAM is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// `PAM_SUCCESS`
    Accepted,
    /// `PAM_IGNORE`
    NotAsked,
    /// `PAM_AUTH_ERR`
    Wrong,
    /// `PAM_MAXTRIES`
    TooMany,
    /// `PAM_PERM_DENIED`
    Denied,
    /// `PAM_AUTHINFO_UNAVAIL`
    Unavailable,
    /// `PAM_CONV_ERR`: nobody could be asked, or whoever was asked left.
    NoConversation,
    /// `PAM_SERVICE_ERR`: the service file is wrong.
    Misconfigured,
    /// `PAM_SYSTEM_ERR`: the module failed.
    Broken,
}

/// What a text tells: in the strict stack it is told only where it gives away nothing about the
/// response that came along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// What was typed.
    Response,
    /// The account, the token or oathd.
    State,
}

/// What PAM and the person are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) code: Code,
    /// One or two sentences; empty where there is nothing to say.
    pub(crate) text: String,
    pub(crate) about: About,
    /// Another response at the same prompt can help: nothing was charged, or another way is open.
    pub(crate) again: bool,
    /// The ways that are open belong to the text.
    pub(crate) ways: bool,
}

impl Ruling {
    fn state(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            about: About::State,
            again: false,
            ways: false,
        }
    }

    fn response(text: impl Into<String>) -> Self {
        Self {
            about: About::Response,
            ..Self::state(Code::Wrong, text)
        }
    }

    fn again(self) -> Self {
        Self {
            again: true,
            ..self
        }
    }

    fn with_ways(self) -> Self {
        Self { ways: true, ..self }
    }
}

/// What follows from the account's requirement; `None` when it is to be asked. Where each login
/// `needs_factor`, nobody is passed over.
pub(crate) fn before(requirement: Requirement, needs_factor: bool) -> Option<Ruling> {
    match requirement {
        Requirement::Asked => None,
        Requirement::NotAsked | Requirement::NotAskedUntil(_) if needs_factor => {
            before(Requirement::EnrolFirst, needs_factor)
        }
        Requirement::NotAsked => Some(Ruling::state(Code::NotAsked, "")),
        Requirement::NotAskedUntil(until) => Some(Ruling::state(
            Code::NotAsked,
            format!(
                "From {} on a second factor is asked for here. Enrol one with `oathctl enroll`.",
                date(until)
            ),
        )),
        Requirement::EnrolFirst => Some(Ruling::state(
            Code::Denied,
            "This account needs a second factor first. Enrol one with `oathctl enroll` where you \
             are logged in, or ask an administrator.",
        )),
    }
}

/// What follows from a failure.
pub(crate) fn after(failure: &Failure) -> Ruling {
    match failure {
        Failure::Refused(error, details) => refused(*error, details),
        Failure::Elsewhere => Ruling::state(
            Code::Unavailable,
            "Only somebody at this host can be asked to touch a token.",
        )
        .again(),
        Failure::Unreached(reason) => unchecked(match reason {
            Unreached::NoBus => "the system bus is not there.",
            Unreached::NoService => "oathd is not running and cannot be started.",
            Unreached::NoReply => "oathd did not answer in time.",
            Unreached::Forbidden => "the system bus does not let this program ask oathd.",
            Unreached::Unfit => "oathd takes no such name of a user, service or host.",
            Unreached::Busy => "oathd does too much for this user already. Try again.",
            Unreached::Unintelligible => "the answer of oathd makes no sense.",
        }),
        Failure::Interrupted => Ruling::state(Code::NoConversation, "Interrupted."),
        Failure::Unknown(_) => unchecked("the answer of oathd makes no sense."),
    }
}

fn unchecked(why: &str) -> Ruling {
    let text = format!("The second factor cannot be checked: {why}");
    Ruling::state(Code::Unavailable, text)
}

fn refused(error: ErrorName, details: &Details) -> Ruling {
    use ErrorName as E;
    match error {
        E::WrongCode => Ruling::response(match details.retry_after {
            Some(wait) => format!("Wrong code. Wait {} before the next one.", seconds(wait)),
            None => "Wrong code.".to_owned(),
        }),
        E::CodeUsed => match details.retry_after {
            None => Ruling::response(
                "That code was used before: take another one, or wait for the next.",
            )
            .again(),
            Some(wait) => Ruling::response(format!(
                "For {} all codes of that factor count as used: take another way in.",
                seconds(wait)
            ))
            .again()
            .with_ways(),
        },
        E::InvalidResponse => match details.detail.as_deref() {
            Some("typo") => {
                Ruling::response("A symbol of that recovery code is wrong; nothing was counted.")
                    .again()
            }
            Some("help") => Ruling::response("").again().with_ways(),
            _ => {
                Ruling::response("That is no code; nothing was counted. Type ? for help.").again()
            }
        },
        E::RecoverySuspended => Ruling::response(
            "That recovery code is right, but its set waits to be renewed after a restore.",
        )
        .again()
        .with_ways(),
        E::Throttled => Ruling::state(
            Code::TooMany,
            match details.retry_after {
                Some(wait) => format!("Too many attempts: wait {}.", seconds(wait)),
                None => "Too many attempts: wait a while.".to_owned(),
            },
        ),
        E::LockedOut => Ruling::state(
            Code::TooMany,
            "After too many failures this way in is shut. Do not reset your password: that opens \
             nothing.",
        )
        .with_ways(),
        E::TouchTimedOut => Ruling::state(Code::Wrong, "Nobody touched the token in time.").again(),
        E::NotEnrolled => Ruling::state(
            Code::Unavailable,
            "No token of this account can be touched in place of a code.",
        )
        .again(),
        E::ClockUntrusted => Ruling::state(
            Code::Unavailable,
            "The clock of this host cannot be trusted, so that codes are refused; a recovery code \
             works all the same.",
        )
        .again(),
        E::VaultKeyUnavailable => Ruling::state(
            Code::Unavailable,
            "The key that codes are checked with is missing; a recovery code works all the same.",
        )
        .again(),
        E::NoToken
        | E::TokenRemoved
        | E::TokenBusy
        | E::TokenReset
        | E::TokenDuplicated
        | E::TokenFault
        | E::ServiceUnavailable => {
            Ruling::state(
                Code::Unavailable,
                format!("{} A recovery code works all the same.", error.summary()),
            )
            .again()
        }
        E::DeliveryFailed | E::NoSuchFactor => {
            Ruling::state(Code::Wrong, "The code could not be sent.")
                .again()
                .with_ways()
        }
        E::NotAuthorized => Ruling::state(
            Code::Denied,
            "This program may not ask for the second factor of this account.",
        ),
        E::StateUnavailable
        // None of these answers a verification; should one come, nobody gets in by it.
        | E::AmbiguousToken
        | E::TokenFull
        | E::TouchRequired
        | E::PasswordRequired
        | E::WrongPassword
        | E::RememberedKeyRejected
        | E::NoSuchCredential
        | E::AmbiguousCredential
        | E::CredentialExists
        | E::CredentialDamaged
        | E::Unsupported
        | E::InvalidName
        | E::InvalidSecret
        | E::InvalidUri
        | E::InvalidFd
        | E::ProofRequired
        | E::EnrollmentExpired
        | E::LastFactor
        | E::SeedInUse
        | E::SecondFactorRequired
        | E::InvalidAddress
        | E::NoRescue
        | E::RescueRefused
        | E::InvalidImport
        | E::InvalidBackup
        | E::InvalidEscrow => unchecked(error.summary()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn details() -> impl Strategy<Value = Details> {
        let detail = prop_oneof![
            Just(None),
            Just(Some("typo".to_owned())),
            Just(Some("help".to_owned())),
            "[a-z]{1,9}".prop_map(Some),
        ];
        (any::<Option<u64>>(), detail).prop_map(|(retry_after, detail)| Details {
            retry_after,
            detail,
        })
    }

    fn failure() -> impl Strategy<Value = Failure> {
        let error = proptest::sample::select(ErrorName::ALL);
        prop_oneof![
            (error, details()).prop_map(|(error, details)| Failure::Refused(error, details)),
            proptest::sample::select(vec![
                Unreached::NoBus,
                Unreached::NoService,
                Unreached::NoReply,
                Unreached::Forbidden,
                Unreached::Unfit,
                Unreached::Busy,
                Unreached::Unintelligible,
            ])
            .prop_map(Failure::Unreached),
            "[a-zA-Z.]{0,20}".prop_map(Failure::Unknown),
            Just(Failure::Interrupted),
            Just(Failure::Elsewhere),
        ]
    }

    proptest! {
        /// No failure, whatever it says, lets anybody in or steps aside.
        #[test]
        fn no_failure_opens(failure in failure()) {
            let ruling = after(&failure);
            prop_assert!(!matches!(ruling.code, Code::Accepted | Code::NotAsked), "{ruling:?}");
            prop_assert!(ruling.again || !ruling.text.is_empty());
        }

        /// What was charged is not asked for again in the same conversation.
        #[test]
        fn a_charge_ends_the_conversation(details in details()) {
            for error in [ErrorName::WrongCode, ErrorName::Throttled, ErrorName::LockedOut] {
                prop_assert!(!after(&Failure::Refused(error, details.clone())).again);
            }
        }

        #[test]
        fn whoever_must_wait_is_told_how_long(wait in 1u64..4000) {
            for (error, code) in [
                (ErrorName::Throttled, Code::TooMany),
                (ErrorName::WrongCode, Code::Wrong),
                (ErrorName::CodeUsed, Code::Wrong),
            ] {
                let details = Details { retry_after: Some(wait), detail: None };
                let ruling = after(&Failure::Refused(error, details));
                prop_assert!(ruling.text.contains(&seconds(wait)), "{}", ruling.text);
                prop_assert_eq!(ruling.code, code);
            }
        }
    }

    #[test]
    fn only_who_needs_no_factor_is_passed_over() {
        assert_eq!(before(Requirement::Asked, false), None);
        let code = |requirement| before(requirement, false).map(|ruling| ruling.code);
        assert_eq!(code(Requirement::NotAsked), Some(Code::NotAsked));
        assert_eq!(code(Requirement::NotAskedUntil(0)), Some(Code::NotAsked));
        assert_eq!(code(Requirement::EnrolFirst), Some(Code::Denied));
    }

    #[test]
    fn nobody_is_passed_over_where_a_factor_is_needed() {
        assert_eq!(before(Requirement::Asked, true), None);
        for requirement in [
            Requirement::NotAsked,
            Requirement::NotAskedUntil(u64::MAX),
            Requirement::EnrolFirst,
        ] {
            let ruling = before(requirement, true);
            assert_eq!(ruling, before(Requirement::EnrolFirst, false));
        }
    }

    #[test]
    fn the_locked_out_are_warned_not_to_reset_the_password() {
        let ruling = after(&Failure::Refused(ErrorName::LockedOut, Details::default()));
        assert!(ruling.text.contains("Do not reset your password") && ruling.ways);
    }

    #[test]
    fn whatever_cannot_be_asked_is_unavailable() {
        for reason in [
            Unreached::NoBus,
            Unreached::NoService,
            Unreached::NoReply,
            Unreached::Forbidden,
            Unreached::Unfit,
            Unreached::Busy,
            Unreached::Unintelligible,
        ] {
            assert_eq!(after(&Failure::Unreached(reason)).code, Code::Unavailable);
        }
    }
}
