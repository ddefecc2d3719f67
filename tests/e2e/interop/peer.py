"""Works on the card in one reader with Yubico's own library: requests and answers are JSON lines.

A request opens a connection, selects the applet, unlocks it where it brings a password, and closes
again, as one run of ykman does; between hold and release one connection serves all of them.
"""

import json
import os
import sys
from contextlib import contextmanager

from ykman.oath import calculate_steam, is_steam
from ykman.pcsc import list_devices
from yubikit.core.smartcard import ApduError, SmartCardConnection
from yubikit.oath import HASH_ALGORITHM, OATH_TYPE, CredentialData, OathSession

held = None


def connect():
    [device] = [d for d in list_devices(sys.argv[1]) if d.reader.name == sys.argv[1]]
    return device.open_connection(SmartCardConnection)


@contextmanager
def session(password=None):
    if held:
        yield held[1]
        return
    with connect() as connection:
        oath = OathSession(connection)
        if password is not None:
            oath.validate(oath.derive_key(password))
        yield oath


def credentials(oath):
    return {c.id.decode(): c for c in oath.list_credentials()}


def code(oath, credential, at):
    if is_steam(credential):
        return calculate_steam(oath, credential, at)
    return oath.calculate_code(credential, at).value


def put(oath, case):
    data = CredentialData(
        name=case["name"],
        issuer=case["issuer"],
        oath_type=OATH_TYPE[case["kind"].upper()],
        hash_algorithm=HASH_ALGORITHM[case["algorithm"]],
        secret=bytes.fromhex(case["seed"]),
        digits=case["digits"],
        period=case["period"],
        counter=case["counter"],
    )
    return oath.put_credential(data, case["touch"]).id.decode()


def do_hold(request):
    global held
    connection = connect()
    held = connection, OathSession(connection)
    return "Exclusive" in type(connection.connection).__name__


def do_release(request):
    global held
    connection, _ = held
    held = None
    connection.close()


def do_put(request):
    with session(request.get("password")) as oath:
        return [put(oath, case) for case in request["cases"]]


def do_list(request):
    with session(request.get("password")) as oath:
        return {
            id: [c.issuer, c.name, c.oath_type.name.lower(), c.period]
            for id, c in credentials(oath).items()
        }


def do_codes(request):
    """The code of each named credential at its own time."""
    with session(request.get("password")) as oath:
        found = credentials(oath)
        return {id: code(oath, found[id], at) for id, at in request["at"].items()}


def do_all(request):
    """What one CALCULATE ALL tells: a code, None, or that a touch is needed."""
    with session(request.get("password")) as oath:
        return {
            c.id.decode(): "touch" if c.touch_required else value and value.value
            for c, value in oath.calculate_all(request["at"]).items()
        }


def do_rename(request):
    with session(request.get("password")) as oath:
        new = oath.rename_credential(request["id"].encode(), request["name"], request["issuer"])
        return new.decode()


def do_delete(request):
    with session(request.get("password")) as oath:
        oath.delete_credential(request["id"].encode())


def do_set_password(request):
    with session(request.get("password")) as oath:
        oath.set_key(oath.derive_key(request["new"]))


def do_clear_password(request):
    with session(request.get("password")) as oath:
        oath.unset_key()


def do_reset(request):
    with session() as oath:
        oath.reset()


def do_rounds(request):
    """Many short sessions, each with a code of time, one of a counter, and a visitor's life."""
    spent, wrong = [], []
    for number in range(request["rounds"]):
        with session() as oath:
            found = credentials(oath)
            for id, expected in request["codes"].items():
                value = code(oath, found[id], request["at"])
                if value != expected:
                    wrong.append([id, value])
        with session() as oath:
            spent.append(code(oath, credentials(oath)[request["counter"]], 0))
        with session() as oath:
            put(oath, request["visitor"])
        with session() as oath:
            visitor = request["visitor"]["name"]
            code(oath, credentials(oath)[visitor], request["at"])
            oath.delete_credential(visitor.encode())
    return {"spent": spent, "wrong": wrong}


def answer(request):
    try:
        return {"ok": globals()["do_" + request["do"]](request)}
    except ApduError as error:
        return {"error": f"{error.sw:04x}"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
