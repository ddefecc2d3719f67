//! `org.oathd.Oathd1.Verifier`.

use std::sync::Arc;

use zbus::interface;

use crate::service::Service;

/// The verifier's object.
pub(crate) struct Verifier {
    service: Arc<Service>,
}

impl Verifier {
    pub(super) fn new(service: &Arc<Service>) -> Verifier {
        Verifier {
            service: Arc::clone(service),
        }
    }
}

#[interface(name = "org.oathd.Oathd1.Verifier", introspection_docs = false)]
impl Verifier {}
