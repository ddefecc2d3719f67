//! `org.oathd.Oathd1.Accounts`.

use std::sync::Arc;

use zbus::interface;

use crate::service::Service;

/// The object through which accounts are changed.
pub(crate) struct Accounts {
    service: Arc<Service>,
}

impl Accounts {
    pub(super) fn new(service: &Arc<Service>) -> Accounts {
        Accounts {
            service: Arc::clone(service),
        }
    }
}

#[interface(name = "org.oathd.Oathd1.Accounts", introspection_docs = false)]
impl Accounts {}
