//! Proves: the XML in `dbus/` says what the running service offers, no more and no less: the
//! interfaces of the root, of a token and of an enrollment, their members, arguments with names and types in their
//! order, properties and annotations.
//! Does not prove: that methods do what their comments say.

use std::collections::BTreeMap;
use std::sync::Arc;

use oathd_api::names;
use oathd_card::{CardOptions, SharedCard};
use oathd_tests::world::User;
use zbus::OwnedObjectPath;

use crate::near::Near;
use crate::raw::{Options, call};
use crate::till::settings;

/// What every object of a D-Bus library offers by itself.
const STANDARD: [&str; 3] = [
    "org.freedesktop.DBus.Introspectable",
    "org.freedesktop.DBus.Peer",
    "org.freedesktop.DBus.Properties",
];

/// A sorted line for each element of each interface: where it is, and its attributes. Arguments
/// carry their place, because their order counts; that of everything else does not.
type Interfaces = BTreeMap<String, Vec<String>>;

fn interfaces(xml: &str) -> Interfaces {
    let (mut found, mut within) = (Interfaces::new(), Vec::<(String, usize)>::new());
    let mut rest = xml;
    while let Some((_, tag)) = rest.split_once('<') {
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").unwrap().1;
            continue;
        }
        let (tag, after) = tag.split_once('>').unwrap();
        rest = after;
        if tag.starts_with(['!', '?']) {
            continue;
        }
        if tag.starts_with('/') {
            within.pop().unwrap();
            continue;
        }
        let (tag, leaf) = (tag.trim_end_matches('/').trim(), tag.ends_with('/'));
        let (element, attributes) = attributes(tag, within.last());
        if let Some((_, arguments)) = within.last_mut() {
            *arguments += usize::from(element == "arg");
        }
        let name = match element.as_str() {
            "node" => "",
            _ => attributes.get("name").map_or("", String::as_str),
        };
        // The root shows its children whole: what is within another node is theirs.
        match (element.as_str(), within.len()) {
            ("node", _) => {}
            ("interface", 1) => drop(found.insert(name.to_owned(), Vec::new())),
            _ => {
                let place: Vec<_> = within.iter().map(|(name, _)| name.as_str()).collect();
                if let Some(lines) = place.get(1).and_then(|within| found.get_mut(*within)) {
                    lines.push(format!("{} {element} {attributes:?}", place.join(" ")));
                }
            }
        }
        if !leaf {
            within.push((name.to_owned(), 0));
        }
    }
    assert!(within.is_empty(), "{within:?} not closed");
    found.values_mut().for_each(|lines| lines.sort());
    found
}

/// The name and attributes of a tag. Arguments get their number, and lose a direction that goes
/// without saying.
fn attributes(tag: &str, parent: Option<&(String, usize)>) -> (String, BTreeMap<String, String>) {
    let (element, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes = BTreeMap::new();
    while let Some((key, value)) = rest.split_once("=\"") {
        let (value, after) = value.split_once('"').unwrap();
        attributes.insert(key.trim().to_owned(), value.to_owned());
        rest = after;
    }
    if let ("arg", Some((_, number))) = (element, parent) {
        attributes.insert("number".to_owned(), number.to_string());
        attributes.entry("direction".to_owned()).or_default();
    }
    (element.to_owned(), attributes)
}

/// What is promised of an interface.
fn promised(name: &str) -> Vec<String> {
    let file = format!("{}/../dbus/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    let mut found = interfaces(&text);
    assert_eq!(found.len(), 1);
    found.remove(name).unwrap()
}

#[tokio::test]
async fn what_runs_is_what_is_promised() {
    let card = SharedCard::new(CardOptions::default()).unwrap();
    let near = Near::configured(vec![card], |readers| Arc::new(readers), settings()).await;
    let connection = near.world.connect(User::Alice).await.unwrap();
    let token = near.token(User::Alice).await;
    let introspect = async |path: &str| {
        let object = (path, STANDARD[0]);
        let reply = call(&connection, object, "Introspect", &()).await.unwrap();
        reply.body().deserialize::<String>().unwrap()
    };
    let accounts = (names::ROOT_PATH, names::ACCOUNTS_INTERFACE);
    let begin = ("ada@shop", Options::new());
    let begun = call(&connection, accounts, "BeginEnrollment", &begin).await;
    let enrollment: OwnedObjectPath = begun.unwrap().body().deserialize().unwrap();
    let root = introspect(names::ROOT_PATH).await;
    for (found, own) in [
        (
            &root,
            &[
                names::ACCOUNTS_INTERFACE,
                names::ADMINISTRATION_INTERFACE,
                names::MANAGER_INTERFACE,
                names::VERIFIER_INTERFACE,
            ][..],
        ),
        (&introspect(token.path()).await, &[names::TOKEN_INTERFACE]),
        (
            &introspect(&enrollment).await,
            &[names::ENROLLMENT_INTERFACE],
        ),
    ] {
        let found = interfaces(found);
        let given = ["org.freedesktop.DBus.ObjectManager"]
            .into_iter()
            .chain(STANDARD);
        let others = found
            .keys()
            .filter(|key| !given.clone().any(|given| given == *key));
        assert_eq!(others.collect::<Vec<_>>(), own);
        for name in own {
            assert_eq!(found[*name], promised(name), "{name}");
            assert!(found[*name].len() > 10);
        }
    }
    assert!(
        !interfaces(&introspect(token.path()).await)
            .contains_key("org.freedesktop.DBus.ObjectManager")
    );
    // The specification's, D-Bus 0.42, "org.freedesktop.DBus.ObjectManager".
    let standard = r#"<node><interface name="org.freedesktop.DBus.ObjectManager">
        <method name="GetManagedObjects">
            <arg name="objpath_interfaces_and_properties" type="a{oa{sa{sv}}}" direction="out"/>
        </method>
        <signal name="InterfacesAdded">
            <arg name="object_path" type="o"/>
            <arg name="interfaces_and_properties" type="a{sa{sv}}"/>
        </signal>
        <signal name="InterfacesRemoved">
            <arg name="object_path" type="o"/>
            <arg name="interfaces" type="as"/>
        </signal>
    </interface></node>"#;
    let object_manager = "org.freedesktop.DBus.ObjectManager";
    assert_eq!(
        interfaces(&root)[object_manager],
        interfaces(standard)[object_manager]
    );
}

#[test]
fn a_difference_is_seen() {
    let text = r#"<node><interface name="a.B"><method name="M">
        <arg name="x" type="s" direction="in"/><arg name="y" type="u" direction="in"/>
        </method></interface></node>"#;
    let same = text.replace("<method", "<!-- <odd> --> <method");
    assert_eq!(interfaces(text), interfaces(&same));
    for (old, new) in [
        ("\"x\"", "\"z\""),
        ("type=\"s\"", "type=\"o\""),
        ("name=\"M\"", "name=\"N\""),
        ("direction=\"in\"", "direction=\"out\""),
        (
            "<arg name=\"y\" type=\"u\" direction=\"in\"/>",
            "<annotation name=\"k\" value=\"v\"/>",
        ),
    ] {
        assert_ne!(
            interfaces(text),
            interfaces(&text.replace(old, new)),
            "{new}"
        );
    }
}
