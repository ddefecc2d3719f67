//! Calls as any program on the bus can make them, right or wrong.

use std::collections::HashMap;

use oathd_api::names::{BUS_NAME, MANAGER_INTERFACE, ROOT_PATH, TOKEN_INTERFACE};
use oathd_client::Token;
use oathd_tests::world::{User, World};
use zbus::{Connection, DBusError, DynamicType, Message, OwnedVariant, Variant};

/// Options by name.
pub(crate) type Options = HashMap<&'static str, Variant<'static>>;

/// The root object of oathd.
pub(crate) const ROOT: (&str, &str) = (ROOT_PATH, MANAGER_INTERFACE);

/// The interface of a token at `path`.
pub(crate) fn token(path: &str) -> (&str, &str) {
    (path, TOKEN_INTERFACE)
}

/// Calls `member` of an object and its interface; the error is its full name on the bus.
pub(crate) async fn call<B>(
    connection: &Connection,
    (path, interface): (&str, &str),
    member: &str,
    body: &B,
) -> Result<Message, String>
where
    B: serde::Serialize + DynamicType,
{
    let called = connection.call_method(Some(BUS_NAME), path, Some(interface), member, body);
    match called.await {
        Ok(reply) => Ok(reply),
        Err(zbus::Error::MethodError(name, _, _)) => Err(name.to_string()),
        Err(zbus::Error::FDO(error)) => Err(error.name().to_string()),
        Err(other) => panic!("{member}: {other}"),
    }
}

/// The name of the error that a call ended with.
pub(crate) async fn refused<B>(
    connection: &Connection,
    object: (&str, &str),
    member: &str,
    body: &B,
) -> String
where
    B: serde::Serialize + DynamicType,
{
    let answer = call(connection, object, member, body).await;
    answer.expect_err(member)
}

/// Whether work is under way on a token: the answer comes before the token is locked again.
pub(crate) async fn is_busy(world: &World, token: &Token) -> bool {
    let connection = world.connect(User::Alice).await.unwrap();
    let object = (token.path().as_str(), "org.freedesktop.DBus.Properties");
    let reply = call(&connection, object, "Get", &(TOKEN_INTERFACE, "Busy")).await;
    let value: OwnedVariant = reply.unwrap().body().deserialize().unwrap();
    bool::try_from(value).unwrap()
}
