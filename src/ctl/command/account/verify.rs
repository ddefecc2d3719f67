//! `oathctl verify`.

use oathd_client::{ErrorName, PresenceOptions, ReceiptRecord, VerifyOptions};

use crate::cli::account::VerifyArgs;
use crate::code_source::CodeSource;
use crate::command::account::channel;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, proof, records};

/// Checks a response, or has the token prove that it is here.
pub(crate) async fn run(session: &Session, args: &VerifyArgs) -> Result<(), Failure> {
    let receipt = match args.presence {
        true => presence(session, args).await?,
        false => response(session, args).await?,
    };
    tell(session, receipt)
}

async fn response(session: &Session, args: &VerifyArgs) -> Result<ReceiptRecord, Failure> {
    let account = args.account.account.as_str();
    let options = VerifyOptions {
        service: args.service.clone(),
        remote_host: args.remote_host.clone(),
        session: None,
    };
    if let Some(wanted) = args.send_code {
        let id = match wanted {
            Some(id) => id,
            None => first_channel(session, account, &options).await?,
        };
        let sent = session.client.verifier();
        let sent = sent.send_code(account, id, &options).await?;
        output::tell(&channel::sent_line(&sent));
    }
    let question = "Code, or `?` for the ways that are open: ";
    let mut source = CodeSource::User;
    let receipt = proof::attempt(session, account, &options, &mut source, question).await?;
    receipt.ok_or_else(Failure::no_code)
}

/// The first channel that codes can be sent to.
async fn first_channel(
    session: &Session,
    account: &str,
    options: &VerifyOptions,
) -> Result<u32, Failure> {
    let status = session.client.verifier().status(account, options).await?;
    let mut open = status.ways.iter().filter(|way| way.kind == "out_of_band");
    let first = open.find_map(|way| way.id);
    first.ok_or_else(|| {
        Failure::explained(
            ErrorName::NoSuchFactor,
            "No channel is there that a code can be sent to",
        )
    })
}

async fn presence(session: &Session, args: &VerifyArgs) -> Result<ReceiptRecord, Failure> {
    let verifier = session.client.verifier();
    let account = args.account.account.as_str();
    let mut options = PresenceOptions {
        service: args.service.clone(),
        remote_host: args.remote_host.clone(),
        ..PresenceOptions::default()
    };
    match verifier.verify_presence(account, &options).await {
        Err(error) if error.is(ErrorName::TouchRequired) => {
            output::tell("Touch the token: it blinks.");
            options.allow_touch = Some(true);
            Ok(verifier.verify_presence(account, &options).await?)
        }
        other => Ok(other?),
    }
}

fn tell(session: &Session, mut receipt: ReceiptRecord) -> Result<(), Failure> {
    let code = receipt.replacement.take();
    let code = code.map(oathd_client::unseal_text).transpose()?;
    if session.global.json {
        let code = code.as_ref().map(|code| code.as_str());
        return output::print_json(&records::receipt(&receipt, code));
    }
    if let Some(code) = code {
        proof::tell_replacement(session, &code)?;
    }
    output::print(&text(&receipt))
}

fn text(receipt: &ReceiptRecord) -> String {
    let account = output::harmless(&receipt.account);
    let way = match receipt.way.as_str() {
        "code" => "a code".to_owned(),
        "presence" => "a touch".to_owned(),
        "recovery" | "legacy_recovery" => "a recovery code".to_owned(),
        "out_of_band" => "a code that was sent".to_owned(),
        "bypass" => "the bypass code of an administrator".to_owned(),
        other => output::harmless(other),
    };
    let mut text = format!("Right: {account}, by {way}.\n");
    if let Some(left) = receipt.recovery_codes_left
        && receipt.way.ends_with("recovery")
    {
        text += &format!("{left} recovery codes are left.\n");
    }
    if receipt.must_reenrol {
        text += "Enrol a factor anew: `oathctl enroll`.\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_ends_in_a_new_enrolment() {
        let receipt = |way: &str, must_reenrol| ReceiptRecord {
            account: "ada@local".into(),
            way: way.into(),
            must_reenrol,
            recovery_codes_left: Some(9),
            ..ReceiptRecord::default()
        };
        assert_eq!(
            text(&receipt("code", false)),
            "Right: ada@local, by a code.\n"
        );
        assert_eq!(
            text(&receipt("recovery", true)),
            "Right: ada@local, by a recovery code.\n9 recovery codes are left.\n\
             Enrol a factor anew: `oathctl enroll`.\n"
        );
    }
}
