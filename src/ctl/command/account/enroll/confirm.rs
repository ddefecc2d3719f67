//! The code that confirms a factor, and what it brings.

use data_encoding::HEXLOWER;
use oathd_client::{ConfirmOptions, ConfirmedRecord, Enrollment, ErrorName, ExitCode, unseal};
use zeroize::Zeroizing;

use super::Plan;
use super::place::Place;
use crate::cli::enroll::NewFactorArgs;
use crate::code_source::{CodeSource, ReadToken};
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, prompt};

/// Where the confirming code comes from: the first token that was written, if oathctl may read it.
pub(super) async fn source(
    session: &Session,
    args: &NewFactorArgs,
    place: &Place,
    enrollment: &Enrollment,
) -> Result<CodeSource, Failure> {
    let Some(first) = place.tokens.first() else {
        return match args.read_code {
            true => Err(Failure::usage("--read-code goes with --token.")),
            false => Ok(CodeSource::User),
        };
    };
    let question = format!("Read the code from {} for you? [Y/n] ", first.name());
    let read = args.read_code || session.can_ask() && prompt::yes(&question, true)?;
    if !read {
        return Ok(CodeSource::User);
    }
    let written = enrollment.describe().await?.written;
    let key = first.key();
    let slot = written
        .into_iter()
        .find(|slot| slot.token == key && slot.role == "authenticator");
    match slot {
        Some(slot) => Ok(CodeSource::Token(ReadToken {
            token: first.token.clone(),
            credential: slot.credential,
            last: None,
        })),
        None => Err(ErrorName::NoSuchCredential.into()),
    }
}

/// Confirms with a code, again where it was mistyped on a terminal.
pub(super) async fn confirm(
    session: &Session,
    plan: &Plan<'_>,
    enrollment: &Enrollment,
    source: &mut CodeSource,
) -> Result<ConfirmedRecord, Failure> {
    let options = ConfirmOptions {
        keep: None,
        recovery_codes: plan.recovery_codes,
    };
    loop {
        let code = source.next(session, "Code of the new factor: ").await?;
        if code.is_empty() {
            return Err(Failure::new(
                ExitCode::MoreNeeded,
                "CodeRequired",
                "The code that confirms the factor was not given.",
                "Give it on standard input, or let --read-code read it from the token.",
            ));
        }
        match enrollment.confirm(&code, &options).await {
            // oathd ends the enrollment itself after too many.
            Err(error)
                if source.may_try_again(session)
                    && [
                        ErrorName::WrongCode,
                        ErrorName::InvalidResponse,
                        ErrorName::CodeUsed,
                    ]
                    .iter()
                    .any(|name| error.is(*name)) =>
            {
                output::tell(Failure::from(error).text().trim_end());
            }
            other => return Ok(other?),
        }
    }
}

/// The API key that replaces the one before, as text; people see it at once.
pub(super) fn api_key(
    session: &Session,
    key: Option<zbus::OwnedFd>,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let key = Zeroizing::new(HEXLOWER.encode(&unseal(key)?));
    if !session.global.json {
        output::print(&format!("New API key, the old one is void:\n{}\n", *key))?;
    }
    Ok(Some(key))
}
