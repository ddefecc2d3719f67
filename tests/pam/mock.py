"""Stands in for oathd's Verifier and for logind on a private bus: what a response is worth is told
by the response itself, so that every conversation can be held. Each call is written to a file.

Usage: mock.py ADDRESS FOLDER, where FOLDER/sessions.json says what logind knows."""

import json
import os
import sys
import time
from pathlib import Path

from gi.repository import Gio, GLib

ADDRESS, FOLDER = sys.argv[1], Path(sys.argv[2])
INTERFACES = Path(__file__).resolve().parents[2] / "dbus"
HELD = {"service": "held", "allow_touch": True}
REPLACEMENT = "7QQQ-QQQQ-QQQQ-QQQQ-QK"
ERRORS = {
    "111111": ("WrongCode", "The code is wrong."),
    "111112": ("WrongCode", 'The code is wrong. {"retry_after":30}'),
    "222222": ("CodeUsed", "The code is right, and was used before."),
    "222223": ("CodeUsed", 'The code is right, and was used before. {"detail":"x","retry_after":90}'),
    "333333": ("Throttled", 'Too many attempts. {"retry_after":125}'),
    "444444": ("LockedOut", "This way is shut."),
    "555555": ("ClockUntrusted", "The clock cannot be trusted."),
    "666666": ("StateUnavailable", "The state cannot be read."),
    "777777": ("SomethingNew", "Nobody knows this one yet."),
    "nonsense": ("InvalidResponse", 'That is no code. {"detail":"malformed"}'),
    "9ZZZ-ZZZZ-ZZZZ-ZZZZ-ZA": ("InvalidResponse", 'That is no code. {"detail":"typo"}'),
}
LOGIND = """<node>
<interface name="org.freedesktop.login1.Manager">
  <method name="GetSessionByPID"><arg type="u" direction="in"/><arg type="o" direction="out"/></method>
  <method name="ListSessions"><arg type="a(susso)" direction="out"/></method>
</interface>
<interface name="org.freedesktop.login1.Session">
  <property name="Remote" type="b" access="read"/>
  <property name="RemoteHost" type="s" access="read"/>
  <property name="Active" type="b" access="read"/>
  <property name="LockedHint" type="b" access="read"/>
  <property name="Class" type="s" access="read"/>
</interface></node>"""


def sessions():
    return json.loads((FOLDER / "sessions.json").read_text())


class Refused(Exception):
    """An error on the bus: its name and message."""


def ways(account):
    way = lambda kind, **more: {"kind": GLib.Variant("s", kind), "wait": GLib.Variant("t", 0), **more}
    label = lambda text: GLib.Variant("s", text)
    open_ways = [way("code"), way("recovery", left=GLib.Variant("u", 9))]
    if account == "alice@local":
        open_ways.insert(1, way("presence", id=GLib.Variant("u", 2), label=label("blue key")))
        open_ways.append(way("out_of_band", id=GLib.Variant("u", 4), label=label("a…@example.org")))
    return open_ways


def status(account, _):
    user = account.split("@")[0]
    requirement, enrolled = {
        "bob": ("not_asked", False),
        "carol": ("not_asked_until", False),
        "dave": ("enrol_first", False),
        "erin": ("a word from the future", False),
    }.get(user, ("asked", True))
    if user == "liar":  # What no oathd says: enrolled, and not asked.
        requirement = "not_asked"
    answer = {
        "account": GLib.Variant("s", account),
        "enrolled": GLib.Variant("b", enrolled),
        "requirement": GLib.Variant("s", requirement),
        "must_reenrol": GLib.Variant("b", user == "frank"),
        "ways": GLib.Variant("aa{sv}", ways(account)),
        "concerns": GLib.Variant("aa{sv}", []),
        "clock_trusted": GLib.Variant("b", True),
        "support_contact": GLib.Variant("s", "help@example.org"),
    }
    if requirement == "not_asked_until":
        answer["requirement_until"] = GLib.Variant("t", 1_798_761_600)
    return answer


def receipt(account, way, **more):
    return {
        "receipt": GLib.Variant("s", "receipt-1"),
        "account": GLib.Variant("s", account),
        "way": GLib.Variant("s", way),
        "until": GLib.Variant("t", int(time.time()) + 60),
        "must_reenrol": GLib.Variant("b", False),
        **more,
    }


def sealed(text, fds):
    """A sealed memory file that is read from its start."""
    file = os.memfd_create("secret", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.pwrite(file, text.encode(), 0)
    index = fds.append(file)
    os.close(file)
    return GLib.Variant("h", index)


def verify(account, response, _, fds):
    if response == "999999":  # The end of oathd, in the middle of a call.
        os._exit(1)
    if response == "123456":
        return receipt(account, "code", recovery_codes_left=GLib.Variant("u", 9))
    if response == "123457":
        return receipt(account, "code", recovery_codes_left=GLib.Variant("u", 2))
    if response == "888888":  # What no oathd says: right, and no receipt.
        return {}
    if response == "9ZZZ-ZZZZ-ZZZZ-ZZZZ-ZG":
        more = {"must_reenrol": GLib.Variant("b", True)}
        return receipt(account, "recovery", replacement=sealed(REPLACEMENT, fds)) | more
    raise Refused(*ERRORS.get(response, ERRORS["111111"]))


def presence(account, options):
    if account != "alice@local":
        raise Refused("NotEnrolled", "The account has no such second factor.")
    if not options.get("allow_touch"):
        raise Refused("TouchRequired", "The credential needs a touch.")
    if options.get("service") == "slow":
        raise Refused("TouchTimedOut", "Nobody touched the token in time.")
    return receipt(account, "presence")


def send(account, channel, _):
    if account != "alice@local" or channel != 4:
        raise Refused("NoSuchFactor", "The account has no such factor or channel.")
    return {"address": GLib.Variant("s", "a…@example.org"), "until": GLib.Variant("t", 0)}


def redeem(account, given, _):
    if given != "receipt-1":
        raise Refused("ProofRequired", "The change needs a proof.")
    return receipt(account, "code")


def bind(account, given, session, options):
    redeem(account, given, options)
    if session != "own":
        raise Refused("ProofRequired", "The change needs a proof.")
    return {"until": GLib.Variant("t", int(time.time()) + 3600)}


def handle(_, __, path, interface, method, parameters, invocation):
    arguments = parameters.unpack()
    fds = Gio.UnixFDList.new()
    with open(FOLDER / "calls", "a", encoding="utf-8") as file:
        file.write(json.dumps([method, *arguments]) + "\n")
    try:
        if method == "GetSessionByPID":
            if sessions()["own"] is None:
                raise Refused("org.freedesktop.login1.NoSessionForPID", "No session.")
            answer = GLib.Variant("(o)", ["/org/freedesktop/login1/session/own"])
        elif method == "ListSessions":
            rows = [
                (str(at), 1000, user, "seat0", f"/org/freedesktop/login1/session/s{at}")
                for at, (user, _) in enumerate(sessions()["others"])
            ]
            answer = GLib.Variant("(a(susso))", [rows])
        else:
            if method == "VerifyPresence" and arguments[1] == HELD:
                return  # Nobody touches the token.
            if method == "Verify":
                record = verify(*arguments, fds)
            else:
                record = {
                    "Status": status,
                    "VerifyPresence": presence,
                    "RequestOutOfBandCode": send,
                    "CheckReceipt": redeem,
                    "BindSession": bind,
                }[method](*arguments)
            answer = GLib.Variant("(a{sv})", [record])
        invocation.return_value_with_unix_fd_list(answer, fds)
    except Refused as refused:
        name, message = refused.args
        name = name if "." in name else f"org.oathd.Oathd1.Error.{name}"
        invocation.return_dbus_error(name, message)


def session_property(_, __, path, ___, name):
    known = sessions()
    which = path.rsplit("/", 1)[1]
    session = known["own"] if which == "own" else known["others"][int(which[1:])][1]
    default = {"Remote": False, "RemoteHost": "", "Active": True, "LockedHint": False, "Class": "user"}
    value = session.get(name, default[name])
    return GLib.Variant("b" if isinstance(value, bool) else "s", value)


def main():
    flags = (
        Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
        | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    )
    bus = Gio.DBusConnection.new_for_address_sync(ADDRESS, flags, None, None)
    verifier = Gio.DBusNodeInfo.new_for_xml((INTERFACES / "org.oathd.Oathd1.Verifier.xml").read_text())
    logind = Gio.DBusNodeInfo.new_for_xml(LOGIND)
    manager, session = logind.interfaces
    bus.register_object("/org/oathd/Oathd1", verifier.interfaces[0], handle, None, None)
    bus.register_object("/org/freedesktop/login1", manager, handle, None, None)
    for name in ("own", "s0", "s1"):
        path = f"/org/freedesktop/login1/session/{name}"
        bus.register_object(path, session, None, session_property, None)
    for name in ("org.freedesktop.login1", "org.oathd.Oathd1"):
        bus.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
            GLib.Variant("(su)", (name, 0)), None, Gio.DBusCallFlags.NONE, -1, None,
        )
    print("ready", flush=True)
    GLib.MainLoop().run()


main()
