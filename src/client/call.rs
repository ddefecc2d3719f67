//! One method call: flags, deadline, answer.

use std::collections::HashMap;
use std::time::Duration;

use oathd_api::ErrorName;
use oathd_api::names::{BUS_NAME, ENROLLMENT_INTERFACE, INTERACTIVE_TIMEOUT_SECONDS, ROOT_PATH};
use serde::Serialize;
use zbus::proxy::{Builder, CacheProperties, MethodFlags};
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, ObjectPath, OwnedObjectPath, Proxy, Variant, fdo};

use crate::error::Error;

/// The daemon answers within 20 s; other libraries give up after 25 s.
const PLAIN_TIMEOUT: Duration = Duration::from_secs(25);

/// A connection and how calls are made on it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) connection: Connection,
    /// Whether polkit and agents may ask the user while a call waits.
    pub(crate) interactive: bool,
}

impl Caller {
    /// Calls `interface.method` on the object `path` of oathd: one message there, one back.
    pub(crate) async fn call<B, R>(
        &self,
        path: &ObjectPath<'_>,
        interface: &'static str,
        method: &'static str,
        body: &B,
    ) -> Result<R, Error>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let (flags, timeout) = if self.interactive {
            (
                MethodFlags::ALLOW_INTERACTIVE_AUTH,
                Duration::from_secs(INTERACTIVE_TIMEOUT_SECONDS),
            )
        } else {
            (MethodFlags::empty(), PLAIN_TIMEOUT)
        };
        let proxy: Proxy<'_> = Builder::new(&self.connection)
            .destination(BUS_NAME)
            .path(path)
            .interface(interface)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        tokio::time::timeout(timeout, proxy.call_with_flags(method, flags, body))
            .await
            .map_err(|_elapsed| Error::TimedOut)?
            .map_err(|error| translated(error, interface))?
            .ok_or(Error::Bus(zbus::Error::InvalidReply))
    }
}

/// An interface of an object of oathd, and how calls are made on it.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    caller: Caller,
    path: OwnedObjectPath,
    interface: &'static str,
}

impl Remote {
    /// An interface of the object `path`.
    const fn new(caller: Caller, path: OwnedObjectPath, interface: &'static str) -> Remote {
        Remote {
            caller,
            path,
            interface,
        }
    }

    /// An interface of the root object.
    pub(crate) fn root(caller: Caller, interface: &'static str) -> Remote {
        let path = ObjectPath::from_static_str_unchecked(ROOT_PATH).into();
        Remote::new(caller, path, interface)
    }

    /// An interface of another object, for the same caller.
    pub(crate) fn other(&self, path: OwnedObjectPath, interface: &'static str) -> Remote {
        Remote::new(self.caller.clone(), path, interface)
    }

    /// See [`Caller::call`].
    pub(crate) async fn call<B, R>(&self, method: &'static str, body: &B) -> Result<R, Error>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        self.caller
            .call(&self.path, self.interface, method, body)
            .await
    }
}

/// Objects of oathd that come and go are tokens and enrollments.
fn translated(error: zbus::Error, interface: &str) -> Error {
    let gone = matches!(&error, zbus::Error::FDO(inner) if matches!(**inner, fdo::Error::UnknownObject(_)));
    match gone && interface == ENROLLMENT_INTERFACE {
        true => ErrorName::EnrollmentExpired.into(),
        false => error.into(),
    }
}

/// The options of a method that is called with none.
pub(crate) fn no_options() -> HashMap<&'static str, Variant<'static>> {
    HashMap::new()
}
