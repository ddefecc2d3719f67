mod host;
mod people;

use oathd_client::KeptKeyRecord;
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
            unknown_groups: Some(Vec::new()),
            unserved_realms: Some(Vec::new()),
            ..DiagnosisRecord::default()
        }),
        policy: Some(Policy {
            answers: true,
            knows_oathd: true,
            codes: Some(Answer::Password),
            has_agent: true,
        }),
        synchronised: Some(true),
        scdaemon: Some(scdaemon::Scdaemon::default()),
        logins: Some(logins::Logins {
            services: vec![
                login("sudo", COMMON),
                login("cron", "auth required pam_permit.so"),
            ],
            has_module: true,
            on_trial: false,
        }),
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

fn logins(facts: &mut Facts) -> &mut logins::Logins {
    facts.logins.as_mut().unwrap()
}

fn account(facts: &mut Facts) -> &mut StatusRecord {
    facts.status.as_mut().unwrap()
}

use Verdict::{Problem, Warning};

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
            "settings",
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
    facts.late = vec!["/proc"];
    facts.hidepid = Some("2".to_owned());
    seen(&mut facts).codes_key = Some(false);
    let mut checks: Vec<_> = examine(&facts).iter().map(|found| found.check).collect();
    checks.dedup();
    assert_eq!(checks.len(), 17);
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
            logins(facts).services.push(login(&text(2), &format!("auth sufficient {}\n{COMMON}", text(3))));
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
            seen.settings_detail = Some(text(1));
            seen.unknown_groups = Some(vec![text(2)]);
            seen.unserved_realms = Some(vec![text(3), text(4)]);
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
