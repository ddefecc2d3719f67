//! Proves: the XML in `dbus/sim/` says what a run offers, no more and no less.

use crate::harness::Run;

/// The text of an interface, without comments and space between elements.
fn interface(xml: &str, name: &str) -> String {
    let mut text = String::new();
    let mut rest = xml;
    while let Some((before, after)) = rest.split_once("<!--") {
        text.push_str(before);
        rest = after.split_once("-->").unwrap().1;
    }
    text.push_str(rest);
    let text: String = text.lines().map(str::trim).collect();
    let text = text.replace("\"></method>", "\"/>");
    let start = text.find(&format!("<interface name=\"{name}\">")).unwrap();
    let length = text[start..].find("</interface>").unwrap();
    text[start..start + length].to_owned()
}

#[tokio::test]
async fn the_interface_files_equal_the_introspection() {
    let run = Run::start(&["--clock", "manual"]);
    for (object, name) in [
        (run.clock().await, "org.oathd.Sim1.Clock"),
        (run.card(0).await, "org.oathd.Sim1.Card"),
    ] {
        let file = format!("{}/../../dbus/sim/{name}.xml", env!("CARGO_MANIFEST_DIR"));
        let promised = std::fs::read_to_string(file).unwrap();
        let found = object.introspect().await.unwrap();
        assert_eq!(
            interface(&promised, name),
            interface(&found, name),
            "{found}"
        );
    }
}
