//! `org.oathd.Oathd1.Administration`.

use std::sync::Arc;

use zbus::interface;

use crate::service::Service;

/// The administration's object.
pub(crate) struct Administration {
    service: Arc<Service>,
}

impl Administration {
    pub(super) fn new(service: &Arc<Service>) -> Administration {
        Administration {
            service: Arc::clone(service),
        }
    }
}

#[interface(name = "org.oathd.Oathd1.Administration", introspection_docs = false)]
impl Administration {}
