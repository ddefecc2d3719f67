//! What runs is what `dbus/deliver` promises.

use oathd_api::names::{DELIVER_BUS_NAME, DELIVER_PATH, SENDER_INTERFACE};

use crate::world::{World, soon};

/// The tags of the interface, without comments; attributes sorted, a direction of `out` that goes
/// without saying added.
fn tags(xml: &str) -> Vec<String> {
    let mut rest = xml.to_owned();
    while let Some(start) = rest.find("<!--") {
        let end = rest[start..].find("-->").unwrap() + start + 3;
        rest.replace_range(start..end, "");
    }
    let start = rest
        .find(&format!("<interface name=\"{SENDER_INTERFACE}\""))
        .unwrap();
    let end = rest[start..].find("</interface>").unwrap() + start;
    let mut tags = Vec::new();
    for tag in rest[start..end]
        .split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with('/'))
    {
        let tag = tag.split('>').next().unwrap().trim_end_matches('/');
        let mut words: Vec<&str> = tag.split_whitespace().collect();
        if words[0] == "arg" && !tag.contains("direction=") {
            words.push("direction=\"out\"");
        }
        words[1..].sort_unstable();
        tags.push(words.join(" "));
    }
    tags
}

#[tokio::test]
async fn what_runs_is_what_is_promised() {
    let promised = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../dbus/deliver/org.oathd.Deliver1.xml"
    );
    let promised = tags(&std::fs::read_to_string(promised).unwrap());
    assert!(promised.len() > 12);
    let world = World::new();
    let service = world.service("").await;
    let connection = world.connect().await;
    let introspectable = Some("org.freedesktop.DBus.Introspectable");
    let name = Some(DELIVER_BUS_NAME);
    let call = connection.call_method(name, DELIVER_PATH, introspectable, "Introspect", &());
    let found: String = soon(call).await.unwrap().body().deserialize().unwrap();
    assert_eq!(tags(&found), promised);
    service.stop().await;
}
