"""A program that signs in with a second factor from a hardware token.

`post` stands for whatever carries name and code to the service.
"""

from dasbus.connection import SystemMessageBus
from dasbus.error import DBusError, ErrorMapper, get_error_decorator
from dasbus.typing import Bool, get_native, get_variant

BUS_NAME = "org.oathd.Oathd1"
errors = ErrorMapper()
dbus_error = get_error_decorator(errors)


@dbus_error("org.oathd.Oathd1.Error.TouchRequired")
class TouchRequired(DBusError):
    """The credential needs a touch."""


@dbus_error("org.oathd.Oathd1.Error.NoToken")
class NoToken(DBusError):
    """No token is plugged in."""


@dbus_error("org.oathd.Oathd1.Error.TokenRemoved")
class TokenRemoved(DBusError):
    """The token was pulled before it answered."""


def find_token(bus, **options):
    """The only token there is; `options` are those of dasbus for a proxy."""
    manager = bus.get_proxy(
        BUS_NAME, "/org/oathd/Oathd1", interface_name="org.oathd.Oathd1.Manager"
    )
    path = manager.FindToken("", {})
    return bus.get_proxy(
        BUS_NAME, path, interface_name="org.oathd.Oathd1.Token", **options
    )


def current_code(account, ask_for_touch):
    """The code of the account; calls `ask_for_touch` when the user must touch the token."""
    token = find_token(SystemMessageBus(error_mapper=errors))
    try:
        answer = token.GenerateCode(account, {})
    except TouchRequired:
        ask_for_touch()
        answer = token.GenerateCode(account, {"allow_touch": get_variant(Bool, True)})
    return get_native(answer)["code"]


def sign_in(account, post, ask_for_touch=lambda: print("Touch your token.")):
    """Signs in, and says whether that went well."""
    try:
        return post(account, current_code(account, ask_for_touch))
    except (NoToken, TokenRemoved):
        return False
