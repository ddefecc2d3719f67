//! sshd, which lets in by a key without asking PAM anything, unless it is told to ask for more.

use super::{Facts, Finding};
use crate::pam_stack::Line;

/// Whether `files` of sshd's settings, in the order in which sshd reads them, let in by a key alone; see
/// sshd_config(5). What is set for some users, in `Match` blocks, is not looked at.
pub(crate) fn key_suffices(files: &[String]) -> bool {
    let set = |wanted: &str| {
        let lines = files.iter().flat_map(|text| everybodys(text));
        let mut values = lines.filter_map(|line| {
            let (keyword, value) = line.split_once([' ', '\t', '='])?;
            let same = keyword.eq_ignore_ascii_case(wanted);
            same.then(|| value.trim_matches([' ', '\t', '=', '"']).to_lowercase())
        });
        // The first one counts.
        values.next()
    };
    if set("PubkeyAuthentication").as_deref() == Some("no") {
        return false;
    }
    let Some(methods) = set("AuthenticationMethods") else {
        return true;
    };
    let asks = |method: &str| method == "password" || method.starts_with("keyboard-interactive");
    let mut ways = methods.split_whitespace();
    ways.any(|way| !way.split(',').any(asks))
}

/// The lines of a file that are for everybody.
fn everybodys(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    let word = |line: &str| line.split([' ', '\t']).next().map(str::to_lowercase);
    lines.take_while(move |line| word(line).as_deref() != Some("match"))
}

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    match suffices_where_it_should_not(facts) {
        true => vec![Finding::note(
            "pam",
            "By ssh, whoever has a key comes in without being asked for the second factor.",
            "`KbdInteractiveAuthentication yes` and `AuthenticationMethods publickey,keyboard-interactive` for sshd, with the stack for them: see /usr/share/doc/oathd/pam.md.",
        )],
        false => Vec::new(),
    }
}

/// Whether a key lets in by ssh although the stack of sshd asks for the second factor.
pub(super) fn suffices_where_it_should_not(facts: &Facts) -> bool {
    let logins = facts.logins.iter().flat_map(|logins| &logins.services);
    let asks = logins
        .filter(|login| login.name == "sshd")
        .any(|login| login.lines.iter().any(Line::is_oathds));
    asks && facts.ssh_key_suffices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_suffices_unless_more_is_asked() {
        let suffices = |files: &[&str]| {
            let files: Vec<_> = files.iter().map(|text| (*text).to_owned()).collect();
            key_suffices(&files)
        };
        for open in [
            "",
            "UsePAM yes\n# AuthenticationMethods publickey,keyboard-interactive",
            "AuthenticationMethods any",
            "AuthenticationMethods publickey,keyboard-interactive publickey",
            "Match User ada\nAuthenticationMethods publickey,keyboard-interactive",
            "PubkeyAuthentication yes\nPubkeyAuthentication no",
        ] {
            assert!(suffices(&[open]), "{open}");
        }
        for shut in [
            "AuthenticationMethods publickey,keyboard-interactive",
            "authenticationmethods=publickey,keyboard-interactive:pam",
            "AuthenticationMethods \"publickey,password keyboard-interactive\"",
            "PubkeyAuthentication no",
        ] {
            assert!(!suffices(&[shut]), "{shut}");
            assert!(!suffices(&[shut, "AuthenticationMethods publickey"]));
        }
    }
}
