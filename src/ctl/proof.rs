//! Proving that a change is its owner's: a verification first, then the change with its receipt.

use oathd_client::{
    CHANGE_SERVICE, ChangeOptions, Error, ErrorName, ReceiptRecord, VerifyOptions, unseal_text,
};
use zeroize::Zeroizing;

use crate::code_source::CodeSource;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, records, ways};

/// How often a code is asked for on a terminal.
const TRIES: u32 = 3;

const QUESTION: &str =
    "Code of your second factor, or a recovery code (Enter if you have neither): ";

/// The options of a change with its proof.
pub(crate) fn options(proof: Option<String>) -> ChangeOptions {
    ChangeOptions {
        proof,
        session: None,
    }
}

/// Makes a change of `account`, with a proof by a typed code where the account has a factor.
pub(crate) async fn proven<T>(
    session: &Session,
    account: &str,
    change: impl AsyncFn(Option<String>) -> Result<T, Error>,
) -> Result<T, Failure> {
    proven_by(session, account, &mut CodeSource::User, change).await
}

/// A change that a session of this machine may prove as well, if the factor opened that one: nobody
/// is asked for a code then.
pub(crate) async fn proven_or_at_hand<T>(
    session: &Session,
    account: &str,
    change: impl AsyncFn(Option<String>) -> Result<T, Error>,
) -> Result<T, Failure> {
    let status = session
        .client
        .verifier()
        .status(account, &VerifyOptions::default())
        .await?;
    let mut ways = status.ways.iter();
    let local = status.account.ends_with("@local");
    if local && ways.any(|way| way.kind == "session") {
        match change(None).await {
            // It ended a moment before.
            Err(error) if error.is(ErrorName::ProofRequired) => {}
            other => return Ok(other?),
        }
    }
    proven(session, account, change).await
}

/// The same as [`proven`] with codes from `source`.
///
/// The proof comes first, since polkit would else ask for the password twice.
pub(crate) async fn proven_by<T>(
    session: &Session,
    account: &str,
    source: &mut CodeSource,
    change: impl AsyncFn(Option<String>) -> Result<T, Error>,
) -> Result<T, Failure> {
    let asked = VerifyOptions::default();
    let status = session.client.verifier().status(account, &asked).await?;
    let mut proof = None;
    if status.enrolled {
        proof = prove(session, account, source).await?;
    }
    let had_one = proof.is_some();
    match change(proof).await {
        // Whoever takes long for the password is asked again.
        Err(error) if had_one && error.is(ErrorName::ProofRequired) && session.can_ask() => {
            output::tell("The proof is too old, or proves too little for this change.");
            let again = prove(session, account, source).await?;
            Ok(change(again).await?)
        }
        other => Ok(other?),
    }
}

async fn prove(
    session: &Session,
    account: &str,
    source: &mut CodeSource,
) -> Result<Option<String>, Failure> {
    let options = VerifyOptions {
        service: Some(CHANGE_SERVICE.to_owned()),
        ..VerifyOptions::default()
    };
    let receipt = attempt(session, account, &options, source, QUESTION).await?;
    let Some(receipt) = receipt else {
        return Ok(None);
    };
    let id = receipt.receipt.clone();
    if let Some(code) = replacement(receipt)? {
        tell_replacement(session, &code)?;
    }
    Ok(Some(id))
}

/// Has a code typed and checked, again where it was mistyped on a terminal. `None` where nothing
/// was typed.
pub(crate) async fn attempt(
    session: &Session,
    account: &str,
    options: &VerifyOptions,
    source: &mut CodeSource,
    question: &str,
) -> Result<Option<ReceiptRecord>, Failure> {
    let verifier = session.client.verifier();
    let mut tries = 0;
    loop {
        let response = source.next(session, question).await?;
        match response.as_str() {
            "" => return Ok(None),
            "?" => {
                let status = verifier.status(account, options).await?;
                let lines = ways::lines(&status);
                if !session.can_ask() {
                    let mut failure = Failure::from(ErrorName::InvalidResponse);
                    failure.lines = lines;
                    return Err(failure.with("ways", records::status(&status)["ways"].clone()));
                }
                for line in lines {
                    output::tell(&format!("  {line}"));
                }
                continue;
            }
            _ => {}
        }
        tries += 1;
        match verifier.verify(account, &response, options).await {
            Ok(receipt) => return Ok(Some(receipt)),
            Err(error) if is_mistake(&error) && tries < TRIES && source.may_try_again(session) => {
                output::tell(Failure::from(error).text().trim_end());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_mistake(error: &Error) -> bool {
    [
        ErrorName::WrongCode,
        ErrorName::CodeUsed,
        ErrorName::InvalidResponse,
    ]
    .iter()
    .any(|name| error.is(*name))
}

/// The recovery code that takes the place of a used one.
pub(crate) fn replacement(receipt: ReceiptRecord) -> Result<Option<Zeroizing<String>>, Failure> {
    Ok(receipt.replacement.map(unseal_text).transpose()?)
}

/// Shows the code that takes the place of a used one: to a person on the terminal, wherever the
/// result goes, else in a line before the result.
pub(crate) fn tell_replacement(session: &Session, code: &str) -> Result<(), Failure> {
    let text = format!("The recovery code is used. Write this one down in its place:\n  {code}");
    if session.global.json {
        output::print_json(&serde_json::json!({ "replacement": code }))
    } else if session.can_ask() {
        output::tell(&text);
        Ok(())
    } else {
        output::print(&(text + "\n"))
    }
}
