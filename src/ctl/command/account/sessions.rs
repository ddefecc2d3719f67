//! `oathctl sessions`: those of a service's account, or those of a user on this host.

use std::path::Path;

use oathd_client::{EndOptions, seal};
use serde_json::json;

use crate::cli::account::SessionsArgs;
use crate::command::account::login;
use crate::failure::Failure;
use crate::logind::{self, LocalSessions};
use crate::session::Session;
use crate::{output, records, when};

/// Lists or ends sessions.
pub(crate) async fn run(session: &Session, args: &SessionsArgs) -> Result<(), Failure> {
    let account = args.account.account.as_str();
    match account.rsplit_once('@') {
        None if account.is_empty() => of_user(session, args).await,
        Some((_, realm)) if realm != "local" => of_service(session, args).await,
        _ => Err(Failure::usage(
            "Sessions of a user of this host are listed and ended by that user, without a name.",
        )),
    }
}

async fn of_service(session: &Session, args: &SessionsArgs) -> Result<(), Failure> {
    let accounts = session.client.accounts();
    let account = args.account.account.as_str();
    if args.end || args.end_others {
        let options = EndOptions {
            session: None,
            keep: keep(args.session_file.as_deref())?,
        };
        let ended = accounts.end_sessions(account, &options).await?;
        return told(session, ended.into());
    }
    let sessions = accounts.sessions(account).await?;
    if session.global.json {
        return output::print_json(&sessions.iter().map(records::session).collect::<Vec<_>>());
    }
    let rows: Vec<_> = sessions
        .iter()
        .map(|session| {
            vec![
                format!("began {}", when::time(session.began)),
                format!("last used {}", when::time(session.last_used)),
                format!("ends {}", when::time(session.until)),
            ]
        })
        .collect();
    output::print(&output::columns(&rows))
}

fn keep(file: Option<&Path>) -> Result<Option<zbus::OwnedFd>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let token = login::read_session(file)?;
    Ok(Some(seal(&token)?.into()))
}

async fn of_user(session: &Session, args: &SessionsArgs) -> Result<(), Failure> {
    if args.session_file.is_some() {
        return Err(Failure::usage(
            "--session-file goes with the account of a service.",
        ));
    }
    let bus = session.client.connection();
    let sessions = logind::sessions(bus).await;
    if args.end || args.end_others {
        let ended = end_others(session, &sessions).await?;
        return told(session, ended);
    }
    if session.global.json {
        let row =
            |s: &logind::LocalSession| json!({ "session": s.id, "place": s.place, "own": s.own });
        return output::print_json(&sessions.all.iter().map(row).collect::<Vec<_>>());
    }
    let row = |session: &logind::LocalSession| {
        let own = if session.own { "this one" } else { "" };
        vec![
            output::harmless(&session.id),
            output::harmless(&session.place),
            own.to_owned(),
        ]
    };
    let rows: Vec<_> = sessions.all.iter().map(row).collect();
    output::print(&output::columns(&rows))
}

/// Ends the other sessions of the user who calls, and counts them.
pub(super) async fn end_others(
    session: &Session,
    sessions: &LocalSessions,
) -> Result<u64, Failure> {
    if !sessions.own_known && !sessions.all.is_empty() {
        output::tell("Which session is this one cannot be told, so none was ended.");
    }
    let mut ended = 0;
    for other in sessions.others() {
        logind::end(session.client.connection(), other).await?;
        ended += 1;
    }
    Ok(ended)
}

fn told(session: &Session, ended: u64) -> Result<(), Failure> {
    match session.global.json {
        true => output::print_json(&json!({ "ended": ended })),
        false => output::print(&format!("{}\n", ended_line(ended))),
    }
}

pub(super) fn ended_line(ended: u64) -> String {
    match ended {
        0 => "No session was ended.".to_owned(),
        1 => "One session was ended.".to_owned(),
        _ => format!("{ended} sessions were ended."),
    }
}
