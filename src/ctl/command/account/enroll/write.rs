//! Putting a seed where it goes: into slots of tokens, or before the eyes of its owner.

use oathd_client::{Enrollment, ErrorName, Token, WriteOptions};
use serde_json::json;

use super::place::{Known, Place};
use crate::cli::enroll::NewFactorArgs;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, prompt, qr};

/// Writes the seed to the tokens of `place`.
pub(super) async fn write(
    session: &Session,
    args: &NewFactorArgs,
    place: &Place,
    enrollment: &Enrollment,
) -> Result<(), Failure> {
    if !place.tokens.is_empty() {
        let offered = |known: &Known| known.record.capabilities.iter().any(|c| c == "touch");
        let touch = !args.no_touch && place.tokens.iter().all(offered);
        let options = WriteOptions {
            role: None,
            touch: touch.then_some(true),
            overwrite: args.force.then_some(true),
        };
        enrollment.write(&handles(&place.tokens), &options).await?;
    }
    if !place.verifiers.is_empty() {
        let options = WriteOptions {
            role: Some("verifier".to_owned()),
            ..WriteOptions::default()
        };
        let tokens = handles(&place.verifiers);
        match enrollment.write(&tokens, &options).await {
            Err(error) if error.is(ErrorName::PasswordRequired) => {
                pair(session, &place.verifiers).await?;
                enrollment.write(&tokens, &options).await?;
            }
            other => other?,
        }
    }
    Ok(())
}

fn handles(tokens: &[Known]) -> Vec<Token> {
    tokens.iter().map(|known| known.token.clone()).collect()
}

/// Pairs the tokens that are to check codes, if their owner agrees.
async fn pair(session: &Session, tokens: &[Known]) -> Result<(), Failure> {
    for known in tokens.iter().filter(|known| !known.record.paired) {
        let name = known.name();
        let question = format!(
            "{name} must be paired with this host: oathd sets an access key that it alone knows. \
             Pair it? [y/N] "
        );
        if !session.can_ask() || !prompt::yes(&question, false)? {
            let message = format!("{name} is not paired with this host.");
            let mut failure = Failure::explained(ErrorName::PasswordRequired, &message);
            failure.remedy = format!("Pair it with `oathctl pair --token {}`.", known.key());
            return Err(failure);
        }
        let token = &known.token;
        session.unlocked(token, async || token.pair().await).await?;
    }
    Ok(())
}

/// Shows the seed, where it is to be shown.
pub(super) async fn reveal(
    session: &Session,
    place: &Place,
    enrollment: &Enrollment,
) -> Result<(), Failure> {
    if !place.qr && !place.uri {
        return Ok(());
    }
    let uri = enrollment.reveal().await?;
    if session.global.json {
        return output::print_json(&json!({ "uri": *uri }));
    }
    let drawn = place.qr.then(|| qr::draw(&uri)).flatten();
    if let Some(drawn) = &drawn {
        output::tell("Scan this with the authenticator. Whoever sees it can copy it.");
        output::print(drawn)?;
    }
    match place.uri || drawn.is_none() {
        true => output::print(&format!("{}\n", *uri)),
        false => Ok(()),
    }
}
