//! One method call: flags, deadline, answer.

use std::collections::HashMap;
use std::time::Duration;

use oathd_api::ErrorName;
use oathd_api::names::{BUS_NAME, ENROLLMENT_INTERFACE, INTERACTIVE_TIMEOUT_SECONDS};
use serde::Serialize;
use zbus::proxy::{Builder, CacheProperties, MethodFlags};
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, ObjectPath, Proxy, Variant, fdo};

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
