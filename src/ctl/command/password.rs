//! `oathctl password`.

use oathd_client::{ErrorName, ExitCode, Token};

use crate::cli::PasswordCommand;
use crate::command::token::done;
use crate::failure::Failure;
use crate::session::Session;

/// What is said of a token that anybody may use.
const OPEN: &str = "has no password";

/// Manages the access password of a token.
pub(crate) async fn run(session: &Session, command: &PasswordCommand) -> Result<(), Failure> {
    let token = session.token().await?;
    let what = match command {
        PasswordCommand::Set(args) => {
            if token.describe().await?.locked {
                return Err(Failure::new(
                    ExitCode::Refused,
                    "PasswordSet",
                    "The token has a password already.",
                    "Change it with `oathctl password change`.",
                ));
            }
            set(session, &token, args.remember).await?;
            "has a password"
        }
        PasswordCommand::Change(args) => {
            let state = token.describe().await?;
            // Where the password is read from standard input its order must not depend on
            // whether somebody has unlocked the token before.
            if state.locked && (session.global.password_stdin || !state.unlocked) {
                session
                    .unlock(&token, ErrorName::PasswordRequired.into())
                    .await?;
            }
            set(session, &token, args.remember).await?;
            "has a new password"
        }
        PasswordCommand::Clear => {
            session
                .unlocked(&token, async || token.clear_password().await)
                .await?;
            OPEN
        }
        PasswordCommand::Unlock(args) => match unlock(session, &token, args.remember).await? {
            true => "is unlocked for you",
            false => OPEN,
        },
        PasswordCommand::Remember => match unlock(session, &token, true).await? {
            true => "is unlocked for you, and stays so",
            false => OPEN,
        },
        PasswordCommand::Forget => {
            token.lock(true).await?;
            match token.describe().await?.locked {
                true => "is locked for you",
                false => OPEN,
            }
        }
    };
    done(session, &token.describe().await?, what)
}

async fn set(session: &Session, token: &Token, remember: bool) -> Result<(), Failure> {
    let password = session.new_password()?;
    session
        .unlocked(token, async || {
            token.set_password(password.as_bytes(), remember).await
        })
        .await
}

/// One try: whoever calls this command has come to type a password. False for a token that has none.
async fn unlock(session: &Session, token: &Token, remember: bool) -> Result<bool, Failure> {
    if !token.describe().await?.locked {
        return Ok(false);
    }
    let Some(password) = session.password(token).await? else {
        return Err(Failure::new(
            ExitCode::MoreNeeded,
            "PasswordRequired",
            "The password cannot be asked for.",
            "Run the command on a terminal, or give --password-stdin.",
        ));
    };
    token.unlock(password.as_bytes(), remember).await?;
    Ok(true)
}
