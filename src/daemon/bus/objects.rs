//! `org.freedesktop.DBus.ObjectManager` for the tokens.
//!
//! An implementation of its own, because asking for the objects means two things here that a
//! generic one cannot know: the readers are looked at first, and the caller is watched for, so that
//! it hears of what changes until it leaves the bus. The signals are sent by the object server, for
//! every object that it puts below one with this interface or takes away.

use std::{collections::HashMap, sync::Arc};

use oathd_api::names::TOKEN_INTERFACE;
use zbus::{
    ObjectPath, OwnedObjectPath, OwnedVariant, Variant, interface, message::Header,
    object_server::SignalEmitter,
};

use crate::{
    error::Error,
    service::{Service, TokenObject, kind},
};

/// Interfaces of an object and their properties.
type Interfaces = HashMap<String, HashMap<String, OwnedVariant>>;

/// The object manager's part of the root object.
pub(crate) struct ObjectManager {
    service: Arc<Service>,
}

impl ObjectManager {
    pub(super) fn new(service: &Arc<Service>) -> ObjectManager {
        ObjectManager {
            service: Arc::clone(service),
        }
    }
}

#[interface(
    name = "org.freedesktop.DBus.ObjectManager",
    introspection_docs = false
)]
impl ObjectManager {
    #[zbus(out_args("objpath_interfaces_and_properties"))]
    async fn get_managed_objects(
        &self,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<HashMap<OwnedObjectPath, Interfaces>, Error> {
        let call = self.service.identify(&header).await?;
        self.service.watch_for(&call.caller)?;
        let tokens = call.unless_busy(self.service.tokens());
        let tokens = self.service.attend(&call, tokens).await?;
        tokens
            .into_iter()
            .map(|object| Ok((object.path.clone(), interfaces(&object)?)))
            .collect()
    }

    #[zbus(signal)]
    async fn interfaces_added(
        emitter: &SignalEmitter<'_>,
        object_path: &ObjectPath<'_>,
        interfaces_and_properties: &Interfaces,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn interfaces_removed(
        emitter: &SignalEmitter<'_>,
        object_path: &ObjectPath<'_>,
        interfaces: &[&str],
    ) -> zbus::Result<()>;
}

fn interfaces(object: &TokenObject) -> Result<Interfaces, Error> {
    let values = [
        ("Kind", Variant::from(kind(&object.token))),
        ("Locked", Variant::from(object.token.info().protected)),
        ("Busy", Variant::from(object.token.is_busy())),
    ];
    let mut properties = HashMap::new();
    for (name, value) in values {
        let value = OwnedVariant::try_from(value).map_err(|_| Error::unknown_object())?;
        properties.insert(name.to_owned(), value);
    }
    Ok(HashMap::from([(TOKEN_INTERFACE.to_owned(), properties)]))
}
