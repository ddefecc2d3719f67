//! What concerns people: their account, and the logins.

use oathd_client::ConcernRecord;

use super::Verdict::{Note, Problem, Warning};
use super::*;

#[test]
fn an_owner_is_told_how_to_come_in_again() {
    finds("factor", Note, "oathctl enroll", |facts| {
        account(facts).enrolled = false
    });
    finds("factor", Problem, "oathctl enroll", |facts| {
        account(facts).enrolled = false;
        account(facts).requirement = "enrol_first".to_owned();
    });
    finds("factor", Warning, "oathctl enroll", |facts| {
        account(facts).must_reenrol = true
    });
    for (left, expected) in [
        (None, true),
        (Some(0), true),
        (Some(3), true),
        (Some(4), false),
    ] {
        let found = after(|facts| account(facts).recovery_codes_left = left);
        assert_eq!(
            found.iter().any(|finding| finding.verdict == Warning),
            expected
        );
    }
    finds("factor", Note, "--role backup", |facts| {
        account(facts).concerns = vec![ConcernRecord {
            kind: "single_factor".to_owned(),
            ..ConcernRecord::default()
        }];
    });
}

#[test]
fn a_stack_that_can_be_passed_is_told_once_with_all_that_share_it() {
    let stacks = |text: &'static str| {
        move |facts: &mut Facts| {
            logins(facts).services = vec![login("su", text), login("sudo", text)];
        }
    };
    finds(
        "pam",
        Problem,
        "man pam_oathd",
        stacks("auth [success=done default=die] pam_unix.so\nauth required pam_oathd.so"),
    );
    let found = after(stacks(
        "auth [success=done default=die] pam_unix.so\nauth required pam_oathd.so",
    ));
    assert_eq!(
        found[0].finding,
        "su and sudo: `pam_unix.so` lets in without the second factor."
    );
    finds(
        "pam",
        Warning,
        "before it",
        stacks(
            "auth sufficient pam_mine.so\nauth requisite pam_unix.so\nauth required pam_oathd.so",
        ),
    );
    finds(
        "pam",
        Problem,
        "`required`",
        stacks("auth requisite pam_unix.so\nauth optional pam_oathd.so"),
    );
    finds(
        "pam",
        Problem,
        "`requisite`",
        stacks("auth optional pam_unix.so\nauth required pam_oathd.so"),
    );
    finds(
        "pam",
        Problem,
        "root shell",
        stacks("auth required pam_oathd.so\nauth required pam_deny.so"),
    );
    assert_eq!(
        after(stacks(
            "auth sufficient pam_rootok.so\nauth requisite pam_unix.so\nauth required pam_oathd.so"
        )),
        []
    );
    let after_a_key = "auth required pam_oathd.so\nauth required pam_permit.so";
    finds("pam", Problem, "password before", stacks(after_a_key));
    finds("pam", Note, "AuthenticationMethods", |facts| {
        logins(facts).services = vec![login("sshd", after_a_key)];
    });
    finds("pam", Problem, "libpam-oathd", |facts| {
        logins(facts).has_module = false
    });
    finds("pam", Warning, "pam confirm", |facts| {
        logins(facts).on_trial = true
    });
    finds(
        "pam",
        Note,
        "pam enable --try",
        stacks("auth required pam_unix.so"),
    );
    finds("pam", Note, "pam.d", |facts| {
        logins(facts)
            .services
            .push(login("sshd", "auth required pam_unix.so"));
    });
    assert!(
        after(|facts| {
            stacks("auth required pam_unix.so")(facts);
            account(facts).enrolled = false;
        })
        .iter()
        .all(|finding| finding.check == "factor")
    );
}

#[test]
fn a_key_that_lets_in_by_ssh_is_told_where_ssh_should_ask() {
    let by_key = |facts: &mut Facts| {
        facts.ssh_key_suffices = true;
        logins(facts).services.push(login("sshd", COMMON));
    };
    finds("pam", Note, "AuthenticationMethods", by_key);
    let mut facts = well();
    by_key(&mut facts);
    let found = examine(&facts);
    let ok = found
        .iter()
        .find(|found| found.check == "pam" && found.verdict == Verdict::Ok);
    let told = "Nobody comes past the second factor at sudo.";
    assert_eq!(ok.unwrap().finding, told);
    assert_eq!(after(|facts| facts.ssh_key_suffices = true), []);
}
