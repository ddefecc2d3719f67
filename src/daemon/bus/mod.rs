//! The interfaces on the bus. A method here is a sentence: who calls, may they, do it, answer.

mod accounts;
mod administration;
mod enrollment;
mod manager;
mod objects;
mod token;
mod verifier;

use std::sync::Arc;

use oathd_api::names::{BUS_NAME, ROOT_PATH};
use zbus::{
    OwnedObjectPath,
    fdo::RequestNameFlags,
    names::{BusName, OwnedUniqueName},
    object_server::SignalEmitter,
};

use crate::{
    accounts::Enrollment,
    error::Error,
    service::{Alarm, Call, Service, TokenObject},
};
use accounts::Accounts;
use administration::Administration;
use enrollment::EnrollmentInterface;
use manager::{Manager, ManagerSignals};
use objects::ObjectManager;
use token::{TokenInterface, TokenInterfaceSignals};
use verifier::Verifier;

/// Puts the root object on the connection and then takes the name: whoever sees the name can call.
/// A name that another oathd has is not taken from it, nor given up to a later one: its callers
/// would go on with a service that knows nothing of their unlocks.
pub(crate) async fn serve(service: &Arc<Service>) -> zbus::Result<()> {
    let server = service.connection.object_server();
    server.at(ROOT_PATH, Manager::new(service)).await?;
    server.at(ROOT_PATH, Verifier::new(service)).await?;
    server.at(ROOT_PATH, Accounts::new(service)).await?;
    server.at(ROOT_PATH, Administration::new(service)).await?;
    server.at(ROOT_PATH, ObjectManager::new(service)).await?;
    let alone = RequestNameFlags::DO_NOT_QUEUE;
    let connection = &service.connection;
    connection.request_name_with_flags(BUS_NAME, alone).await?;
    Ok(())
}

/// Takes the root object off the connection.
pub(crate) async fn retire(service: &Service) -> zbus::Result<()> {
    let server = service.connection.object_server();
    server.remove::<ObjectManager, _>(ROOT_PATH).await?;
    server.remove::<Administration, _>(ROOT_PATH).await?;
    server.remove::<Accounts, _>(ROOT_PATH).await?;
    server.remove::<Verifier, _>(ROOT_PATH).await?;
    server.remove::<Manager, _>(ROOT_PATH).await?;
    Ok(())
}

/// Puts a token's object on the bus.
pub(crate) async fn publish(service: &Arc<Service>, object: &TokenObject) -> Result<(), Error> {
    let server = service.connection.object_server();
    let interface = TokenInterface::new(service, object);
    let added = server.at(&object.path, interface).await;
    added.map_err(|error| {
        tracing::error!(%error, "token not published");
        Error::unknown_object()
    })?;
    Ok(())
}

/// Puts an enrollment's object on the bus.
pub(crate) async fn publish_enrollment(
    service: &Arc<Service>,
    enrollment: &Arc<Enrollment>,
) -> Result<(), Error> {
    let server = service.connection.object_server();
    let interface = EnrollmentInterface::new(service, enrollment);
    let added = server.at(&enrollment.path, interface).await;
    added.map_err(|error| {
        tracing::error!(%error, "enrollment not published");
        Error::unknown_object()
    })?;
    Ok(())
}

/// Takes an enrollment's object off the bus.
pub(crate) async fn withdraw_enrollment(service: &Service, path: &OwnedObjectPath) {
    let server = service.connection.object_server();
    if let Err(error) = server.remove::<EnrollmentInterface, _>(path).await {
        tracing::error!(%error, "enrollment not withdrawn");
    }
}

/// Takes a token's object off the bus.
pub(crate) async fn withdraw(service: &Service, path: &OwnedObjectPath) {
    let server = service.connection.object_server();
    if let Err(error) = server.remove::<TokenInterface, _>(path).await {
        tracing::error!(%error, "token not withdrawn");
    }
}

/// Tells that the credentials or the lock of a token changed.
pub(crate) async fn changed(service: &Service, object: &TokenObject) {
    let server = service.connection.object_server();
    let Ok(interface) = server.interface::<_, TokenInterface>(&object.path).await else {
        return;
    };
    report(interface.changed().await);
    let token = interface.get().await;
    report(token.locked_changed(interface.signal_emitter()).await);
}

/// Tells these connections, and nobody else, that what they may see of a token changed.
pub(crate) async fn changed_for(
    service: &Service,
    object: &TokenObject,
    connections: Vec<OwnedUniqueName>,
) {
    for connection in connections {
        let Ok(emitter) = SignalEmitter::new(&service.connection, &object.path) else {
            return;
        };
        let emitter = emitter.set_destination(BusName::from(connection));
        report(TokenInterface::changed(&emitter).await);
    }
}

/// Tells the caller, and nobody else, that the token waits for a touch.
pub(crate) async fn touch_awaited(
    service: &Service,
    call: &Call,
    object: &TokenObject,
    credential: &str,
    deadline: u64,
) {
    let emitter = SignalEmitter::new(&service.connection, &object.path);
    let Ok(emitter) = emitter else {
        return;
    };
    let caller = BusName::from(call.caller.unique_name.to_owned());
    let emitter = emitter.set_destination(caller);
    report(TokenInterface::touch_awaited(&emitter, credential, deadline).await);
}

/// Raises an alarm about a token.
pub(crate) async fn alarm(service: &Service, object: &TokenObject, alarm: Alarm) {
    let server = service.connection.object_server();
    if let Ok(manager) = server.interface::<_, Manager>(ROOT_PATH).await {
        report(manager.token_alarm(&object.path, alarm.as_str()).await);
    }
}

/// A signal that cannot be sent concerns the connection, whose end is noticed elsewhere.
fn report(sent: zbus::Result<()>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "signal not sent");
    }
}
