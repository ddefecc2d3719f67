//! A modem manager as far as messages need one, played by the test.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::mpsc;
use zbus::{
    Connection, DBusError, Message, ObjectPath, OwnedObjectPath, OwnedVariant, Variant, interface,
    message::Header, names::ErrorName,
};

const ROOT: &str = "/org/freedesktop/ModemManager1";
const MODEM: &str = "/org/freedesktop/ModemManager1/Modem/0";
const NAME: &str = "org.freedesktop.ModemManager1";

/// An error of any name.
#[derive(Debug)]
pub(crate) struct Named(String);

impl DBusError for Named {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        // Modems repeat the number in what they say.
        Message::error(call, self.name()).build(&"cannot send to +4915112345678")
    }
    fn name(&self) -> ErrorName<'_> {
        ErrorName::try_from(self.0.as_str()).unwrap()
    }
    fn description(&self) -> Option<&str> {
        None
    }
}

/// What the modem is told and does.
#[derive(Debug, Default)]
struct Play {
    /// Whether a modem is plugged in.
    plugged: bool,
    /// Names of the errors of the next sends; then they succeed.
    errors: Vec<String>,
    /// Sends are never answered.
    hang: bool,
    created: u32,
    /// Number, text and whether a report is wanted, of the messages in the store.
    stored: HashMap<String, (String, String, bool)>,
}

type Shared = Arc<Mutex<Play>>;

struct Objects(Shared);

#[interface(name = "org.freedesktop.DBus.ObjectManager")]
impl Objects {
    async fn get_managed_objects(
        &self,
    ) -> HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>> {
        let mut objects = HashMap::new();
        // A modem for data only comes first.
        let modem = "org.freedesktop.ModemManager1.Modem".to_owned();
        let only_data = OwnedObjectPath::try_from("/org/freedesktop/ModemManager1/Modem").unwrap();
        objects.insert(only_data, HashMap::from([(modem, HashMap::new())]));
        if self.0.lock().unwrap().plugged {
            let messaging = format!("{NAME}.Modem.Messaging");
            let path = OwnedObjectPath::try_from(MODEM).unwrap();
            objects.insert(path, HashMap::from([(messaging, HashMap::new())]));
        }
        objects
    }
}

struct Messaging {
    play: Shared,
    sent: mpsc::UnboundedSender<Sent>,
    deleted: mpsc::UnboundedSender<String>,
}

#[interface(name = "org.freedesktop.ModemManager1.Modem.Messaging")]
impl Messaging {
    async fn create(
        &self,
        properties: HashMap<String, OwnedVariant>,
        #[zbus(connection)] connection: &Connection,
    ) -> OwnedObjectPath {
        let text = |key: &str| String::try_from(properties[key].clone()).unwrap();
        let report = bool::try_from(&properties["delivery-report-request"]).unwrap();
        let path = {
            let mut play = self.play.lock().unwrap();
            play.created += 1;
            let path = format!("/org/freedesktop/ModemManager1/SMS/{}", play.created);
            let stored = (text("number"), text("text"), report);
            play.stored.insert(path.clone(), stored);
            path
        };
        let sms = Sms {
            play: Arc::clone(&self.play),
            path: path.clone(),
            sent: self.sent.clone(),
        };
        connection.object_server().at(&*path, sms).await.unwrap();
        OwnedObjectPath::try_from(path).unwrap()
    }

    async fn delete(&self, path: ObjectPath<'_>) {
        self.play.lock().unwrap().stored.remove(path.as_str());
        self.deleted.send(path.to_string()).unwrap();
    }
}

struct Sms {
    play: Shared,
    path: String,
    sent: mpsc::UnboundedSender<Sent>,
}

#[interface(name = "org.freedesktop.ModemManager1.Sms")]
impl Sms {
    async fn send(&self) -> Result<(), Named> {
        let (error, hang) = {
            let mut play = self.play.lock().unwrap();
            let error = (!play.errors.is_empty()).then(|| play.errors.remove(0));
            (error, play.hang)
        };
        if let Some(error) = error {
            return Err(Named(error));
        }
        let stored = self.play.lock().unwrap().stored[&self.path].clone();
        let (number, text, report) = stored;
        let path = self.path.clone();
        self.sent
            .send(Sent {
                path,
                number,
                text,
                report,
            })
            .unwrap();
        if hang {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// A message that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) number: String,
    pub(crate) text: String,
    pub(crate) report: bool,
}

/// The modem manager on the bus.
pub(crate) struct ModemManager {
    connection: Connection,
    play: Shared,
    sent: mpsc::UnboundedReceiver<Sent>,
    deleted: mpsc::UnboundedReceiver<String>,
}

impl ModemManager {
    pub(crate) async fn start(connection: Connection) -> ModemManager {
        let play = Shared::default();
        play.lock().unwrap().plugged = true;
        let (sent_to, sent) = mpsc::unbounded_channel();
        let (deleted_to, deleted) = mpsc::unbounded_channel();
        let messaging = Messaging {
            play: Arc::clone(&play),
            sent: sent_to,
            deleted: deleted_to,
        };
        let server = connection.object_server();
        server.at(ROOT, Objects(Arc::clone(&play))).await.unwrap();
        server.at(MODEM, messaging).await.unwrap();
        connection.request_name(NAME).await.unwrap();
        ModemManager {
            connection,
            play,
            sent,
            deleted,
        }
    }

    pub(crate) fn plug(&self, plugged: bool) {
        self.play.lock().unwrap().plugged = plugged;
    }

    /// The next sends fail with these errors.
    pub(crate) fn fail(&self, errors: &[&str]) {
        self.play.lock().unwrap().errors = errors.iter().map(|&e| e.to_owned()).collect();
    }

    pub(crate) fn hang(&self) {
        self.play.lock().unwrap().hang = true;
    }

    /// The next message that the modem sends.
    pub(crate) async fn sent(&mut self) -> Sent {
        super::soon(self.sent.recv()).await.unwrap()
    }

    /// Waits until a message is deleted.
    pub(crate) async fn deleted(&mut self) -> String {
        super::soon(self.deleted.recv()).await.unwrap()
    }

    /// How many messages are kept.
    pub(crate) fn kept(&self) -> usize {
        self.play.lock().unwrap().stored.len()
    }

    /// Tells what the network says about a message.
    pub(crate) async fn report(&self, path: &str, delivery_state: u32) {
        Self::report_from(&self.connection, None, path, delivery_state).await;
    }

    /// Tells it from any connection, to one connection or to all.
    pub(crate) async fn report_from(
        connection: &Connection,
        to: Option<&str>,
        path: &str,
        delivery_state: u32,
    ) {
        let changed = HashMap::from([("DeliveryState", Variant::from(delivery_state))]);
        let body = (
            "org.freedesktop.ModemManager1.Sms",
            changed,
            Vec::<String>::new(),
        );
        let properties = "org.freedesktop.DBus.Properties";
        let signal = connection.emit_signal(to, path, properties, "PropertiesChanged", &body);
        signal.await.unwrap();
    }
}
