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
    object_server::{Interface, SignalEmitter},
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

/// How many tokens one call may name to be written to.
const TOKENS_AT_ONCE: usize = 16;

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
    let interface = TokenInterface::new(service, object);
    put(service, &object.path, interface).await
}

/// Puts an enrollment's object on the bus.
pub(crate) async fn publish_enrollment(
    service: &Arc<Service>,
    enrollment: &Arc<Enrollment>,
) -> Result<(), Error> {
    let interface = EnrollmentInterface::new(service, enrollment);
    put(service, &enrollment.path, interface).await
}

/// Takes an enrollment's object off the bus.
pub(crate) async fn withdraw_enrollment(service: &Service, path: &OwnedObjectPath) {
    take::<EnrollmentInterface>(service, path).await;
}

/// Takes a token's object off the bus.
pub(crate) async fn withdraw(service: &Service, path: &OwnedObjectPath) {
    take::<TokenInterface>(service, path).await;
}

async fn put<I: Interface>(
    service: &Service,
    path: &OwnedObjectPath,
    interface: I,
) -> Result<(), Error> {
    let added = service.connection.object_server().at(path, interface).await;
    added.map(drop).map_err(|error| {
        tracing::error!(%error, interface = %I::name(), "object not published");
        Error::unknown_object()
    })
}

async fn take<I: Interface>(service: &Service, path: &OwnedObjectPath) {
    let server = service.connection.object_server();
    if let Err(error) = server.remove::<I, _>(path).await {
        tracing::error!(%error, interface = %I::name(), "object not withdrawn");
    }
}

/// Refuses to write to more tokens than a call may name.
fn few_enough(tokens: &[OwnedObjectPath]) -> Result<(), Error> {
    match tokens.len() {
        0..=TOKENS_AT_ONCE => Ok(()),
        _ => {
            let limit = format!("a call writes to {TOKENS_AT_ONCE} tokens at the most");
            Err(Error::invalid_args(limit))
        }
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
