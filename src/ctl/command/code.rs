//! `oathctl code`.

mod rows;
mod wait;

use oathd_client::{CodeRecord, CredentialRecord, Error, ErrorName, Token};

use crate::cli::CodeArgs;
use crate::command::code::rows::{Row, Shown};
use crate::command::code::wait::Wait;
use crate::failure::Failure;
use crate::left_out::LeftOut;
use crate::session::Session;
use crate::{output, search};

/// Computes codes: all, those that fit, or the one that fits.
pub(crate) async fn run(session: &Session, args: &CodeArgs) -> Result<(), Failure> {
    let Some(query) = &args.query else {
        let tokens = session.tokens().await?;
        let (shown, left_out) = of_tokens(session, args, tokens, |_, _| true).await?;
        return rows::print(session, &shown, &left_out).await;
    };
    let why = match at_once(session, args, query).await? {
        AtOnce::Code(credential, code) => {
            let token = session.client.token_of(&credential)?;
            let row = Row::of_code(&credential, code);
            return rows::print_one(session, args.single, &token, &row).await;
        }
        AtOnce::More(why) => why,
    };
    let found = search::find(session, query, args.hidden).await;
    let found = found.map_err(|failure| match why {
        // A remembered password that does not fit is told once, and forgotten.
        Some(why) if failure.is(ErrorName::PasswordRequired) => why.into(),
        _ => failure,
    })?;
    match found.as_slice() {
        [one] => {
            let row = of_one(session, args, one).await?;
            let token = session.client.token_of(one)?;
            rows::print_one(session, args.single, &token, &row).await
        }
        several if args.single => Err(search::ambiguous(session, query, several).await?),
        several => {
            let mut tokens: Vec<Token> = Vec::new();
            for credential in several {
                let token = session.client.token_of(credential)?;
                if tokens.iter().all(|known| known.path() != token.path()) {
                    tokens.push(token);
                }
            }
            let fits = |token: &Token, id: &str| {
                several
                    .iter()
                    .any(|c| c.id == id && c.token.as_ref() == Some(token.path()))
            };
            let (shown, left_out) = of_tokens(session, args, tokens, fits).await?;
            rows::print(session, &shown, &left_out).await
        }
    }
}

/// What a single call gives.
enum AtOnce {
    /// The one credential that fits, and its code.
    Code(CredentialRecord, CodeRecord),
    /// More is to be done: several fit, none does, a code has to be waited for, or a password is
    /// missing, for the reason that was told.
    More(Option<Error>),
}

/// Finds the one credential that fits, and its code, by a single call.
async fn at_once(session: &Session, args: &CodeArgs, query: &str) -> Result<AtOnce, Failure> {
    if args.min_left > 0 {
        return Ok(AtOnce::More(None));
    }
    let wanted = search::query(session, query, args.hidden)?;
    let (credential, code) = match session.client.find_code(&wanted, false).await {
        Err(Error::Oathd {
            name: ErrorName::TouchRequired,
            details,
        }) if !args.no_touch => {
            let found = details.credentials.unwrap_or_default();
            tell_to_touch(found.first().map_or(query, |found| &found.id));
            session.client.find_code(&wanted, true).await?
        }
        Err(error) if error.asks_for_password() => return Ok(AtOnce::More(Some(error))),
        Err(Error::Oathd {
            name: ErrorName::AmbiguousCredential | ErrorName::NoSuchCredential | ErrorName::NoToken,
            ..
        }) => return Ok(AtOnce::More(None)),
        answer => answer?,
    };
    Ok(AtOnce::Code(credential, code))
}

fn tell_to_touch(id: &str) {
    output::tell(&format!(
        "Touch the token to get the code of {}.",
        output::harmless(id)
    ));
}

/// The code of one credential, with a touch if it needs one.
async fn of_one(
    session: &Session,
    args: &CodeArgs,
    credential: &CredentialRecord,
) -> Result<Row, Failure> {
    let token = session.client.token_of(credential)?;
    let mut wait = Wait::new(args.min_left);
    if credential.kind == "totp" {
        // Waiting first spares the token a code, and the user a touch, that would be too old.
        wait.before(credential.period.unwrap_or(30)).await?;
    }
    loop {
        let id = credential.id.as_str();
        let code = match session
            .unlocked(&token, async || token.code(id, false).await)
            .await
        {
            Err(failure) if failure.is(ErrorName::TouchRequired) && !args.no_touch => {
                tell_to_touch(id);
                token.code(id, true).await?
            }
            other => other?,
        };
        let span = code.until.map(|until| (code.from, until));
        if wait.enough(span).await? {
            return Ok(Row::of_code(credential, code));
        }
    }
}

/// The codes of the credentials on `tokens` that fit, and the tokens that are left out because they
/// failed while others did not.
async fn of_tokens(
    session: &Session,
    args: &CodeArgs,
    tokens: Vec<Token>,
    fits: impl Fn(&Token, &str) -> bool,
) -> Result<(Vec<Shown>, Vec<LeftOut>), Failure> {
    let mut wait = Wait::new(args.min_left);
    loop {
        let mut shown = Vec::new();
        let mut failed = Vec::new();
        for token in &tokens {
            let codes = session.unlocked(token, async || token.codes(args.hidden).await);
            match codes.await {
                Ok(codes) => shown.push(Shown {
                    rows: codes
                        .into_iter()
                        .filter(|row| fits(token, &row.id))
                        .map(Row::from)
                        .collect(),
                    token: token.clone(),
                }),
                Err(failure) => failed.push((token, failure)),
            }
        }
        if shown.is_empty()
            && let Some((token, failure)) = failed.pop()
        {
            return Err(match tokens.len() {
                1 => failure,
                _ => LeftOut::new(token, failure).await.into_failure(),
            });
        }
        let rows = shown.iter().flat_map(|shown| &shown.rows);
        let spans = rows.filter_map(|row| row.from.zip(row.until));
        if wait.enough(spans).await? {
            let mut left_out = Vec::new();
            for (token, failure) in failed {
                left_out.push(LeftOut::new(token, failure).await);
            }
            return Ok((shown, left_out));
        }
    }
}
