//! oathd.conf(5) names the settings that the files take, each with the default that it has.

use std::{collections::BTreeSet, fmt::Write};

use oathd_core::policy::Policy;

use super::*;
use crate::config::accounts::read_realm;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/man/oathd.conf.5");

/// What begins the complaint about a key that a table does not have; the keys that it has follow.
const UNKNOWN: &str = "unknown field `zzz`, expected ";

/// The settings of the page below a heading: their names, tables before them, and the defaults of
/// those that have one, as a file.
fn shown(section: &str) -> (BTreeSet<String>, String) {
    let page = fs::read_to_string(PAGE).unwrap();
    let (mut names, mut defaults) = (BTreeSet::new(), String::new());
    let (mut table, mut inside) = (String::new(), false);
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix(".Sh ") {
            inside = heading == section;
        } else if let Some(heading) = line.strip_prefix(".Ss ").filter(|_| inside) {
            writeln!(defaults, "{heading}").unwrap();
            table = heading.trim_matches(['[', ']']).to_owned() + ".";
        } else if let Some(item) = line.strip_prefix(".It Cm ").filter(|_| inside) {
            if item.contains(" = ") {
                writeln!(defaults, "{item}").unwrap();
            }
            let name = item.split(' ').next().unwrap();
            assert!(
                names.insert(format!("{table}{name}")),
                "{name} stands twice"
            );
        }
    }
    (names, defaults)
}

/// The keys of `table`, or of the tables of any name in it, as the reader itself lists them; none if
/// it is no table.
fn keys(table: &str, read: &dyn Fn(&str) -> String) -> BTreeSet<String> {
    let complaint = match table {
        "" => read("zzz = 1"),
        table => read(&format!("[{table}]\nzzz = 1")),
    };
    let Some(at) = complaint.find(UNKNOWN) else {
        return match table.ends_with("NAME") {
            true => BTreeSet::new(),
            false => keys(&format!("{table}.NAME"), read),
        };
    };
    let listed = complaint[at + UNKNOWN.len()..].lines().next().unwrap();
    let mut all = BTreeSet::new();
    for name in listed.split('`').skip(1).step_by(2) {
        let name = [table, name].join(".").trim_start_matches('.').to_owned();
        let below = keys(&name, read);
        match below.is_empty() {
            true => drop(all.insert(name)),
            false => all.extend(below),
        }
    }
    all
}

fn settings(text: &str) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    config.apply(Path::new("test.conf"), text)?;
    Ok(config)
}

#[test]
fn the_page_names_every_setting_and_no_other() {
    let accepted = keys("", &|text| settings(text).unwrap_err().to_string());
    assert!(accepted.contains("policy.groups.NAME.grace_days"));
    assert_eq!(shown("SETTINGS").0, accepted);
    let realm = |text: &str| read_realm(Path::new("test.conf"), text).unwrap_err();
    assert_eq!(shown("REALMS").0, keys("", &|text| realm(text).to_string()));
}

#[test]
fn the_defaults_of_the_page_are_those_in_force() {
    let (_, defaults) = shown("SETTINGS");
    assert!(defaults.contains("linger_seconds"));
    let mut config = settings(&defaults).unwrap();
    // What the page calls NAME is there by now, and asks nothing.
    let group = config.accounts.policy.groups.pop().unwrap();
    assert_eq!(group.1, Policy::default().everybody);
    assert_eq!(config, Config::default());
    let (_, defaults) = shown("REALMS");
    let text = format!("realm = 'shop'\nuid = 7\n{defaults}");
    let (_, realm) = read_realm(Path::new("test.conf"), &text).unwrap();
    assert_eq!(realm, Realm::of(7));
}
