//! `oathctl import`.

use oathd_oath::NewCredential;
use oathd_oath::import::{self, Imported};
use serde_json::{Value, json};

use crate::cli::{Global, ImportArgs};
use crate::failure::{Failure, sentence};
use crate::session::Session;
use crate::{output, prompt, write};

/// Shows what an export holds.
pub(crate) fn show(global: &Global, args: &ImportArgs) -> Result<(), Failure> {
    let entries = read(args)?;
    match global.json {
        true => output::print_json(&entries.iter().map(planned).collect::<Vec<_>>()),
        false => output::print(&listing(&entries)),
    }
}

/// Stores the credentials of an export, one after the other.
pub(crate) async fn run(session: &Session, args: &ImportArgs) -> Result<(), Failure> {
    write::force_on_one(args.write.force, session.global.token.len())?;
    let entries = read(args)?;
    if !args.yes {
        output::tell(listing(&entries).trim_end());
        prompt::confirm("Store these credentials?")?;
    }
    let tokens = session.named_tokens().await?;
    let mut rows = Vec::new();
    let mut first_failure = None;
    for entry in &entries {
        let (text, row, failure) = match entry {
            Err(refused) => (format!("refused  {refused}\n"), planned(entry), None),
            Ok(credential) => {
                let id = id(credential);
                match write::write(session, &tokens, credential, &args.write).await {
                    Ok(id) => (
                        format!("added    {}\n", output::harmless(&id)),
                        json!({ "id": id, "result": "added", "error": null }),
                        None,
                    ),
                    Err(failure) => (
                        format!("failed   {}: {}\n", output::harmless(&id), failure.message),
                        json!({
                            "id": id,
                            "result": "failed",
                            "error": failure.to_json()["error"],
                        }),
                        Some(failure),
                    ),
                }
            }
        };
        first_failure = first_failure.or(failure);
        match session.global.json {
            true => rows.push(row),
            false => output::print(&text)?,
        }
    }
    let refused = entries.iter().filter(|entry| entry.is_err()).count();
    let incomplete = match first_failure {
        Some(failure) => Some(failure),
        None if refused > 0 => Some(Failure::input(
            "EntriesRefused",
            format!("{refused} of {} entries cannot be stored.", entries.len()),
            "The list says why; add them by hand from their accounts' pages.",
        )),
        None => None,
    };
    match (incomplete, session.global.json) {
        (None, true) => output::print_json(&rows),
        (None, false) => Ok(()),
        (Some(failure), _) => Err(failure.with("entries", rows)),
    }
}

fn read(args: &ImportArgs) -> Result<Imported, Failure> {
    let export = prompt::read_all(prompt::source(&args.file))?;
    let refuse = |message: String| {
        Failure::input(
            "InvalidExport",
            message,
            "Export again, without a password, in a format that `oathctl help import` names.",
        )
    };
    match import::parse(&export) {
        Err(error) => Err(refuse(sentence(&error.to_string()))),
        Ok(entries) if entries.is_empty() => Err(refuse("The export is empty.".to_owned())),
        Ok(entries) => Ok(entries),
    }
}

fn id(credential: &NewCredential) -> String {
    match credential.id() {
        Ok(id) => id.to_string(),
        Err(_) => credential.name.clone(),
    }
}

/// What will be stored and what will not.
fn listing(entries: &Imported) -> String {
    let good: Vec<_> = entries.iter().flatten().map(write::summary).collect();
    let bad = entries.iter().filter_map(|entry| entry.as_ref().err());
    let bad: String = bad.map(|refused| format!("refused: {refused}\n")).collect();
    output::columns(&good) + &bad
}

fn planned(entry: &Result<NewCredential, import::Refused>) -> Value {
    match entry {
        Ok(credential) => json!({
            "id": id(credential),
            "result": "planned",
            "error": null,
        }),
        Err(refused) => json!({
            "id": null,
            "result": "refused",
            "error": {
                "name": "InvalidEntry",
                "message": refused.to_string(),
                "remedy": "Add it by hand from the account's page.",
                "details": { "entry": refused.number },
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_is_listed_and_what_is_bad_says_why_without_its_secret() {
        let entries = import::parse(
            "otpauth://totp/GitHub:me?secret=GEZDGNBVGY3TQOJQ\notpauth://totp/you?secret=ABC1\n",
        )
        .unwrap();
        let text = listing(&entries);
        assert!(
            text.starts_with("GitHub:me  TOTP  SHA1  6 digits  30 s\n"),
            "{text}"
        );
        assert!(text.contains("refused: entry 2"), "{text}");
        assert!(
            !text.contains("ABC1") && !text.contains("GEZDGNBV"),
            "{text}"
        );
        assert_eq!(planned(&entries[0])["id"], "GitHub:me");
        assert_eq!(planned(&entries[1])["result"], "refused");
    }
}
