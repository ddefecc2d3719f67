//! Where a seed goes: which tokens are written, what is shown, and whether there is room.

use oathd_client::{ErrorName, Token, TokenRecord};

use crate::cli::enroll::{CustodyArg, NewFactorArgs};
use crate::failure::Failure;
use crate::session::{Session, key_of, name_of};
use crate::{output, prompt, write};

/// A token with what is known of it.
pub(crate) struct Known {
    pub(crate) token: Token,
    pub(crate) record: TokenRecord,
}

impl Known {
    async fn of(token: Token) -> Result<Known, Failure> {
        let record = token.describe().await?;
        Ok(Known { token, record })
    }

    /// What names it for programs.
    pub(crate) fn key(&self) -> String {
        key_of(&self.record)
    }

    /// What people call it.
    pub(crate) fn name(&self) -> String {
        output::harmless(&name_of(&self.record))
    }
}

/// Where a seed goes.
pub(crate) struct Place {
    /// The tokens that its owner reads codes from.
    pub(crate) tokens: Vec<Known>,
    /// The tokens that stay at this host and check codes.
    pub(crate) verifiers: Vec<Known>,
    /// It is shown as a QR code.
    pub(crate) qr: bool,
    /// It is printed as an address.
    pub(crate) uri: bool,
}

impl Place {
    /// The tokens that are written, for people.
    pub(crate) fn names(&self) -> Option<String> {
        names(&self.tokens)
    }

    /// The tokens that check codes, for people.
    pub(crate) fn verifier_names(&self) -> Option<String> {
        names(&self.verifiers)
    }
}

fn names(tokens: &[Known]) -> Option<String> {
    let names: Vec<_> = tokens.iter().map(Known::name).collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

/// Whether the seed is to be in tokens alone.
pub(crate) fn on_token(args: &NewFactorArgs) -> bool {
    args.custody == Some(CustodyArg::Token) || !args.verifier.is_empty()
}

/// Finds out where the seed goes, and whether there is room.
pub(crate) async fn choose(session: &Session, args: &NewFactorArgs) -> Result<Place, Failure> {
    refuse_nonsense(session, args)?;
    write::force_on_one(args.force, session.global.token.len())?;
    let mut place = Place {
        tokens: Vec::new(),
        verifiers: Vec::new(),
        qr: args.show_qr,
        uri: args.uri,
    };
    if !session.global.token.is_empty() {
        for token in session.named_tokens().await? {
            place.tokens.push(Known::of(token).await?);
        }
    } else if !place.qr && !place.uri {
        ask(session, &mut place).await?;
        write::force_on_one(args.force, place.tokens.len())?;
    }
    for selector in &args.verifier {
        let token = session.client.find_token(selector).await?;
        place.verifiers.push(Known::of(token).await?);
    }
    unlock(session, &mut place.tokens).await?;
    for known in &place.tokens {
        let twice = place
            .verifiers
            .iter()
            .any(|v| v.token.path() == known.token.path());
        has_room(&known.record, 1 + u32::from(twice))?;
    }
    for known in &place.verifiers {
        has_room(&known.record, 1)?;
    }
    Ok(place)
}

fn refuse_nonsense(session: &Session, args: &NewFactorArgs) -> Result<(), Failure> {
    let wrong = if args.custody == Some(CustodyArg::Sealed) && !args.verifier.is_empty() {
        "--verifier goes with --custody token."
    } else if on_token(args) && args.verifier.is_empty() {
        "--custody token needs a token that stays at this host: name it by --verifier."
    } else if args.period.is_some() && args.kind == crate::cli::KindArg::Hotp {
        "--period goes with --type totp."
    } else if args.show_qr && session.global.json {
        "--show-qr draws for people; --uri gives programs the same."
    } else if session.global.token.is_empty() && !args.show_qr && !args.uri && !session.can_ask() {
        "Name the tokens by --token, or give --show-qr or --uri."
    } else {
        return Ok(());
    };
    Err(Failure::usage(wrong))
}

/// Asks which of the tokens here are written.
async fn ask(session: &Session, place: &mut Place) -> Result<(), Failure> {
    let mut here = Vec::new();
    for token in session.client.tokens().await? {
        here.push(Known::of(token).await?);
    }
    if here.is_empty() {
        output::tell("No token is here, so you get a QR code for another authenticator.");
        place.qr = true;
        return Ok(());
    }
    output::tell("Tokens that are here:");
    for (number, known) in here.iter().enumerate() {
        let room = room(&known.record).map_or(String::new(), |room| format!(" ({room})"));
        output::tell(&format!("  {}. {}{room}", number + 1, known.name()));
    }
    let all: Vec<_> = (1..=here.len()).map(|n| n.to_string()).collect();
    let question = format!(
        "Which of them get the seed? Numbers, or q for a QR code [{}]: ",
        all.join(" ")
    );
    loop {
        let answer = prompt::visible(&question)?;
        match picked(&answer, here.len()) {
            Some(picked) => {
                place.qr = picked.is_empty();
                let mut number = 0;
                here.retain(|_| {
                    number += 1;
                    picked.contains(&number)
                });
                place.tokens = here;
                return Ok(());
            }
            None => output::tell("Type numbers of the list with blanks between them, or q."),
        }
    }
}

/// The numbers that somebody typed, from 1 to `count`: all for an empty answer, none for a QR code.
/// `None` for anything else.
fn picked(answer: &str, count: usize) -> Option<Vec<usize>> {
    match answer {
        "" => Some((1..=count).collect()),
        "q" | "Q" => Some(Vec::new()),
        numbers => numbers
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(|word| word.parse().ok().filter(|n| (1..=count).contains(n)))
            .collect(),
    }
}

/// Unlocks the tokens that have a password, before a seed is made for them.
async fn unlock(session: &Session, tokens: &mut [Known]) -> Result<(), Failure> {
    for known in tokens {
        if known.record.locked && !known.record.unlocked {
            let why = ErrorName::PasswordRequired.into();
            session.unlock(&known.token, why).await?;
            known.record = known.token.describe().await?;
        }
    }
    Ok(())
}

fn has_room(record: &TokenRecord, wanted: u32) -> Result<(), Failure> {
    match (record.capacity, record.used) {
        (Some(capacity), Some(used)) if used.saturating_add(wanted) > capacity => {
            let name = name_of(record);
            let message = format!("{name} has {used} of {capacity} slots in use");
            Err(Failure::explained(ErrorName::TokenFull, &message).with("capacity", capacity))
        }
        _ => Ok(()),
    }
}

fn room(record: &TokenRecord) -> Option<String> {
    match (record.used?, record.capacity) {
        (used, Some(capacity)) => Some(format!("{used} of {capacity} slots used")),
        (used, None) => Some(format!("{used} slots used")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_picks_tokens_or_a_qr_code() {
        assert_eq!(picked("", 2), Some(vec![1, 2]));
        assert_eq!(picked("2", 2), Some(vec![2]));
        assert_eq!(picked("1, 2", 2), Some(vec![1, 2]));
        assert_eq!(picked("q", 2), Some(vec![]));
        for wrong in ["0", "3", "x", "1 x", "-1"] {
            assert_eq!(picked(wrong, 2), None, "{wrong}");
        }
    }

    #[test]
    fn a_full_token_is_refused_before_a_seed_is_made() {
        let record = |used, capacity| TokenRecord {
            used,
            capacity,
            ..TokenRecord::default()
        };
        assert!(has_room(&record(Some(31), Some(32)), 1).is_ok());
        for (used, wanted) in [(32, 1), (31, 2), (u32::MAX, 1)] {
            let refused = has_room(&record(Some(used), Some(32)), wanted).unwrap_err();
            assert!(refused.is(ErrorName::TokenFull));
        }
        assert!(has_room(&record(None, Some(32)), 1).is_ok());
        assert!(has_room(&record(Some(32), None), 1).is_ok());
    }
}
