//! `oathctl locked-out`.

use oathd_client::{StatusRecord, VerifyOptions};

use crate::cli::account::AccountArg;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, records, ways};

/// Shows the ways that are open at this moment, in the order to try.
pub(crate) async fn run(session: &Session, args: &AccountArg) -> Result<(), Failure> {
    let verifier = session.client.verifier();
    let options = VerifyOptions::default();
    let status = verifier.status(&args.account, &options).await?;
    match session.global.json {
        true => output::print_json(&records::status(&status)),
        false => output::print(&text(&status)),
    }
}

fn text(status: &StatusRecord) -> String {
    let account = output::harmless(&status.account);
    if !status.enrolled {
        return format!("{account} has no second factor: none is asked for.\n");
    }
    let mut text = format!("Ways into {account} at this moment, the best one first:\n");
    for (number, line) in ways::lines(status).iter().enumerate() {
        text += &format!("  {}. {line}\n", number + 1);
    }
    for line in ways::advice(status) {
        text += &format!("{line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_client::WayRecord;

    #[test]
    fn the_ways_are_numbered_and_the_password_is_left_alone() {
        let way = |kind: &str| WayRecord {
            kind: kind.into(),
            ..WayRecord::default()
        };
        let mut status = StatusRecord {
            account: "ada@local".into(),
            enrolled: true,
            clock_trusted: true,
            ways: vec![way("recovery"), way("administrator")],
            ..StatusRecord::default()
        };
        let said = text(&status);
        assert!(said.contains("  1. a recovery code, typed") && said.contains("  2. an admin"));
        assert!(said.contains("\nDo not reset the password"), "{said}");
        status.enrolled = false;
        assert_eq!(
            text(&status),
            "ada@local has no second factor: none is asked for.\n"
        );
    }
}
