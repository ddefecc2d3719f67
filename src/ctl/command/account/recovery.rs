//! `oathctl recovery`.

use oathd_client::RecoveryRecord;
use serde_json::json;

use crate::cli::ConfirmArgs;
use crate::cli::account::{AccountArg, NewCodesArgs, PrintArgs, RecoveryCommand};
use crate::command::account::status;
use crate::failure::Failure;
use crate::recovery_codes::{self, NewCodes};
use crate::secret_file::Place;
use crate::session::Session;
use crate::{output, prompt, proof, records, when};

/// Looks after recovery codes.
pub(crate) async fn run(session: &Session, command: &RecoveryCommand) -> Result<(), Failure> {
    match command {
        RecoveryCommand::Show(args) => show(session, args).await,
        RecoveryCommand::New(args) => new(session, args).await,
        RecoveryCommand::Print(args) => print(session, args).await,
    }
}

async fn show(session: &Session, args: &AccountArg) -> Result<(), Failure> {
    let account = session.client.accounts().describe(&args.account).await?;
    if session.global.json {
        return output::print_json(&account.recovery.as_ref().map(records::recovery));
    }
    output::print(&match &account.recovery {
        Some(set) => text(set),
        None => "There are no recovery codes; `oathctl recovery new` makes some.\n".to_owned(),
    })
}

fn text(set: &RecoveryRecord) -> String {
    let row = |code: &oathd_client::RecoveryCodeRecord| {
        let index = match code.index.as_str() {
            "" => "imported".to_owned(),
            index => format!("{}…", output::harmless(index)),
        };
        let state = match code.used {
            Some(used) => format!("used {}", when::time(used)),
            None if code.legacy => "unused, weak".to_owned(),
            None => "unused".to_owned(),
        };
        vec![index, state]
    };
    let rows: Vec<_> = set.codes.iter().map(row).collect();
    format!(
        "{}\n{}The codes themselves are kept as hashes alone; `oathctl recovery new` makes new ones.\n",
        status::recovery_line(set),
        output::columns(&rows)
    )
}

async fn new(session: &Session, args: &NewCodesArgs) -> Result<(), Failure> {
    let account = named(session, &args.account).await?;
    let file = recovery_codes::place(&args.codes, &account)?;
    let codes = make(session, account, &args.confirm).await?;
    let saved = hand_over(session, &codes, file).await?;
    match session.global.json {
        true => output::print_json(&saved),
        false => Ok(()),
    }
}

/// Shows a new set once, or writes it into a file; answers what programs are told.
pub(super) async fn hand_over(
    session: &Session,
    codes: &NewCodes,
    file: Option<Place>,
) -> Result<serde_json::Value, Failure> {
    let file = file.map(|file| file.fill(codes.sheet().as_bytes()));
    let file = file.transpose().map_err(|mut failure| {
        failure.remedy = "These codes are lost; make others with `oathctl recovery new`.".into();
        failure
    })?;
    let mut typed_back = false;
    if !session.global.json {
        match &file {
            Some(path) => output::print(&format!(
                "The recovery codes are in {}. Print it or move it to where your token is not.\n",
                path.display()
            ))?,
            None => output::print(&codes.sheet())?,
        }
        if session.can_ask() {
            typed_back = codes.typed_back(session).await?;
        }
    }
    let shown = session.global.json && file.is_none();
    Ok(json!({
        "recovery_codes": shown.then(|| codes.iter().collect::<Vec<_>>()),
        "recovery_codes_file": file,
        "acknowledged": typed_back,
    }))
}

/// A sheet for a printer, and nothing else, on standard output.
async fn print(session: &Session, args: &PrintArgs) -> Result<(), Failure> {
    if session.global.json {
        return Err(Failure::usage(
            "`recovery print` writes a sheet; `oathctl recovery new --json` gives the codes.",
        ));
    }
    output::tell(
        "A print spool keeps files for a while, and a network printer gets them in the clear.",
    );
    let account = named(session, &args.account).await?;
    let codes = make(session, account, &args.confirm).await?;
    output::print(&codes.sheet())
}

/// The account with its realm.
async fn named(session: &Session, args: &AccountArg) -> Result<String, Failure> {
    let accounts = session.client.accounts();
    Ok(accounts.describe(&args.account).await?.account)
}

async fn make(
    session: &Session,
    account: String,
    confirm: &ConfirmArgs,
) -> Result<NewCodes, Failure> {
    if !confirm.yes {
        prompt::confirm("Make new recovery codes? Those that there are become void.")?;
    }
    let accounts = session.client.accounts();
    let lines = proof::proven(session, &account, async |proof| {
        let options = proof::options(proof);
        accounts.new_recovery_codes(&account, &options).await
    })
    .await?;
    Ok(NewCodes::new(account, lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_client::RecoveryCodeRecord;

    #[test]
    fn codes_are_told_by_their_index_alone() {
        let code = |index: &str, used, legacy| RecoveryCodeRecord {
            index: index.into(),
            used,
            legacy,
        };
        let set = RecoveryRecord {
            left: 2,
            codes: vec![
                code("0", None, false),
                code("1", Some(0), false),
                code("", None, true),
            ],
            suspended: true,
            ..RecoveryRecord::default()
        };
        let said = text(&set);
        assert!(said.starts_with(
            "2 of 3 recovery codes left, made on 1970-01-01, waiting to be renewed\n\
             0…        unused\n1…        used 1970-01-01 00:00 UTC\nimported  unused, weak\n"
        ));
    }
}
