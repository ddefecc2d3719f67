//! Writing a credential to one token, or to several at once.

use oathd_client::{AddOptions, ErrorName, Token};
use oathd_oath::{Kind, NewCredential};

use crate::cli::WriteArgs;
use crate::failure::Failure;
use crate::session::Session;

/// Writes `credential` to all of `tokens` or to none, and answers its id.
pub(crate) async fn write(
    session: &Session,
    tokens: &[Token],
    credential: &NewCredential,
    args: &WriteArgs,
) -> Result<String, Failure> {
    let options = options(credential, args);
    let seed = credential.secret.expose();
    if let [token] = tokens {
        return session
            .unlocked(token, async || token.add(seed, &options).await)
            .await;
    }
    match session.client.add_to(tokens, seed, &options).await {
        Err(error) if error.asks_for_password() => {
            for token in tokens {
                let state = token.describe().await?;
                if state.locked && !state.unlocked {
                    let why = ErrorName::PasswordRequired.into();
                    session.unlock(token, why).await?;
                }
            }
            Ok(session.client.add_to(tokens, seed, &options).await?)
        }
        other => Ok(other?),
    }
}

/// Refuses to replace credentials on `count` tokens at once: what was replaced could not be put back
/// where another token fails.
pub(crate) fn force_on_one(force: bool, count: usize) -> Result<(), Failure> {
    if !force || count < 2 {
        return Ok(());
    }
    let mut failure = Failure::usage(
        "--force replaces a credential on one token, never on several: if one failed, what was \
         replaced on another could not be put back.",
    );
    failure.remedy = "Remove the old credential from each by `oathctl remove --token TOKEN`, and \
                      repeat this without --force."
        .to_owned();
    Err(failure)
}

fn options(credential: &NewCredential, args: &WriteArgs) -> AddOptions {
    let (kind, period) = match credential.kind {
        Kind::Totp { period } => ("totp", Some(period.seconds())),
        Kind::Hotp => ("hotp", None),
    };
    AddOptions {
        issuer: credential.issuer.clone(),
        name: Some(credential.name.clone()),
        kind: Some(kind.to_owned()),
        algorithm: Some(credential.algorithm.to_string()),
        digits: Some(u8::from(credential.digits).into()),
        period,
        counter: (kind == "hotp").then_some(credential.counter),
        touch: args.touch.then_some(true),
        overwrite: args.force.then_some(true),
    }
}

/// A credential in a line for people, without its secret.
pub(crate) fn summary(credential: &NewCredential) -> Vec<String> {
    let id = match credential.id() {
        Ok(id) => id.to_string(),
        Err(_) => credential.name.clone(),
    };
    let (kind, more) = match credential.kind {
        Kind::Totp { period } => ("TOTP", format!("{period} s")),
        Kind::Hotp => ("HOTP", format!("counter {}", credential.counter)),
    };
    vec![
        crate::output::harmless(&id),
        kind.to_owned(),
        credential.algorithm.to_string(),
        format!("{} digits", u8::from(credential.digits)),
        more,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_oath::otpauth;

    const PLAIN: WriteArgs = WriteArgs {
        touch: false,
        force: false,
    };

    #[test]
    fn what_an_address_says_is_what_is_written() {
        let uri = "otpauth://totp/GitHub:me?secret=GEZDGNBVGY3TQOJQ&issuer=GitHub&algorithm=SHA256&digits=8&period=60";
        let credential = otpauth::parse(uri).unwrap();
        let options = options(&credential, &PLAIN);
        assert_eq!(options.issuer.as_deref(), Some("GitHub"));
        assert_eq!(options.name.as_deref(), Some("me"));
        assert_eq!(options.algorithm.as_deref(), Some("SHA256"));
        assert_eq!((options.digits, options.period), (Some(8), Some(60)));
        assert_eq!(
            (options.counter, options.touch, options.overwrite),
            (None, None, None)
        );
        assert_eq!(
            summary(&credential),
            ["60/GitHub:me", "TOTP", "SHA256", "8 digits", "60 s"]
        );
    }

    #[test]
    fn several_tokens_exclude_force() {
        for (force, count) in [(false, 0), (false, 2), (true, 0), (true, 1)] {
            assert!(force_on_one(force, count).is_ok());
        }
        for count in [2, 16] {
            assert_eq!(force_on_one(true, count).unwrap_err().name, "Usage");
        }
    }

    #[test]
    fn a_counter_goes_with_hotp_alone() {
        let credential =
            otpauth::parse("otpauth://hotp/me?secret=GEZDGNBVGY3TQOJQ&counter=7").unwrap();
        let options = options(
            &credential,
            &WriteArgs {
                touch: true,
                force: true,
            },
        );
        assert_eq!((options.counter, options.period), (Some(7), None));
        assert_eq!((options.touch, options.overwrite), (Some(true), Some(true)));
    }
}
