//! The table of all credentials: LIST names type and hash, CALCULATE ALL touch and digits.

use std::collections::BTreeMap;

use oathd_oath::{CredentialId, TypeOnCard};

use super::{Desk, Tools, codes};
use crate::{
    access::Access,
    apdu::StatusWord,
    error::{ProtocolError, TokenError},
    knowledge::Known,
    request::{CodeOutcome, Credential, Touch, Usage, kind_of},
    session::Session,
    token::lock,
    ykoath::{Listed, Listing},
};

/// A time step for CALCULATE ALL when only its flags are wanted.
const ANY_STEP: u64 = 1;

/// What CALCULATE ALL told about each credential; nothing where it could not.
pub(crate) type Listings = BTreeMap<CredentialId, Listing>;

pub(crate) fn list(desk: Desk<'_, '_>, access: &Access) -> Result<Vec<Credential>, TokenError> {
    let (mut session, tools) = desk.open(access)?;
    let (credentials, _) = table(&mut session, &tools, ANY_STEP)?;
    Ok(credentials)
}

/// What CALCULATE ALL tells over `step`; `None` where the token has no such command, which some show
/// by refusing it alone.
pub(crate) fn compute_all(
    session: &mut Session<'_, '_>,
    tools: &Tools<'_>,
    step: u64,
) -> Result<Option<Vec<(CredentialId, Listing)>>, TokenError> {
    if !tools.capabilities().calculate_all {
        return Ok(None);
    }
    match session.calculate_all(step) {
        Err(TokenError::Protocol(ProtocolError::Status(StatusWord::UNKNOWN_INSTRUCTION))) => {
            tools.shared.deny_calculate_all();
            Ok(None)
        }
        all => all.map(Some),
    }
}

/// The table, and the codes of `step` that came with it.
pub(crate) fn table(
    session: &mut Session<'_, '_>,
    tools: &Tools<'_>,
    step: u64,
) -> Result<(Vec<Credential>, Listings), TokenError> {
    let listed = session.list()?;
    let listings: Listings = match compute_all(session, tools, step) {
        Ok(all) => all.into_iter().flatten().collect(),
        Err(TokenError::CredentialDamaged) => {
            return Ok((probed(session, tools, listed)?, Listings::new()));
        }
        Err(error) => return Err(error),
    };
    remember(tools, &listed, &listings);
    let credentials = listed
        .into_iter()
        .map(|one| {
            let (digits, damaged) = match listings.get(&one.id) {
                // A length that no code has.
                Some(Listing::Computed(computed)) => (computed.digits, computed.digits.is_none()),
                Some(Listing::Counter(digits) | Listing::Touch(digits)) => (*digits, false),
                None => (None, false),
            };
            credential(tools, one, digits, damaged)
        })
        .collect();
    Ok((credentials, listings))
}

/// The table of a token whose CALCULATE ALL fails over a damaged credential.
fn probed(
    session: &mut Session<'_, '_>,
    tools: &Tools<'_>,
    listed: Vec<Listed>,
) -> Result<Vec<Credential>, TokenError> {
    remember(tools, &listed, &Listings::new());
    let outcomes = codes::one_by_one(session, tools, &listed, ANY_STEP)?;
    Ok(listed
        .into_iter()
        .zip(outcomes)
        .map(|(one, entry)| {
            let damaged = matches!(entry.outcome, CodeOutcome::Damaged);
            credential(tools, one, None, damaged)
        })
        .collect())
}

fn credential(
    tools: &Tools<'_>,
    listed: Listed,
    digits: Option<oathd_oath::Digits>,
    damaged: bool,
) -> Credential {
    let touch = tools
        .known(&listed.id)
        .map_or(Touch::Unknown, |known| known.touch);
    Credential {
        kind: kind_of(&listed.id, listed.on_card),
        algorithm: listed.algorithm,
        digits,
        touch,
        damaged,
        id: listed.id,
    }
}

/// Replaces what is known by a LIST and, where there is one, a CALCULATE ALL.
pub(crate) fn remember(tools: &Tools<'_>, listed: &[Listed], listings: &Listings) {
    let without_touch = !tools.capabilities().touch;
    lock(&tools.shared.knowledge).replace(listed.iter().map(|one| {
        let touch = match (listings.get(&one.id), one.on_card) {
            (Some(Listing::Touch(_)), _) => Touch::Known(true),
            (Some(Listing::Computed(_)), _) => Touch::Known(false),
            _ if without_touch => Touch::Known(false),
            _ => Touch::Unknown,
        };
        let known = Known {
            on_card: one.on_card,
            touch,
        };
        (one.id.clone(), known)
    }));
}

/// Replaces what is known by a CALCULATE ALL alone. A credential that wants a touch is time-based:
/// an HOTP one shows as a counter, whether it wants a touch or not.
pub(crate) fn remember_all(tools: &Tools<'_>, all: &[(CredentialId, Listing)]) {
    lock(&tools.shared.knowledge).replace(all.iter().map(|(id, listing)| {
        let known = match listing {
            Listing::Computed(_) => Known {
                on_card: TypeOnCard::Totp,
                touch: Touch::Known(false),
            },
            Listing::Touch(_) => Known {
                on_card: TypeOnCard::Totp,
                touch: Touch::Known(true),
            },
            Listing::Counter(_) => Known {
                on_card: TypeOnCard::Hotp,
                touch: Touch::Unknown,
            },
        };
        (id.clone(), known)
    }));
}

pub(crate) fn usage(desk: Desk<'_, '_>, access: &Access) -> Result<Usage, TokenError> {
    let (mut session, tools) = desk.open(access)?;
    Ok(Usage {
        used: u16::try_from(session.list()?.len()).unwrap_or(u16::MAX),
        capacity: tools.capabilities().capacity,
    })
}
