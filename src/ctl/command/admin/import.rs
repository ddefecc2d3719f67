//! `oathctl admin import`.

use std::path::Path;

use oathd_client::{ExitCode, ImportAccountsOptions, ImportRow, seal};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::admin::ImportAccountsArgs;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, prompt};

/// The most that oathd takes, in MiB.
const MOST: u64 = 16;

/// Takes over the factors of another verifier.
pub(super) async fn run(session: &Session, args: &ImportAccountsArgs) -> Result<(), Failure> {
    let export = read(&args.file)?;
    let key = args.key_file.as_deref();
    let key = key.map(|file| prompt::read_all(Some(file))).transpose()?;
    let key = key.map(|key| seal(key.trim_end().as_bytes())).transpose()?;
    let options = ImportAccountsOptions {
        format: Some(args.format.replace('-', "_")),
        realm: args.realm.clone(),
        account: args.account.clone(),
        key: key.map(zbus::OwnedFd::from),
        utc_offset: args.utc_offset,
        dry_run: args.dry_run.then_some(true),
    };
    let administration = session.client.administration();
    let rows = administration.import(&export, &options).await?;
    let refused = rows.iter().filter(|row| row.state == "refused").count();
    let all: Vec<_> = rows.iter().map(to_json).collect();
    if !session.global.json {
        let lines: Vec<_> = rows.iter().map(columns).collect();
        output::print(&output::columns(&lines))?;
    }
    if refused > 0 {
        return Err(Failure::new(
            ExitCode::BadInput,
            "EntriesRefused",
            format!("{refused} of {} entries were refused.", rows.len()),
            "The others are taken over; their lines say what is wrong with these.",
        )
        .with("entries", all));
    }
    match session.global.json {
        true => output::print_json(&all),
        false => Ok(()),
    }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = prompt::read_bytes(prompt::source(file), MOST)?;
    match bytes.is_empty() {
        true => Err(Failure::input(
            "InputEmpty",
            format!("{} is empty.", file.display()),
            "Give the file of the other verifier.",
        )),
        false => Ok(bytes),
    }
}

fn columns(row: &ImportRow) -> Vec<String> {
    let what = match row.state.as_str() {
        "imported" => "taken over".to_owned(),
        "would_import" => "would be taken over".to_owned(),
        "present" => "there already".to_owned(),
        other => output::harmless(other),
    };
    let notes = row.reason.iter().chain(&row.notes);
    let notes: Vec<_> = notes.map(|note| output::harmless(note)).collect();
    vec![output::harmless(&row.account), what, notes.join("; ")]
}

fn to_json(row: &ImportRow) -> Value {
    json!({
        "account": row.account,
        "state": row.state,
        "reason": row.reason,
        "notes": row.notes,
        "factor": row.factor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.oath");
        assert_eq!(read(&path).unwrap_err().name, "Unreadable");
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(&path).unwrap_err().name, "InputEmpty");
        std::fs::write(&path, "HOTP ada - 00\n").unwrap();
        assert_eq!(**read(&path).unwrap(), *b"HOTP ada - 00\n");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len((MOST << 20) + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().name, "InputTooLarge");
    }

    #[test]
    fn a_row_tells_why_it_was_refused() {
        let row = ImportRow {
            account: "ada".into(),
            state: "refused".into(),
            reason: Some("no such user".into()),
            notes: vec!["weak".into()],
            factor: None,
        };
        assert_eq!(columns(&row), ["ada", "refused", "no such user; weak"]);
        assert_eq!(to_json(&row)["factor"], Value::Null);
    }
}
