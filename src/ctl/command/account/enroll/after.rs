//! What comes after a factor is on: a channel, the other sessions of the user, and what does not
//! ask for it.

use super::Enrolled;
use crate::cli::enroll::EnrollArgs;
use crate::command::account::{channel, sessions};
use crate::failure::Failure;
use crate::session::Session;
use crate::{logind, output, prompt};

/// Offers what comes after. The factor is on whatever becomes of it.
pub(super) async fn run(
    session: &Session,
    args: &EnrollArgs,
    enrolled: &mut Enrolled,
) -> Result<(), Failure> {
    if let Err(failure) = add_channel(session, args, enrolled).await {
        if !session.can_ask() {
            return Err(failure.with("enrolled", enrolled.to_json()));
        }
        output::tell(failure.text().trim_end());
        output::tell("The second factor is on all the same; `oathctl channel add` tries again.");
    }
    end_sessions(session, args, enrolled).await?;
    if session.global.json {
        return Ok(());
    }
    output::print(
        "These logins do not ask for it: SSH with a key, cron jobs, and su by root.\n\
         `oathctl status` shows what you have, `oathctl locked-out` the ways back in.\n",
    )
}

async fn add_channel(
    session: &Session,
    args: &EnrollArgs,
    enrolled: &mut Enrolled,
) -> Result<(), Failure> {
    let wanted = match &args.channel {
        Some(wanted) => wanted.clone(),
        None if args.no_channel || !session.can_ask() => return Ok(()),
        None => {
            output::tell(
                "A channel gets a code when all else is lost, and notices of every change. A text \
                 message is the weakest way of all; a second token is better.",
            );
            let question = "A channel, such as email ada@example.org (Enter for none): ";
            prompt::visible(question)?.to_string()
        }
    };
    if wanted.is_empty() {
        return Ok(());
    }
    let (kind, address) = split(&wanted).ok_or_else(|| {
        Failure::usage(format!(
            "{wanted:?} is no channel such as email:ada@example.org or sms:+436641234567."
        ))
    })?;
    let (account, source) = (enrolled.account.clone(), &mut enrolled.source);
    let added = channel::add(session, &account, kind, address, None, source).await?;
    if !session.global.json {
        output::print(&format!("{}\n", channel::added_line(&added)))?;
    }
    enrolled.channel = Some(added.to_json());
    Ok(())
}

/// `KIND:ADDRESS` or `KIND ADDRESS`.
pub(crate) fn split(channel: &str) -> Option<(&str, &str)> {
    let (kind, address) = channel.split_once([':', ' '])?;
    let address = address.trim();
    (!kind.is_empty() && !address.is_empty()).then_some((kind, address))
}

/// Ends the other sessions of the user who enrolled, if that is wanted.
async fn end_sessions(
    session: &Session,
    args: &EnrollArgs,
    enrolled: &mut Enrolled,
) -> Result<(), Failure> {
    if args.keep_sessions || !(args.end_sessions || session.can_ask()) {
        return Ok(());
    }
    let account = session
        .client
        .accounts()
        .describe(&enrolled.account)
        .await?;
    if account.uid != Some(rustix::process::getuid().as_raw()) {
        return Ok(());
    }
    let open = logind::sessions(session.client.connection()).await;
    let others: Vec<_> = open.others().map(|other| other.place.clone()).collect();
    if others.is_empty() && !args.end_sessions {
        return Ok(());
    }
    let question = format!(
        "You have {} other sessions on this host ({}). End them? [y/N] ",
        others.len(),
        output::harmless(&others.join("; "))
    );
    if args.end_sessions || prompt::yes(&question, false)? {
        enrolled.ended_local_sessions = sessions::end_others(session, &open).await?;
        if !session.global.json {
            let ended = enrolled.ended_local_sessions;
            output::print(&format!("{}\n", sessions::ended_line(ended)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_a_kind_and_an_address() {
        assert_eq!(split("sms:+43664"), Some(("sms", "+43664")));
        assert_eq!(split("email  a@b"), Some(("email", "a@b")));
        assert_eq!(split("file:/a:b"), Some(("file", "/a:b")));
        for wrong in ["", "sms", "sms:", ":x", " x"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
