//! Letting an owner in who has lost every way, and lifting waits.

use oathd_client::{
    Error, ErrorName, RESCUE_SERVICE, RescueOptions, RescueState, VerifyOptions, unseal_text,
};
use serde_json::json;
use zeroize::Zeroizing;

use super::done;
use crate::cli::account::AccountArg;
use crate::cli::admin::{RescueArgs, WhoArgs};
use crate::code_source::CodeSource;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, proof, when};

/// Opens a rescue.
pub(super) async fn open(session: &Session, args: &RescueArgs) -> Result<(), Failure> {
    let administration = session.client.administration();
    let account = args.who.account.as_str();
    let state = vouched(session, async |options| {
        administration.rescue(account, &args.reason, options).await
    })
    .await?;
    tell(session, &full(account), state)
}

/// Approves a rescue of another administrator.
pub(super) async fn approve(session: &Session, args: &WhoArgs) -> Result<(), Failure> {
    let administration = session.client.administration();
    let account = args.account.as_str();
    let state = vouched(session, async |options| {
        administration.approve(account, options).await
    })
    .await?;
    tell(session, &full(account), state)
}

/// The account with its realm: a name without one is that of a user of this host.
fn full(account: &str) -> String {
    match account.contains('@') {
        true => account.to_owned(),
        false => format!("{account}@local"),
    }
}

/// Calls with the administrator's own factor as a proof, where one is asked for.
async fn vouched(
    session: &Session,
    call: impl AsyncFn(&RescueOptions) -> Result<RescueState, Error>,
) -> Result<RescueState, Failure> {
    match call(&RescueOptions::default()).await {
        Err(error) if error.is(ErrorName::ProofRequired) => {
            let asked = VerifyOptions {
                service: Some(RESCUE_SERVICE.to_owned()),
                ..VerifyOptions::default()
            };
            let question = "Code of your own second factor: ";
            let mut source = CodeSource::User;
            let receipt = proof::attempt(session, "", &asked, &mut source, question).await?;
            let Some(receipt) = receipt else {
                return Err(error.into());
            };
            let proof = Some(receipt.receipt.clone());
            if let Some(code) = proof::replacement(receipt)? {
                proof::tell_replacement(session, &code)?;
            }
            Ok(call(&RescueOptions { proof }).await?)
        }
        other => Ok(other?),
    }
}

fn tell(session: &Session, account: &str, state: RescueState) -> Result<(), Failure> {
    let RescueState {
        state,
        approvals_missing,
        not_before,
        until,
        bypass,
    } = state;
    let bypass = bypass.map(unseal_text).transpose()?;
    if session.global.json {
        return output::print_json(&json!({
            "account": account,
            "state": state,
            "approvals_missing": approvals_missing,
            "not_before": not_before,
            "until": until,
            "bypass": bypass.as_ref().map(|code| code.as_str()),
        }));
    }
    output::print(&text(account, approvals_missing, not_before, until, bypass))
}

fn text(
    account: &str,
    approvals_missing: u32,
    not_before: Option<u64>,
    until: Option<u64>,
    bypass: Option<Zeroizing<String>>,
) -> String {
    let account = output::harmless(account);
    if let Some(code) = bypass {
        let until = until.map_or(String::new(), |end| format!(", until {}", when::time(end)));
        return format!(
            "{}\nThis code lets {account} in once{until}. Read it out to its owner alone; a new \
             enrolment follows.\n",
            *code
        );
    }
    let mut text = format!("The rescue of {account} is open.\n");
    if approvals_missing > 0 {
        text +=
            &format!("It waits for {approvals_missing} more: `oathctl admin approve {account}`.\n");
    }
    if let Some(at) = not_before {
        text += &format!(
            "Its owner can call it off until {}; after that `oathctl admin approve {account}` \
             gives the code.\n",
            when::time(at)
        );
    }
    text
}

/// Calls a rescue off.
pub(super) async fn cancel(session: &Session, args: &AccountArg) -> Result<(), Failure> {
    let accounts = session.client.accounts();
    let account = accounts.describe(&args.account).await?.account;
    accounts.cancel_rescue(&account).await?;
    done(session, &account, "is not rescued")
}

/// Lifts waits.
pub(super) async fn unlock(session: &Session, args: &WhoArgs) -> Result<(), Failure> {
    session
        .client
        .administration()
        .unlock(&args.account)
        .await?;
    done(session, &full(&args.account), "need not wait")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_with_its_realm() {
        assert_eq!(full("ada"), "ada@local");
        assert_eq!(full("ada@shop"), "ada@shop");
        assert_eq!(full("ada@example.org@shop"), "ada@example.org@shop");
    }

    #[test]
    fn a_rescue_tells_what_it_waits_for_or_gives_the_code() {
        let waits = text("ada", 1, None, None, None);
        assert!(waits.contains("waits for 1 more: `oathctl admin approve ada`"));
        let cancel = text("ada", 0, Some(0), None, None);
        assert!(cancel.contains("call it off until 1970-01-01 00:00 UTC"));
        let issued = text("ada", 0, None, Some(3600), Some("ABCD".to_owned().into()));
        assert!(
            issued.starts_with("ABCD\nThis code lets ada in once, until 1970-01-01 01:00 UTC.")
        );
    }
}
