//! `oathctl disable`.

use std::path::Path;

use data_encoding::HEXLOWER;
use oathd_client::{ChangeOptions, ErrorName, seal};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::account::DisableArgs;
use crate::command::account::login;
use crate::failure::Failure;
use crate::service_socket::ask;
use crate::session::Session;
use crate::{output, prompt, proof};

/// Switches the second factor off.
pub(crate) async fn run(session: &Session, args: &DisableArgs) -> Result<(), Failure> {
    let account = args.account.account.as_str();
    if !args.confirm.yes {
        prompt::confirm(
            "Switch the second factor off? Recovery codes, channels and sessions go with it.",
        )?;
    }
    let kept = args.session_file.as_deref();
    let kept = kept.map(login::read_session).transpose()?;
    let accounts = session.client.accounts();
    match (&args.service_socket, kept) {
        (Some(socket), Some(token)) => {
            at_service(session, socket, account, &token)?;
        }
        (_, Some(token)) => {
            let options = ChangeOptions {
                proof: None,
                session: Some(seal(&token)?.into()),
            };
            accounts.disable(account, &options).await?;
        }
        (_, None) => {
            proof::proven_or_at_hand(session, account, async |proof| {
                accounts.disable(account, &proof::options(proof)).await
            })
            .await?;
        }
    }
    match session.global.json {
        true => output::print_json(&json!({ "account": account, "enrolled": false })),
        false => output::print(
            "The second factor is off. What is on your token stays there: `oathctl list`, \
             `oathctl remove`.\n",
        ),
    }
}

/// Has the service do it, by the open session; a code does where that proves too little.
fn at_service(session: &Session, socket: &Path, email: &str, token: &[u8]) -> Result<(), Failure> {
    let password = login::password(&session.global)?;
    let token = Zeroizing::new(HEXLOWER.encode(token));
    let mut wish = json!({
        "op": "disable", "email": email, "password": *password, "session": *token,
    });
    match ask(socket, &wish) {
        Err(failure) if failure.is(ErrorName::ProofRequired) => {
            let code = session.typed("Two-factor code, or a recovery code: ")?;
            if code.is_empty() {
                return Err(failure);
            }
            wish["code"] = json!(*code);
            ask(socket, &wish).map(|_| ())
        }
        other => other.map(|_| ()),
    }
}
