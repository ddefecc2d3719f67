"""Proves that oathd-deliver starts by a call of oathd or root alone, as a user of its own, with the
network and without what oathd keeps; that it sends, that a password comes to it as a credential of
systemd, and that it leaves when it is idle."""

import json
import pathlib
import pwd
import re
import stat

from system import STATE, contains, equal, oathctl, outcome, run, stop, unit, until
from talk import Person

NAME = "org.oathd.Deliver1"
CHECK = ["busctl", "--json=short", "call", NAME, "/org/oathd/Deliver1", "org.oathd.Deliver1.Sender",
         "CheckAddress", "ss", "email", "ada@example.org"]
SETTINGS = pathlib.Path("/etc/oathd/deliver.conf")
MESSAGES = pathlib.Path("/run/oathd-deliver/messages")


def process():
    """The process of oathd-deliver, or 0."""
    return int(unit("oathd-deliver.service", "MainPID")["MainPID"])


def extended(text):
    """Ends it, and writes or, with None, takes away an extension of its unit."""
    folder = pathlib.Path("/run/systemd/system/oathd-deliver.service.d")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "test.conf"
    file.unlink(missing_ok=True)
    if text is not None:
        file.write_text(f"[Service]\n{text}\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "stop", "oathd-deliver.service")


def root_starts_it():
    SETTINGS.write_text('[email]\nby = "file"\nfrom = "oathd@example.org"\nsubject = "Code"\n'
                        '[file]\npath = "/run/oathd-deliver/messages"\n')
    answer = json.loads(run(*CHECK))
    equal(answer["data"][0]["verdict"]["data"], "ok")
    equal(unit("oathd-deliver.service", "ActiveState")["ActiveState"], "active")


def others_do_not_reach_it():
    # The owner of oathd's name may call; the name is not there to be owned while oathd is stopped.
    oathctl("tokens", status=None)
    contains(run(*CHECK, user="oathd"), "verdict")
    for user in ["ada", "oathd-deliver"]:
        contains(outcome(*CHECK, user=user).stderr, "denied")


def it_has_the_network_and_no_view_of_the_state():
    # It leaves after a minute without a call.
    run(*CHECK)
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{process()}/status").read_text().splitlines())
    equal(status["Uid"].split()[0], str(pwd.getpwnam("oathd-deliver").pw_uid))
    equal((int(status["CapBnd"], 16), status["NoNewPrivs"], status["Seccomp"]), (0, "1", "2"))
    networks = [pathlib.Path(f"/proc/{pid}/ns/net").readlink() for pid in (1, process())]
    equal(networks[0], networks[1])
    inside = pathlib.Path(f"/proc/{process()}/root")
    equal(STATE.stat().st_mode & 0o777, 0o700)
    for hidden in [inside / STATE.relative_to("/"), inside / "run/pcscd"]:
        equal((hidden, list(hidden.iterdir())), (hidden, []))


def oathd_sends_by_it():
    run("systemctl", "stop", "oathd-deliver.service")
    lee = Person("lee")
    channel = json.loads(run("oathctl", "--json", "channel", "add", "email", "lee@example.org",
                             "--account", "lee", stdin=lee.code() + "\n"))
    sent = until(lambda: MESSAGES.exists() and re.findall(r"\b[0-9]{6,8}\b", MESSAGES.read_text()),
                 "the message")
    equal(stat.S_IMODE(MESSAGES.stat().st_mode), 0o600)
    run("oathctl", "channel", "confirm", str(channel["channel"]), "--account", "lee", stdin=sent[-1] + "\n")


def a_password_comes_as_a_credential():
    # As its documentation says.
    sealed, inside = "/etc/credstore.encrypted/oathd-deliver.smtp", "/run/credentials/oathd-deliver.service/smtp"
    run("systemd-creds", "encrypt", "--name=smtp", "--tpm2-pcrs=", "-", sealed, stdin="the password")
    extended(f"LoadCredentialEncrypted=smtp:{sealed}")
    run(*CHECK)
    equal(run("cat", inside, user="oathd-deliver"), "the password")
    equal(outcome("cat", inside, user="ada").returncode, 1)
    extended(None)


def it_leaves_when_it_is_idle():
    extended("ExecStart=\nExecStart=/usr/libexec/oathd-deliver --idle-exit 1")
    run(*CHECK)
    until(lambda: unit("oathd-deliver.service", "ActiveState", "Result") ==
          {"ActiveState": "inactive", "Result": "success"}, "its end")
    run(*CHECK)
    extended(None)
    SETTINGS.unlink()
    stop()


CASES = [
    root_starts_it,
    others_do_not_reach_it,
    it_has_the_network_and_no_view_of_the_state,
    oathd_sends_by_it,
    a_password_comes_as_a_credential,
    it_leaves_when_it_is_idle,
]
