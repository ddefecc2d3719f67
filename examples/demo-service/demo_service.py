"""A small account service of this host that leaves the second factor to oathd.

It keeps names and passwords; seeds, recovery codes, sessions and API keys are oathd's. It runs
under a uid of its own, to which the realm `demo` is granted (realms.d/demo.conf), and listens on a
Unix socket: a JSON object a line, one answer each.

    demo_service.py SOCKET STATE_FILE [REALM]

    {"op": "register", "email": …, "password": …}
    {"op": "login", "email": …, "password": …[, "code": …]}     a session
    {"op": "send_code", "email": …, "password": …}              a code to the first channel
    {"op": "whoami", "email": …, "session": …}
    {"op": "enable", "email": …, "password": …, "session": …[, "code": …]}  an address to scan
    {"op": "confirm", "email": …, "session": …, "code": …}      recovery codes, the new API key
    {"op": "api_key", "email": …, "password": …[, "code": …]}
    {"op": "disable", "email": …, "password": …, "session": …[, "code": …]}
    {"op": "logout", "email": …, "session": …}

An answer is {"ok": true, …} or {"error": NAME[, "message": …][, "retry_after": SECONDS]}, where
NAME is an error of oathd, CodeRequired or SignInRefused. Sessions and API keys are hexadecimal.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import socketserver
import sys
import threading

from dasbus.connection import SystemMessageBus
from dasbus.error import DBusError
from dasbus.typing import Bool, Str, UnixFD, get_native, get_variant
from dasbus.unix import GLibClientUnix

LONGEST_LINE = 4096
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
ERROR = "org.oathd.Oathd1.Error."


class Refused(Exception):
    """What the service itself refuses: a name, and a sentence for people."""


class Passwords:
    """Names and passwords in a JSON file, as scrypt makes them."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.users = json.load(open(path)) if os.path.exists(path) else {}

    @staticmethod
    def derive(password, salt):
        return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=1 << 14, r=8, p=1).hex()

    def add(self, email, password):
        salt = secrets.token_hex(16)
        record = {"salt": salt, "key": self.derive(password, salt)}
        with self.lock:
            if email in self.users:
                raise Refused("SignInRefused", "This name is taken")
            self.users[email] = record
            with open(self.path + ".new", "w", opener=lambda *a: os.open(*a, mode=0o600)) as file:
                json.dump(self.users, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(self.path + ".new", self.path)

    def check(self, email, password):
        # A name that nobody has costs the same time.
        record = self.users.get(email, {"salt": "00" * 16, "key": ""})
        if not hmac.compare_digest(self.derive(password, record["salt"]), record["key"]):
            raise Refused("SignInRefused", "E-mail or password is wrong")


def sealed(secret):
    """A secret in a sealed memory file: never inside a D-Bus message. dasbus closes it."""
    fd = os.memfd_create("secret", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, secret)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


def unsealed(fd):
    """The content of a memory file that oathd has handed out."""
    with os.fdopen(fd, "rb") as file:
        return os.pread(file.fileno(), LONGEST_LINE, 0)


class Service:
    """What the operations do."""

    def __init__(self, passwords, realm):
        self.passwords = passwords
        self.realm = realm
        self.bus = SystemMessageBus()
        self.enrollments = {}

    def oathd(self, interface, path="/org/oathd/Oathd1"):
        return self.bus.get_proxy(
            "org.oathd.Oathd1",
            path,
            interface_name=f"org.oathd.Oathd1.{interface}",
            client=GLibClientUnix,
        )

    def account(self, email):
        return f"{email}@{self.realm}"

    def enrolled(self, email):
        return get_native(self.oathd("Verifier").Status(self.account(email), {}))["enrolled"]

    def proof(self, email, code):
        """The options of a change: a receipt, where the account has a factor."""
        if not self.enrolled(email):
            return {}
        if not code:
            raise Refused("CodeRequired")
        options = {"service": get_variant(Str, "oathd-change")}
        receipt = self.oathd("Verifier").Verify(self.account(email), code, options)
        return {"proof": receipt["receipt"]}

    def check_session(self, email, session):
        self.oathd("Verifier").CheckSession(self.account(email), sealed(bytes.fromhex(session)))

    def register(self, email, password):
        self.passwords.add(email, password)
        return {}

    def login(self, email, password, code=None):
        self.passwords.check(email, password)
        if not self.enrolled(email):
            token = self.oathd("Accounts").BeginSession(self.account(email), {})
            return {"session": unsealed(token).hex()}
        if not code:
            raise Refused("CodeRequired")
        options = {"service": get_variant(Str, "demo"), "session": get_variant(Bool, True)}
        receipt = get_native(self.oathd("Verifier").Verify(self.account(email), code, options))
        answer = {key: receipt.get(key) for key in ("way", "must_reenrol", "recovery_codes_left")}
        answer["session"] = unsealed(receipt["session"]).hex()
        if "replacement" in receipt:
            answer["replacement"] = unsealed(receipt["replacement"]).decode().strip()
        return answer

    def send_code(self, email, password):
        self.passwords.check(email, password)
        verifier, account = self.oathd("Verifier"), self.account(email)
        for way in get_native(verifier.Status(account, {}))["ways"]:
            if way["kind"] == "out_of_band":
                sent = get_native(verifier.RequestOutOfBandCode(account, way["id"], {}))
                return {"address": sent["address"], "until": sent["until"]}
        raise Refused("NoSuchFactor")

    def whoami(self, email, session):
        self.check_session(email, session)
        return {"email": email, "enrolled": self.enrolled(email)}

    def enable(self, email, password, session, code=None):
        self.passwords.check(email, password)
        self.check_session(email, session)
        options = {"issuer": get_variant(Str, "Demo"), **self.proof(email, code)}
        path = self.oathd("Accounts").BeginEnrollment(self.account(email), options)
        self.enrollments[email] = path
        return {"uri": unsealed(self.oathd("Enrollment", path).Reveal({})).decode()}

    def confirm(self, email, session, code):
        self.check_session(email, session)
        path = self.enrollments.get(email)
        if path is None:
            raise Refused("EnrollmentExpired")
        # Every other session ends: whoever had the password alone is out.
        keep = {"keep": get_variant(UnixFD, sealed(bytes.fromhex(session)))}
        result = get_native(self.oathd("Enrollment", path).Confirm(code, keep))
        del self.enrollments[email]
        answer = {"ended_sessions": result["ended_sessions"]}
        if "recovery_codes" in result:
            answer["recovery_codes"] = unsealed(result["recovery_codes"]).decode().split()
        if "api_key" in result:
            answer["api_key"] = unsealed(result["api_key"]).hex()
        return answer

    def api_key(self, email, password, code=None):
        self.passwords.check(email, password)
        key = self.oathd("Accounts").NewApiKey(self.account(email), self.proof(email, code))
        return {"api_key": unsealed(key).hex()}

    def disable(self, email, password, session, code=None):
        """The way out when device and codes are lost: a session that the factor once opened."""
        self.passwords.check(email, password)
        self.check_session(email, session)
        if code:
            proof = self.proof(email, code)
        else:
            proof = {"session": get_variant(UnixFD, sealed(bytes.fromhex(session)))}
        self.oathd("Accounts").Disable(self.account(email), proof)
        return {}

    def logout(self, email, session):
        end = {"session": get_variant(UnixFD, sealed(bytes.fromhex(session)))}
        return {"ended": self.oathd("Accounts").EndSessions(self.account(email), end)}


OPERATIONS = {
    name: getattr(Service, name)
    for name in (
        "register login send_code whoami enable confirm api_key disable logout".split()
    )
}


def answer(service, line):
    """The answer to one line."""
    try:
        request = json.loads(line)
        operation = OPERATIONS[request.pop("op")]
        if not all(isinstance(value, str) for value in request.values()):
            raise TypeError
        return {"ok": True, **operation(service, **request)}
    except Refused as refused:
        return dict(zip(("error", "message"), refused.args))
    except DBusError as error:
        name = getattr(error, "dbus_name", "")
        if not name.startswith(ERROR):
            return {"error": "ServiceFailed", "message": "oathd does not answer"}
        # Behind the sentence the particulars follow, as a JSON object.
        _, brace, particulars = str(error).partition("{")
        particulars = json.loads(brace + particulars) if brace else {}
        retry = {k: v for k, v in particulars.items() if k == "retry_after"}
        return {"error": name.removeprefix(ERROR), **retry}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"error": "BadRequest", "message": "That is no request"}


class Handler(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self):
        while line := self.rfile.readline(LONGEST_LINE):
            self.wfile.write(json.dumps(answer(self.server.service, line)).encode() + b"\n")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main(socket, state, realm="demo"):
    if os.path.exists(socket):
        os.unlink(socket)
    with Server(socket, Handler) as server:
        # Whoever comes shows a password.
        os.chmod(socket, 0o666)
        server.service = Service(Passwords(state), realm)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
