use std::fs;

use super::*;
use crate::config::Config;

fn apply(text: &str) -> Result<AccountSettings, ConfigError> {
    let mut config = Config::default();
    config.apply(Path::new("test.conf"), text)?;
    Ok(config.accounts)
}

#[test]
fn every_key_is_read() {
    let settings = apply(
        "support_contact = 'help@example.org'\naccept_sessions_as_proof = false\n\
         accept_logins_as_proof_seconds = 3600\n\
         [policy]\nrequired_after = 2027-01-01\ngrace_days = 7\n\
         [policy.groups.wheel]\nrule = 'required'\n\
         [rescue]\ntwo_approvers = true\ncancel_window_seconds = 60\napprovers_group = 'wheel'\n\
         [audit]\nkeep_days = 30",
    )
    .unwrap();
    let after = Rule::RequiredAfter(1_798_761_600);
    assert_eq!(settings.policy.everybody.rule, after);
    assert_eq!(settings.policy.everybody.grace_days, 7);
    let (group, demand) = &settings.policy.groups[0];
    assert_eq!((group.as_str(), demand.rule), ("wheel", Rule::Required));
    assert!(settings.rescue.two_approvers && !settings.sessions_prove);
    assert_eq!(settings.logins_prove, 3_600);
    assert_eq!(AccountSettings::default().logins_prove, 0);
    assert_eq!(settings.rescue.cancel_window, 60);
    let usual = Retention::default().entries;
    assert_eq!(
        (settings.audit.age, settings.audit.entries),
        (30 * DAY, usual)
    );
    assert_eq!(settings.approvers_group, "wheel");
    assert_eq!(settings.support_contact.unwrap(), "help@example.org");
}

#[test]
fn days_begin_where_the_calendar_says() {
    for (day, at) in [
        ("1970-01-01", 0),
        ("1970-03-01", 59 * DAY),
        ("2000-02-29", 951_782_400),
        ("2000-03-01", 951_868_800),
        ("2026-12-31", 1_798_675_200),
        ("2100-03-01", 4_107_542_400),
    ] {
        assert_eq!(midnight(day.parse().unwrap()), Some(at), "{day}");
    }
    assert_eq!(midnight("1969-12-31".parse().unwrap()), None);
    assert_eq!(midnight("2027-01-01T10:00:00Z".parse().unwrap()), None);
}

#[test]
fn a_command_line_names_a_realm_and_its_uid() {
    let named: NamedRealm = "shop=1234".parse().unwrap();
    assert_eq!(
        (named.name.as_str(), named.realm),
        ("shop", Realm::of(1234))
    );
    for text in ["shop", "shop=", "shop=x", "local=1", "=1", "shop=-1"] {
        assert!(text.parse::<NamedRealm>().is_err(), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    for (text, key) in [
        ("[policy]\nrule = 'maybe'", "rule"),
        (
            "[policy]\nrule = 'optional'\nrequired_after = 2027-01-01",
            "required_after",
        ),
        ("[policy]\nrequired_after = 07:00:00", "required_after"),
        ("[rescue]\napprovers_group = ''", "approvers_group"),
        ("[rescue]\napprovers = 2", "approvers"),
        ("[audit]\nkeep_days = 0", "audit.keep_days"),
        ("[audit]\nkeep_days = 36501", "audit.keep_days"),
        ("[audit]\nkeep_entries = 999", "audit.keep_entries"),
        ("[audit]\nkeep = 1", "keep"),
        ("accept_logins_as_proof_seconds = 59", "accept_logins"),
        ("accept_logins_as_proof_seconds = 604801", "accept_logins"),
        ("support_contact = \"a\\nb\"", "support_contact"),
    ] {
        let error = apply(text).unwrap_err().to_string();
        assert!(
            error.contains("test.conf") && error.contains(key),
            "{error}"
        );
    }
}

#[test]
fn realms_are_read_beside_the_settings() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("oathd.conf");
    fs::write(&main, "").unwrap();
    fs::create_dir(dir.path().join("realms.d")).unwrap();
    let put = |name: &str, text: &str| {
        fs::write(dir.path().join("realms.d").join(name), text).unwrap();
    };
    put(
        "shop.conf",
        "realm = 'shop'\nuid = 1234\nsession_idle_seconds = 60",
    );
    put("root.conf", "realm = 'roots'\nuser = 'root'");
    put("nobody.conf", "realm = 'nobodys'\nuser = 'no such user'");
    put("notes.txt", "anything");
    let realms = Config::load(Some(&main)).unwrap().accounts.realms;
    let realm = |name: &str| &realms[&name.parse::<RealmName>().unwrap()];
    assert_eq!(realms.len(), 3);
    assert_eq!(realm("shop").uid, Some(1234));
    assert_eq!(realm("shop").sessions.idle, 60);
    assert_eq!(
        realm("shop").sessions.absolute,
        Lifetime::default().absolute
    );
    assert_eq!(realm("roots").uid, Some(0));
    assert_eq!(realm("nobodys").uid, None);
    for (text, key) in [
        ("realm = 'local'\nuid = 1", "realm"),
        ("realm = 'Shop'\nuid = 1", "realm"),
        ("realm = 'shop'\nuid = 1", "realm"),
        ("realm = 'other'", "user"),
        ("realm = 'other'\nuid = 1\nuser = 'root'", "user"),
        (
            "realm = 'other'\nuid = 1\nsession_idle_seconds = 0",
            "session_idle_seconds",
        ),
        ("realm = 'other'\nuid = 1\nsessions = 0", "sessions"),
    ] {
        put("zz.conf", text);
        let error = Config::load(Some(&main)).unwrap_err().to_string();
        assert!(error.contains("zz.conf") && error.contains(key), "{error}");
    }
}
