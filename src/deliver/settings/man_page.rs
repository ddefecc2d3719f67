//! oathd-deliver.conf(5) names the settings that the file takes, each with the default that it has.

use std::collections::BTreeSet;

use super::*;

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/man/oathd-deliver.conf.5"
);

/// What begins the complaint about a key that a table does not have; the keys that it has follow.
const UNKNOWN: &str = "unknown field `zzz`, expected ";

/// The settings without a default, so that every section is whole.
const REQUIRED: &str = r#"
    sms.by = "file"
    email = { by = "smtp", from = "noreply@example.org" }
    smtp.host = "mail.example.org"
    sendmail.program = "/usr/sbin/sendmail"
    command.program = "/bin/true"
    file.path = "/run/messages"
"#;

/// The settings of the page, tables before them, and the defaults of those that have one.
fn shown() -> (BTreeSet<String>, Vec<(String, toml::Value)>) {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, from) = page.split_once(".Sh SETTINGS").unwrap();
    let (settings, _) = from.split_once(".Sh").unwrap();
    let (mut names, mut defaults, mut table) = (BTreeSet::new(), Vec::new(), String::new());
    for line in settings.lines() {
        if let Some(heading) = line.strip_prefix(".Ss ") {
            table = heading.trim_matches(['[', ']']).to_owned() + ".";
        } else if let Some(item) = line.strip_prefix(".It Cm ") {
            let (name, default) = item.split_once(" = ").unwrap_or((item, ""));
            if !default.is_empty() {
                let default = toml::from_str::<toml::Table>(&format!("value = {default}"));
                defaults.push((format!("{table}{name}"), default.unwrap()["value"].clone()));
            }
            assert!(
                names.insert(format!("{table}{name}")),
                "{name} stands twice"
            );
        }
    }
    (names, defaults)
}

/// The keys of a table as the reader itself lists them; none if it is no table.
fn keys(table: &str) -> Vec<String> {
    let header = match table {
        "" => String::new(),
        table => format!("[{table}]\n"),
    };
    let complaint = Settings::parse(Path::new("deliver.conf"), &format!("{header}zzz = 1"))
        .unwrap_err()
        .to_string();
    let listed = complaint.split(UNKNOWN).nth(1).unwrap_or_default();
    let listed = listed.lines().next().unwrap_or_default();
    let names = listed.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn the_page_names_every_setting_and_no_other() {
    let mut accepted = BTreeSet::new();
    for name in keys("") {
        let below = keys(&name);
        accepted.extend(below.iter().map(|key| format!("{name}.{key}")));
        if below.is_empty() {
            accepted.insert(name);
        }
    }
    assert!(accepted.contains("smtp.security") && accepted.contains("queue"));
    assert_eq!(shown().0, accepted);
}

#[test]
fn the_defaults_of_the_page_are_those_in_force() {
    let parse = |table: &toml::Table| {
        let text = toml::to_string(table).unwrap();
        format!(
            "{:?}",
            Settings::parse(Path::new("deliver.conf"), &text).unwrap()
        )
    };
    let required: toml::Table = toml::from_str(REQUIRED).unwrap();
    let (mut with_defaults, defaults) = (required.clone(), shown().1);
    assert!(defaults.iter().any(|(name, _)| name == "smtp.security"));
    for (name, default) in defaults {
        let (section, key) = name.split_once('.').unwrap_or(("", &name));
        let table = match section {
            "" => &mut with_defaults,
            section => with_defaults[section].as_table_mut().unwrap(),
        };
        table.insert(key.to_owned(), default);
    }
    assert_eq!(parse(&with_defaults), parse(&required));
}
