//! Faults on the way to a token, of the clock and of what is kept.

use super::Verdict::{Note, Problem, Warning};
use super::*;

fn gnupg(facts: &mut Facts) -> &mut scdaemon::Scdaemon {
    facts.scdaemon.as_mut().unwrap()
}

#[test]
fn what_hangs_is_named_and_nothing_is_said_of_it() {
    finds("host", Problem, "journalctl --dmesg", |facts| {
        facts.late = vec!["/proc"];
        facts.scdaemon = None;
        facts.logins = None;
    });
}

#[test]
fn settings_that_oathd_cannot_follow_are_named() {
    finds("settings", Problem, "reload oathd", |facts| {
        seen(facts).settings_detail = Some("oathd.conf: no".to_owned());
    });
    finds("settings", Warning, "groupadd --system ops", |facts| {
        seen(facts).unknown_groups = Some(vec!["ops".to_owned()]);
    });
    finds("settings", Warning, "realms.d", |facts| {
        seen(facts).unserved_realms = Some(vec!["shop".to_owned()]);
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
            gnupg(facts).running = vec![uid];
            seen(facts).held = missed;
        }
    };
    finds("scdaemon", Problem, "disable-ccid", runs(1000, true));
    finds("scdaemon", Warning, "disable-ccid", runs(1000, false));
    finds("scdaemon", Warning, "That user", runs(1001, true));
    assert_eq!(after(runs(1001, false)), []);
    finds("scdaemon", Problem, "pcsc-shared", |facts| {
        runs(1000, true)(facts);
        gnupg(facts).uses_pcscd = true;
    });
    finds("scdaemon", Note, "disable-ccid", |facts| {
        gnupg(facts).installed = true
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
