use oathd_client::{ConcernRecord, KeptKeyRecord};
use proptest::prelude::*;

use super::logins::Login;
use super::policy::{Answer, Policy};
use super::service::Unit;
use super::*;
use crate::pam_stack;

const COMMON: &str = "auth requisite pam_unix.so\nauth required pam_oathd.so";

fn login(name: &str, text: &str) -> Login {
    Login {
        name: name.to_owned(),
        lines: pam_stack::lines("x", &|file| (file == "x").then(|| text.to_owned())),
    }
}

/// A host on which all is well.
fn well() -> Facts {
    let loaded = Unit {
        load: "loaded".to_owned(),
        active: "active".to_owned(),
        ..Unit::default()
    };
    let key = KeptKeyRecord {
        uid: 1000,
        token: "12345678".to_owned(),
        kind: "remembered".to_owned(),
        state: "fits".to_owned(),
    };
    Facts {
        uid: 1000,
        service: service::Service {
            failure: None,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            unit: Some(loaded.clone()),
            pcscd_socket: Some(loaded),
        },
        diagnosis: Some(DiagnosisRecord {
            complete: true,
            card_service: "ready".to_owned(),
            card_policy: "allowed".to_owned(),
            tokens: 1,
            clock_trusted: true,
            keys: vec![key],
            vault_key: Some("credential".to_owned()),
            vault_key_file_left: Some(false),
            codes_key: Some(true),
            state_folder: Some("/var/lib/oathd".to_owned()),
            state_writable: Some(true),
            state_file_system: Some("other".to_owned()),
            state_free: Some(1 << 30),
            ..DiagnosisRecord::default()
        }),
        policy: Some(Policy {
            answers: true,
            knows_oathd: true,
            codes: Some(Answer::Password),
            has_agent: true,
        }),
        synchronised: Some(true),
        logins: logins::Logins {
            services: vec![
                login("sudo", COMMON),
                login("cron", "auth required pam_permit.so"),
            ],
            has_module: true,
            on_trial: false,
        },
        status: Some(StatusRecord {
            account: "ada@local".to_owned(),
            enrolled: true,
            requirement: "asked".to_owned(),
            recovery_codes_left: Some(9),
            clock_trusted: true,
            ..StatusRecord::default()
        }),
        ..Facts::default()
    }
}

/// What is found that is not well, once the facts were changed.
fn after(change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = well();
    change(&mut facts);
    let mut found = examine(&facts);
    found.retain(|finding| finding.verdict != Verdict::Ok);
    found
}

/// The change is found by this check alone, so judged, and its remedy names the command.
#[track_caller]
fn finds(check: &str, verdict: Verdict, command: &str, change: impl FnOnce(&mut Facts)) {
    let found = after(change);
    let [finding] = found.as_slice() else {
        panic!("not one finding: {found:?}");
    };
    assert_eq!(
        (finding.check, finding.verdict),
        (check, verdict),
        "{finding:?}"
    );
    let remedy = finding.remedy.as_deref().unwrap();
    assert!(remedy.contains(command), "{finding:?}");
}

fn seen(facts: &mut Facts) -> &mut DiagnosisRecord {
    facts.diagnosis.as_mut().unwrap()
}

fn account(facts: &mut Facts) -> &mut StatusRecord {
    facts.status.as_mut().unwrap()
}

use Verdict::{Note, Problem, Warning};

#[test]
fn where_all_is_well_nothing_is_said_but_that() {
    let found = examine(&well());
    assert!(
        found
            .iter()
            .all(|finding| finding.verdict == Verdict::Ok && finding.remedy.is_none())
    );
    let mut checks: Vec<_> = found.iter().map(|finding| finding.check).collect();
    checks.dedup();
    assert_eq!(
        checks,
        [
            "service",
            "polkit",
            "pcscd",
            "card_policy",
            "tokens",
            "scdaemon",
            "clock",
            "vault_key",
            "state",
            "kept_keys",
            "factor",
            "recovery_codes",
            "pam"
        ]
    );
}

#[test]
fn each_check_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/oathctl-json.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text
        .split("\n## ")
        .find(|part| part.starts_with("`doctor`"));
    let list = section.unwrap().rsplit("one of these").next().unwrap();
    let mut facts = well();
    facts.hidepid = Some("2".to_owned());
    seen(&mut facts).codes_key = Some(false);
    let mut checks: Vec<_> = examine(&facts).iter().map(|found| found.check).collect();
    checks.dedup();
    assert_eq!(checks.len(), 15);
    for check in checks {
        assert!(list.contains(&format!("`{check}`")), "{check}");
    }
}

#[test]
fn an_oathd_that_does_not_answer_is_told_by_its_unit() {
    let failed = |unit: Option<(&'static str, &'static str)>| {
        move |facts: &mut Facts| {
            facts.diagnosis = None;
            facts.status = None;
            facts.service.version = None;
            facts.service.failure = Some(("It is away.".to_owned(), "Start it.".to_owned()));
            facts.service.unit = unit.map(|(load, active)| Unit {
                load: load.to_owned(),
                active: active.to_owned(),
                ..Unit::default()
            });
        }
    };
    finds("service", Problem, "Start it.", failed(None));
    finds(
        "service",
        Problem,
        "Start it.",
        failed(Some(("loaded", "inactive"))),
    );
    finds(
        "service",
        Problem,
        "unmask oathd.service",
        failed(Some(("masked", "inactive"))),
    );
    finds(
        "service",
        Problem,
        "apt install oathd",
        failed(Some(("not-found", "inactive"))),
    );
    finds(
        "service",
        Problem,
        "journalctl",
        failed(Some(("loaded", "failed"))),
    );
    finds("service", Warning, "restart oathd.service", |facts| {
        facts.service.version = Some("0.0.0".to_owned());
    });
    finds("service", Warning, "daemon-reload", |facts| {
        facts.service.unit.as_mut().unwrap().needs_reload = true;
    });
    finds("service", Warning, "journalctl", |facts| {
        facts.service.unit.as_mut().unwrap().restarts = 2;
    });
}

#[test]
fn each_fault_on_the_way_to_a_token_has_its_remedy() {
    finds("polkit", Problem, "start polkit.service", |facts| {
        facts.policy = Some(Policy::default());
    });
    finds("polkit", Problem, "reinstall oathd", |facts| {
        facts.policy.as_mut().unwrap().knows_oathd = false;
    });
    finds("polkit", Note, "guide", |facts| {
        facts.policy.as_mut().unwrap().codes = Some(Answer::No);
    });
    finds("polkit", Warning, "pkttyagent", |facts| {
        facts.policy.as_mut().unwrap().has_agent = false;
    });
    finds("pcscd", Problem, "50-oathd-pcsc.rules", |facts| {
        seen(facts).card_policy = "refused".to_owned();
    });
    finds("pcscd", Problem, "restart pcscd.service", |facts| {
        seen(facts).card_service = "silent".to_owned();
    });
    let away = |load: &'static str| {
        move |facts: &mut Facts| {
            seen(facts).card_service = "away".to_owned();
            facts.service.pcscd_socket.as_mut().unwrap().load = load.to_owned();
        }
    };
    finds(
        "pcscd",
        Problem,
        "enable --now pcscd.socket",
        away("loaded"),
    );
    finds("pcscd", Problem, "apt install pcscd", away("not-found"));
    finds("pcscd", Problem, "unmask pcscd.socket", away("masked"));
    finds("card_policy", Note, "oathctl pair", |facts| {
        seen(facts).card_policy = "unasked".to_owned();
    });
    finds("tokens", Problem, "relay", |facts| {
        seen(facts).duplicated = true
    });
    finds("tokens", Warning, "lsof", |facts| seen(facts).held = true);
    finds("tokens", Note, "pcsc_scan", |facts| seen(facts).tokens = 0);
    finds("hidepid", Warning, "remount,hidepid=0", |facts| {
        facts.hidepid = Some("invisible".to_owned());
    });
    let both = after(|facts| {
        facts.hidepid = Some("2".to_owned());
        seen(facts).card_service = "away".to_owned();
    });
    assert!(both.iter().all(|finding| finding.verdict == Problem) && both.len() == 2);
}

#[test]
fn gnupg_is_blamed_for_what_it_may_have_done() {
    let runs = |uid: u32, missed: bool| {
        move |facts: &mut Facts| {
            facts.scdaemon.running = vec![uid];
            seen(facts).held = missed;
        }
    };
    finds("scdaemon", Problem, "disable-ccid", runs(1000, true));
    finds("scdaemon", Warning, "disable-ccid", runs(1000, false));
    finds("scdaemon", Warning, "That user", runs(1001, true));
    assert_eq!(after(runs(1001, false)), []);
    finds("scdaemon", Problem, "pcsc-shared", |facts| {
        runs(1000, true)(facts);
        facts.scdaemon.uses_pcscd = true;
    });
    finds("scdaemon", Note, "disable-ccid", |facts| {
        facts.scdaemon.installed = true
    });
    for (text, expected) in [
        ("# disable-ccid\n", (false, false)),
        ("reader-port 0\n disable-ccid\n", (true, false)),
        ("--disable-ccid\npcsc-shared", (true, true)),
    ] {
        assert_eq!(scdaemon::settings(text), expected, "{text}");
    }
}

#[test]
fn each_fault_of_clock_and_state_has_its_remedy() {
    finds("clock", Problem, "trust-clock", |facts| {
        seen(facts).clock_trusted = false
    });
    finds("clock", Warning, "set-ntp true", |facts| {
        facts.synchronised = Some(false)
    });
    finds("clock", Note, "date", |facts| facts.synchronised = None);
    finds("vault_key", Warning, "systemd-creds encrypt", |facts| {
        seen(facts).vault_key = Some("file".to_owned());
    });
    finds("vault_key", Problem, "restore-keys", |facts| {
        seen(facts).vault_key = Some("unavailable".to_owned());
    });
    finds(
        "vault_key",
        Warning,
        "rm /var/lib/oathd/vault.key",
        |facts| {
            seen(facts).vault_key_file_left = Some(true);
        },
    );
    finds("codes_key", Problem, "codes.key", |facts| {
        seen(facts).codes_key = Some(false)
    });
    finds("state", Note, "sudo oathctl doctor", |facts| {
        seen(facts).complete = false
    });
    finds("state", Problem, "admin restore", |facts| {
        seen(facts).state_writable = Some(false);
    });
    finds("state", Problem, "df /var/lib/oathd", |facts| {
        seen(facts).state_free = Some(1 << 20)
    });
    finds("state", Warning, "df /var/lib/oathd", |facts| {
        seen(facts).state_free = Some(100 << 20);
    });
    for (kind, verdict) in [
        ("tmpfs", Problem),
        ("overlay", Warning),
        ("nfs", Warning),
        ("btrfs", Note),
        ("zfs", Note),
    ] {
        finds("state", verdict, "", |facts| {
            seen(facts).state_file_system = Some(kind.to_owned());
        });
    }
}

#[test]
fn a_key_that_its_token_takes_no_more_is_named_with_it() {
    for (kind, state, command) in [
        (
            "remembered",
            "refused",
            "password remember --token 12345678",
        ),
        ("remembered", "open", "password forget --token 12345678"),
        ("remembered", "unreadable", "password forget"),
        ("paired", "refused", "pair --token 12345678"),
        ("paired", "open", "pair --token 12345678"),
        ("paired", "reset", "pair --token 12345678"),
    ] {
        finds("kept_keys", Warning, command, |facts| {
            let key = &mut seen(facts).keys[0];
            key.kind = kind.to_owned();
            key.state = state.to_owned();
        });
    }
    for state in ["fits", "away", "untried"] {
        assert_eq!(
            after(|facts| seen(facts).keys[0].state = state.to_owned()),
            []
        );
    }
}

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
            facts.logins.services = vec![login("su", text), login("sudo", text)];
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
    finds("pam", Problem, "libpam-oathd", |facts| {
        facts.logins.has_module = false
    });
    finds("pam", Warning, "pam confirm", |facts| {
        facts.logins.on_trial = true
    });
    finds(
        "pam",
        Note,
        "pam enable --try",
        stacks("auth required pam_unix.so"),
    );
    finds("pam", Note, "pam.d", |facts| {
        facts
            .logins
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

proptest! {
    /// Whatever oathd or the host says, each finding is one line that steers no terminal, and what
    /// is not well says what to do.
    #[test]
    fn a_finding_is_a_line(
        words in prop::collection::vec(prop_oneof![
            Just("ready"), Just("away"), Just("refused"), Just("unasked"), Just("file"), Just("tmpfs"),
            Just("paired"), Just("open"), Just("reset"), Just("not-found"), Just("\x1b[2J\n"),
        ], 10),
        flags in any::<[bool; 8]>(),
        number in any::<u64>(),
    ) {
        let text = |at: usize| words[at].to_owned();
        let found = after(|facts| {
            facts.hidepid = flags[0].then(|| text(0));
            facts.synchronised = flags[1].then_some(flags[2]);
            facts.service.version = flags[3].then(|| text(1));
            facts.logins.services.push(login(&text(2), &format!("auth sufficient {}\n{COMMON}", text(3))));
            let seen = seen(facts);
            seen.card_service = text(4);
            seen.card_service_detail = Some(text(5));
            seen.card_policy = text(6);
            seen.vault_key = Some(text(7));
            seen.vault_key_detail = Some(text(5));
            seen.state_folder = Some(text(8));
            seen.state_file_system = Some(text(9));
            seen.state_free = flags[4].then_some(number);
            seen.state_writable = flags[5].then_some(flags[6]);
            seen.held = flags[7];
            seen.keys[0].kind = text(8);
            seen.keys[0].state = text(9);
            seen.keys[0].token = text(0);
        });
        for finding in found {
            let remedy = finding.remedy.clone().unwrap_or_default();
            prop_assert!(finding.finding.ends_with('.') && !remedy.is_empty(), "{:?}", finding);
            let steers = |text: &str| text.chars().any(char::is_control);
            prop_assert!(!steers(&finding.finding) && !steers(&remedy), "{:?}", finding);
        }
    }
}
