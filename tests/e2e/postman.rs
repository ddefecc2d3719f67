//! A delivery service in the test's hands: what oathd has sent can be read.

use std::fs;
use std::sync::{Arc, Mutex};

use oathd_api::names::{DELIVER_BUS_NAME, DELIVER_PATH};
use oathd_api::wire::deliver::{AddressRecord, DeliveryRecord, SendOptions};
use oathd_client::unseal_text;
use oathd_tests::world::{User, World};
use zbus::{Connection, OwnedFd, fdo, fdo::DBusProxy, interface};

/// Who may own the name, and who reaches it.
pub(crate) const POLICY: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <policy user="root"><allow own="org.oathd.Deliver1"/></policy>
  <policy context="default"><allow send_destination="org.oathd.Deliver1"/></policy>
</busconfig>
"#;

/// A message that was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) kind: String,
    pub(crate) address: String,
    pub(crate) text: String,
    pub(crate) subject: Option<String>,
}

/// The delivery service; it leaves the bus when dropped.
pub(crate) struct Postman {
    letters: Arc<Mutex<Vec<Letter>>>,
    _connection: Connection,
}

struct Sender(Arc<Mutex<Vec<Letter>>>);

#[interface(name = "org.oathd.Deliver1.Sender", introspection_docs = false)]
impl Sender {
    async fn check_address(&self, _kind: &str, address: &str) -> fdo::Result<AddressRecord> {
        let refused = address.starts_with("bad");
        Ok(AddressRecord {
            address: (!refused).then(|| address.to_owned()),
            verdict: if refused { "refused" } else { "ok" }.to_owned(),
            reason: refused.then(|| "invalid".to_owned()),
        })
    }

    async fn send(
        &self,
        kind: &str,
        address: &str,
        message: OwnedFd,
        options: SendOptions,
    ) -> fdo::Result<String> {
        let mut letters = self.0.lock().unwrap();
        let text = unseal_text(message).unwrap();
        letters.push(Letter {
            kind: kind.to_owned(),
            address: address.to_owned(),
            text: text.to_string(),
            subject: options.subject,
        });
        Ok(letters.len().to_string())
    }

    async fn state(&self, id: &str) -> fdo::Result<DeliveryRecord> {
        let sent = self.0.lock().unwrap().len();
        match id.parse::<usize>() {
            Ok(number) if (1..=sent).contains(&number) => Ok(DeliveryRecord {
                state: "delivered".to_owned(),
                reason: None,
                attempts: 1,
            }),
            _ => Err(fdo::Error::UnknownObject(id.to_owned())),
        }
    }
}

impl Postman {
    /// Takes the name of the delivery service on the bus of a world.
    pub(crate) async fn begin(world: &World) -> Postman {
        fs::write(world.path("dbus/system.d/postman.conf"), POLICY).unwrap();
        let connection = world.connect(User::Root).await.unwrap();
        let bus = DBusProxy::new(&connection).await.unwrap();
        bus.reload_config().await.unwrap();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let server = connection.object_server();
        let sender = Sender(Arc::clone(&letters));
        server.at(DELIVER_PATH, sender).await.unwrap();
        connection.request_name(DELIVER_BUS_NAME).await.unwrap();
        Postman {
            letters,
            _connection: connection,
        }
    }

    /// Everything that was handed over to `address`.
    pub(crate) fn letters(&self, address: &str) -> Vec<Letter> {
        let letters = self.letters.lock().unwrap();
        let theirs = letters.iter().filter(|letter| letter.address == address);
        theirs.cloned().collect()
    }

    /// The code in the last message to `address`.
    pub(crate) fn code(&self, address: &str) -> String {
        let letters = self.letters(address);
        let mut words = letters.last().unwrap().text.split_whitespace();
        let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|b| b.is_ascii_digit());
        words.rfind(is_code).unwrap().to_owned()
    }
}
