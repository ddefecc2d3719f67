//! `oathctl channel`.

use oathd_client::{ChannelOptions, ErrorName, SentRecord, VerifyOptions};
use serde_json::json;

use crate::cli::account::{AccountArg, ChannelAddArgs, ChannelCommand, ChannelIdArgs};
use crate::code_source::CodeSource;
use crate::command::account::status;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, proof, records, when};

/// How often a code is asked for on a terminal.
const TRIES: u32 = 3;

/// Looks after channels.
pub(crate) async fn run(session: &Session, command: &ChannelCommand) -> Result<(), Failure> {
    match command {
        ChannelCommand::List(args) => list(session, args).await,
        ChannelCommand::Add(args) => add_one(session, args).await,
        ChannelCommand::Confirm(args) => confirm_one(session, args).await,
        ChannelCommand::Remove(args) => remove(session, args).await,
        ChannelCommand::Send(args) => send(session, args).await,
    }
}

async fn list(session: &Session, args: &AccountArg) -> Result<(), Failure> {
    let channels = session.client.accounts().describe(&args.account).await?;
    let channels = channels.channels;
    if session.global.json {
        return output::print_json(&channels.iter().map(records::channel).collect::<Vec<_>>());
    }
    let rows: Vec<_> = channels.iter().map(status::channel_row).collect();
    output::print(&output::columns(&rows))
}

/// A channel that was added.
pub(super) struct Added {
    pub(super) id: u32,
    pub(super) sent: SentRecord,
    pub(super) confirmed: bool,
}

impl Added {
    /// The channel for programs.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let mut row = records::sent(self.id, &self.sent);
        row["confirmed"] = json!(self.confirmed);
        row
    }
}

async fn add_one(session: &Session, args: &ChannelAddArgs) -> Result<(), Failure> {
    let account = args.account.account.as_str();
    let mut source = CodeSource::User;
    let (kind, address) = (args.kind.as_str(), args.address.as_str());
    let added = add(session, account, kind, address, args.until, &mut source).await?;
    match session.global.json {
        true => output::print_json(&added.to_json()),
        false => output::print(&format!("{}\n", added_line(&added))),
    }
}

/// Adds a channel and, where somebody is there to type it, takes the code that was sent.
pub(super) async fn add(
    session: &Session,
    account: &str,
    kind: &str,
    address: &str,
    not_after: Option<u64>,
    source: &mut CodeSource,
) -> Result<Added, Failure> {
    let accounts = session.client.accounts();
    let (id, sent) = proof::proven_by(session, account, source, async |proof| {
        let options = ChannelOptions {
            proof,
            session: None,
            not_after,
        };
        accounts.add_channel(account, kind, address, &options).await
    })
    .await?;
    if !session.global.json {
        output::tell(&sent_line(&sent));
    }
    let confirmed = session.can_ask() && confirm(session, account, id).await?;
    Ok(Added {
        id,
        sent,
        confirmed,
    })
}

pub(super) fn added_line(added: &Added) -> String {
    match added.confirmed {
        true => format!("Channel {} is confirmed.", added.id),
        false => format!(
            "Channel {0} counts when its code is back: `oathctl channel confirm {0}`.",
            added.id
        ),
    }
}

/// Where a code went, and what is to be said about that place.
pub(super) fn sent_line(sent: &SentRecord) -> String {
    let address = output::harmless(&sent.address);
    let reason = sent.reason.as_deref().map(output::harmless);
    let mut line = match sent.delivery {
        Some(_) => format!(
            "A code is on its way to {address}, good until {}.",
            when::time(sent.until)
        ),
        None => {
            let reason = reason.as_deref().unwrap_or("unknown");
            format!(
                "No code could be sent to {address} ({reason}); `oathctl channel send` tries again."
            )
        }
    };
    if sent.verdict.as_deref() == Some("caution") {
        let caution = match reason.as_deref() {
            Some("telephone_network") => {
                "others can read or divert text messages, in the provider's web page or with a \
                 second card"
            }
            Some("not_mobile") => "this line may take no text messages",
            Some("same_machine") => "it is a mailbox of this host, and whoever is in has the code",
            other => other.unwrap_or("it may be unsafe"),
        };
        line += &format!(" Think twice about this address: {caution}.");
    }
    line
}

/// Takes the code of a channel on the terminal. Whether the channel is confirmed.
async fn confirm(session: &Session, account: &str, id: u32) -> Result<bool, Failure> {
    let accounts = session.client.accounts();
    for _ in 0..TRIES {
        let code = session.typed("The code that came (Enter to do it later): ")?;
        if code.is_empty() {
            return Ok(false);
        }
        match accounts.confirm_channel(account, id, &code).await {
            Ok(()) => return Ok(true),
            Err(error)
                if error.is(ErrorName::WrongCode) || error.is(ErrorName::InvalidResponse) =>
            {
                output::tell(Failure::from(error).text().trim_end());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

async fn confirm_one(session: &Session, args: &ChannelIdArgs) -> Result<(), Failure> {
    let code = session.typed("The code that came: ")?;
    if code.is_empty() {
        return Err(Failure::no_code());
    }
    let accounts = session.client.accounts();
    let account = args.account.account.as_str();
    accounts
        .confirm_channel(account, args.channel, &code)
        .await?;
    done(session, args.channel, "is confirmed")
}

async fn remove(session: &Session, args: &ChannelIdArgs) -> Result<(), Failure> {
    let accounts = session.client.accounts();
    let account = args.account.account.as_str();
    proof::proven(session, account, async |proof| {
        let options = proof::options(proof);
        accounts
            .remove_channel(account, args.channel, &options)
            .await
    })
    .await?;
    done(session, args.channel, "is removed")
}

/// Sends a code to sign in with; to a channel that is not verified its first code once more.
async fn send(session: &Session, args: &ChannelIdArgs) -> Result<(), Failure> {
    let (account, id) = (args.account.account.as_str(), args.channel);
    let accounts = session.client.accounts();
    let known = accounts.describe(account).await?.channels;
    let fresh = known.iter().any(|c| c.id == id && c.verified.is_none());
    let sent = match fresh {
        true => accounts.send_channel_code(account, id).await?,
        false => {
            let options = VerifyOptions::default();
            let verifier = session.client.verifier();
            verifier.send_code(account, id, &options).await?
        }
    };
    match session.global.json {
        true => output::print_json(&records::sent(id, &sent)),
        false => output::print(&format!("{}\n", sent_line(&sent))),
    }
}

fn done(session: &Session, channel: u32, what: &str) -> Result<(), Failure> {
    match session.global.json {
        true => output::print_json(&json!({ "channel": channel })),
        false => output::print(&format!("Channel {channel} {what}.\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_told_with_its_cautions() {
        let mut sent = SentRecord {
            delivery: Some("1".into()),
            address: "+43…67".into(),
            ..SentRecord::default()
        };
        assert_eq!(
            sent_line(&sent),
            "A code is on its way to +43…67, good until 1970-01-01 00:00 UTC."
        );
        sent.verdict = Some("caution".into());
        for (reason, told) in [
            (
                "telephone_network",
                ": others can read or divert text messages",
            ),
            ("not_mobile", ": this line may take"),
            ("same_machine", ": it is a mailbox of this host"),
            ("mobile", ": mobile."),
        ] {
            sent.reason = Some(reason.into());
            let told = format!("Think twice about this address{told}");
            assert!(sent_line(&sent).contains(&told), "{reason}");
        }
        sent.delivery = None;
        sent.verdict = Some("ok".into());
        assert_eq!(
            sent_line(&sent),
            "No code could be sent to +43…67 (mobile); `oathctl channel send` tries again."
        );
    }
}
