use phonenumber::country;

use super::*;

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse(Path::new("deliver.conf"), text)
}

/// The key that is complained about, or the text of the syntax error.
fn complaint(text: &str) -> String {
    match parse(text).unwrap_err() {
        SettingsError::Value { key, .. } => key.to_owned(),
        SettingsError::Syntax { source, .. } => source.to_string(),
        SettingsError::Read { .. } => unreachable!("nothing was read"),
    }
}

#[test]
fn without_a_file_nothing_is_offered() {
    let settings = parse("").unwrap();
    assert!(settings.sms.is_none() && settings.email.is_none());
    assert!(settings.command.is_none() && settings.file.is_none());
    assert_eq!(
        (settings.limits, &*settings.log),
        (Limits::default(), "info")
    );
    assert!(Settings::load(Some(Path::new("/nonexistent/deliver.conf"))).is_err());
}

#[test]
fn every_key_is_taken() {
    let settings = parse(
        r#"
        log = "debug"
        queue = 3
        attempts = 2
        retry_seconds = 0
        attempt_seconds = 1
        keep_seconds = 60
        report_seconds = 7
        [sms]
        by = "modem"
        country = "DE"
        allow = ["+49"]
        deny = ["+49190"]
        modem = "/org/freedesktop/ModemManager1/Modem/1"
        report = false
        [email]
        by = "smtp"
        from = "oathd <oathd@example.org>"
        subject = "Code"
        local_domains = ["example.org"]
        [smtp]
        host = "mail.example.org"
        security = "tls"
        user = "oathd"
        password_file = "/run/credentials/smtp"
        ca_file = "/etc/ssl/ca.pem"
        [sendmail]
        program = "/usr/lib/sendmail"
        [command]
        program = "/usr/bin/true"
        arguments = ["-x"]
        [file]
        path = "/tmp/x"
        "#,
    )
    .unwrap();
    assert_eq!(settings.limits.report, Duration::from_secs(7));
    let sms = settings.sms.unwrap();
    assert_eq!(sms.rules.country, Some(country::DE));
    assert!(matches!(
        sms.by,
        SmsBy::Modem {
            path: Some(_),
            report: false
        }
    ));
    let EmailBy::Smtp(server) = settings.email.unwrap().by else {
        unreachable!("it says smtp");
    };
    assert_eq!((server.port, server.security), (465, Security::Tls));
    assert_eq!(settings.command.unwrap().arguments, ["-x"]);
}

#[test]
fn what_does_not_fit_is_named() {
    for (text, key) in [
        ("attempts = 0", "attempts"),
        ("queue = 1025", "queue"),
        ("attempt_seconds = 0", "attempt_seconds"),
        ("keep_seconds = 3601", "keep_seconds"),
        ("log = 'loud'", "log"),
        ("[sms]\nby = 'modem'\ncountry = 'Germany'", "sms.country"),
        ("[sms]\nby = 'modem'\ndeny = ['49']", "sms.deny"),
        ("[sms]\nby = 'modem'\nallow = ['+']", "sms.allow"),
        ("[sms]\nby = 'modem'\nmodem = '0'", "sms.modem"),
        ("[sms]\nby = 'command'", "command"),
        ("[sms]\nby = 'file'", "file"),
        ("[email]\nby = 'smtp'\nfrom = 'a@b.c'", "smtp"),
        ("[email]\nby = 'sendmail'\nfrom = 'nobody'", "email.from"),
        (
            "[email]\nby = 'sendmail'\nfrom = 'a@b.c'\nsubject = \"a\\nb\"",
            "email.subject",
        ),
        ("[command]\nprogram = 'true'", "command.program"),
        ("[file]\npath = 'x'", "file.path"),
    ] {
        assert_eq!(complaint(text), key, "{text}");
    }
    for (text, part) in [
        ("attempt = 3", "attempt"),
        ("[sms]\nby = 'modem'\ncounty = 'DE'", "county"),
        ("[sms]\nby = 'gateway'", "gateway"),
        ("[file]\npath = '/x'\nmode = 0o600", "mode"),
        ("[pigeon]", "pigeon"),
    ] {
        assert!(complaint(text).contains(part), "{text}");
    }
}

#[test]
fn nothing_leaves_the_machine_unprotected() {
    let with = |smtp: &str| format!("[email]\nby = 'smtp'\nfrom = 'a@b.c'\n[smtp]\n{smtp}");
    for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
        assert!(
            parse(&with(&format!("host = '{host}'\nsecurity = 'none'"))).is_ok(),
            "{host}"
        );
    }
    for host in [
        "mail.example.org",
        "10.0.0.1",
        "localhost.example.org",
        "::2",
    ] {
        assert_eq!(
            complaint(&with(&format!("host = '{host}'\nsecurity = 'none'"))),
            "smtp.security"
        );
        assert!(parse(&with(&format!("host = '{host}'"))).is_ok());
    }
    assert_eq!(complaint(&with("host = 'x'\nuser = 'u'")), "smtp.user");
}

#[test]
fn the_settings_of_the_documentation_are_settings() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/deliver.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    for text in [text.to_owned(), text.replace("\n# ", "\n")] {
        let settings = parse(&text).unwrap();
        assert_eq!(settings.limits, Limits::default());
        assert!(settings.sms.is_some() && settings.email.is_some());
        assert!(settings.command.is_some() && settings.file.is_some());
    }
}
