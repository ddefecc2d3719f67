//! Who may call.

use oathd_api::names::BUS_NAME;
use zbus::{
    Connection,
    fdo::DBusProxy,
    message::Header,
    names::{BusName, UniqueName, WellKnownName},
    proxy::CacheProperties,
};

use crate::error::Error;

/// The rule of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Root, and the user that owns the name of oathd: the policy of the system bus says who may
    /// own it, so no other list of users is needed.
    OwnerOfOathd,
    /// Root, and this user: for buses whose policy lets anybody own any name.
    User(u32),
}

/// Finds out who calls.
#[derive(Debug)]
pub(crate) struct Gate {
    bus: DBusProxy<'static>,
    rule: Rule,
}

impl Gate {
    pub(crate) async fn new(connection: &Connection, rule: Rule) -> zbus::Result<Gate> {
        let bus = DBusProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Gate { bus, rule })
    }

    /// Lets the caller of a message in, or refuses. Whoever the bus cannot name is refused.
    pub(crate) async fn pass<'h>(&self, header: &'h Header<'_>) -> Result<UniqueName<'h>, Error> {
        let caller = header.sender().ok_or(Error::AccessDenied)?;
        let uid = self.uid(BusName::Unique(caller.as_ref())).await?;
        let granted = match self.rule {
            _ if uid == 0 => true,
            Rule::User(user) => uid == user,
            Rule::OwnerOfOathd => {
                let oathd = WellKnownName::from_static_str_unchecked(BUS_NAME);
                uid == self.uid(oathd.into()).await?
            }
        };
        match granted {
            true => Ok(caller.as_ref()),
            false => Err(Error::AccessDenied),
        }
    }

    async fn uid(&self, name: BusName<'_>) -> Result<u32, Error> {
        let uid = self.bus.get_connection_unix_user(name).await;
        uid.map_err(|_| Error::AccessDenied)
    }
}
