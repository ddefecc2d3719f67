//! All codes that need neither a touch nor a counter.

use oathd_oath::{CredentialId, Digits, Kind, Label, Period, TypeOnCard, code};
use zeroize::Zeroizing;

use super::{
    Desk, Tools,
    list::{compute_all, remember, remember_all},
};
use crate::{
    access::Access,
    error::{ProtocolError, TokenError},
    knowledge::Known,
    request::{Code, CodeEntry, CodeOutcome, Touch},
    session::{Session, Timed},
    ykoath::{Computed, Listed, Listing},
};

pub(crate) fn codes(
    desk: Desk<'_, '_>,
    access: &Access,
    at: u64,
) -> Result<Vec<CodeEntry>, TokenError> {
    let (mut session, tools) = desk.open(access)?;
    let all = match compute_all(&mut session, &tools, Period::DEFAULT.step(at)) {
        Ok(None) | Err(TokenError::CredentialDamaged) => {
            return listed_codes(&mut session, &tools, at);
        }
        Ok(Some(all)) => all,
        Err(error) => return Err(error),
    };
    remember_all(&tools, &all);
    all.into_iter()
        .map(|(id, listing)| {
            let on_card = match listing {
                Listing::Counter(_) => TypeOnCard::Hotp,
                Listing::Computed(_) | Listing::Touch(_) => TypeOnCard::Totp,
            };
            let label = Label::parse(&id, on_card);
            let outcome = match listing {
                Listing::Counter(_) => CodeOutcome::Counter,
                Listing::Touch(_) => CodeOutcome::TouchRequired,
                Listing::Computed(computed) => match ready(&label, computed, at) {
                    Some(outcome) => outcome,
                    None => marked(compute(&mut session, &id, &label, at).outcome)?,
                },
            };
            Ok(CodeEntry {
                id,
                kind: label.kind,
                outcome,
            })
        })
        .collect()
}

fn listed_codes(
    session: &mut Session<'_, '_>,
    tools: &Tools<'_>,
    at: u64,
) -> Result<Vec<CodeEntry>, TokenError> {
    let listed = session.list()?;
    remember(tools, &listed, &Default::default());
    one_by_one(session, tools, &listed, at)
}

/// Computes every listed time-based credential by itself. Where nothing tells whether one needs a touch,
/// it is asked all the same, until one is found that does: after it the others are left uncomputed, so
/// that a call waits for no more than one.
pub(crate) fn one_by_one(
    session: &mut Session<'_, '_>,
    tools: &Tools<'_>,
    listed: &[Listed],
    at: u64,
) -> Result<Vec<CodeEntry>, TokenError> {
    let mut asking = true;
    listed
        .iter()
        .map(|one| {
            let label = Label::parse(&one.id, one.on_card);
            let touch = tools
                .known(&one.id)
                .map_or(Touch::Unknown, |known| known.touch);
            let outcome = match (one.on_card, touch) {
                (TypeOnCard::Hotp, _) => CodeOutcome::Counter,
                (TypeOnCard::Totp, Touch::Known(true)) => CodeOutcome::TouchRequired,
                (TypeOnCard::Totp, Touch::Unknown) if !asking => CodeOutcome::Uncomputed,
                (TypeOnCard::Totp, _) => {
                    let timed = compute(session, &one.id, &label, at);
                    let waited = tools.touch_shows(timed.took);
                    if timed.outcome.is_ok() || waited {
                        let known = Known {
                            on_card: one.on_card,
                            touch: Touch::Known(waited),
                        };
                        tools.learn(&one.id, known);
                    }
                    asking &= !waited;
                    match timed.outcome {
                        Err(TokenError::PasswordRequired) if waited => CodeOutcome::TouchRequired,
                        outcome => marked(outcome)?,
                    }
                }
            };
            Ok(CodeEntry {
                id: one.id.clone(),
                kind: label.kind,
                outcome,
            })
        })
        .collect()
}

/// The code that CALCULATE ALL has already computed; `None` when it took another step or needs the whole
/// HMAC.
fn ready(label: &Label, computed: Computed, at: u64) -> Option<CodeOutcome> {
    if label.is_steam() || label.kind != Kind::TOTP {
        return None;
    }
    Some(match decimal(computed) {
        Some(text) => CodeOutcome::Code(dated(text, label.kind, at)),
        None => CodeOutcome::Damaged,
    })
}

/// A code that CALCULATE ALL computed on its way.
pub(crate) fn ready_code(label: &Label, computed: Computed, at: u64) -> Option<Code> {
    match ready(label, computed, at)? {
        CodeOutcome::Code(code) => Some(code),
        _ => None,
    }
}

/// Computes one credential by itself.
pub(crate) fn compute(
    session: &mut Session<'_, '_>,
    id: &CredentialId,
    label: &Label,
    at: u64,
) -> Timed<Code> {
    match label.kind {
        Kind::Totp { period } if label.is_steam() => {
            let Timed { outcome, took } = session.calculate_full(id, period.step(at));
            let outcome = outcome.and_then(|mac| {
                let value = code::truncate(&mac).ok_or(ProtocolError::Truncated)?;
                Ok(dated(Zeroizing::new(code::steam(value)), label.kind, at))
            });
            Timed { outcome, took }
        }
        kind => {
            let step = match kind {
                Kind::Totp { period } => Some(period.step(at)),
                Kind::Hotp => None,
            };
            let Timed { outcome, took } = session.calculate(id, step);
            let outcome = outcome.and_then(|computed| {
                let text = decimal(computed).ok_or(TokenError::CredentialDamaged)?;
                Ok(dated(text, kind, at))
            });
            Timed { outcome, took }
        }
    }
}

fn marked(outcome: Result<Code, TokenError>) -> Result<CodeOutcome, TokenError> {
    match outcome {
        Ok(code) => Ok(CodeOutcome::Code(code)),
        Err(TokenError::CredentialDamaged) => Ok(CodeOutcome::Damaged),
        Err(error) => Err(error),
    }
}

pub(crate) fn decimal(computed: Computed) -> Option<Zeroizing<String>> {
    let digits: Digits = computed.digits?;
    Some(Zeroizing::new(code::decimal(computed.value, digits)))
}

fn dated(text: Zeroizing<String>, kind: Kind, at: u64) -> Code {
    let (from, until) = match kind {
        Kind::Totp { period } => {
            let (from, until) = period.window(at);
            (from, Some(until))
        }
        Kind::Hotp => (at, None),
    };
    Code { text, from, until }
}
