"""Proves that a call of an unprivileged user starts oathd, as its own user and behind the walls of
its unit, that it computes codes there, and that the bus keeps name and interfaces for it."""

import errno
import os
import pathlib
import pwd
import stat

from system import (OATHD, SECRET, STATE, Token, contains, equal, journal, mark, oathctl, outcome,
                    pid, run, stop, unit)


def a_call_of_a_user_starts_oathd():
    stop()
    oathctl("tokens", user="ada", status=None)
    equal(unit("oathd.service", "ActiveState", "SubState", "Type"),
          {"ActiveState": "active", "SubState": "running", "Type": "notify"})
    owner = run("busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                "GetConnectionUnixProcessID", "s", OATHD)
    equal(owner.split(), ["u", str(pid())])


def it_runs_as_its_own_user_without_privileges():
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{pid()}/status").read_text().splitlines())
    uid = str(pwd.getpwnam("oathd").pw_uid)
    equal(status["Uid"].split(), [uid] * 4)
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
        equal((capabilities, int(status[capabilities], 16)), (capabilities, 0))
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))


def its_state_is_its_own():
    oathd = pwd.getpwnam("oathd")
    for path, mode in [(STATE, 0o700), *((file, 0o600) for file in STATE.iterdir())]:
        status = os.stat(path)
        equal((path, status.st_uid, stat.S_IMODE(status.st_mode)), (path, oathd.pw_uid, mode))


def it_sees_neither_network_nor_homes_nor_devices():
    inside = pathlib.Path(f"/proc/{pid()}/root")
    for home in ["home", "root"]:
        equal(list((inside / home).iterdir()), [])
    equal(sorted(path.name for path in (inside / "dev").iterdir() if path.is_block_device()), [])
    for path in ["usr", "etc", "var/lib", "dev/shm"]:
        try:
            (inside / path / "x").touch()
            written = True
        except OSError as error:
            written = error.errno != errno.EROFS
        equal((path, written), (path, path == "dev/shm"))
    interfaces = pathlib.Path(f"/proc/{pid()}/net/dev").read_text().splitlines()[2:]
    equal([line.split(":")[0].strip() for line in interfaces], ["lo"])


def nothing_can_be_started_in_it():
    done = outcome("nsenter", f"--target={pid()}", "--mount", "/bin/true")
    equal(done.returncode, 126)
    contains(done.stderr, "Permission denied")


def it_computes_codes_there():
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        code = oathctl("code", "--single", "Example:ada").strip()
        equal((len(code), code.isdigit()), (6, True))
        oathctl("remove", "--yes", "Example:ada")


def nobody_else_takes_the_name():
    stop()
    for user in ["ada", "root", "oathd-deliver"]:
        done = outcome("busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                       "RequestName", "su", OATHD, "4", user=user)
        contains(done.stderr, "denied")


def other_interfaces_are_not_reached():
    for interface in ["org.example.Other", "org.oathd.Deliver1.Sender"]:
        done = outcome("busctl", "call", OATHD, "/org/oathd/Oathd1", interface, "Method",
                       user="ada")
        contains(done.stderr, "Access denied")


def the_log_is_structured_and_names_no_secret():
    since = mark()
    stop()
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        oathctl("code", "Example:ada")
        oathctl("remove", "--yes", "Example:ada")
    entries = [entry for entry in journal(since) if entry.get("_COMM") == "oathd"]
    ready = [entry for entry in entries if entry["MESSAGE"].startswith("ready")]
    equal(len(ready), 1)
    equal(ready[0]["_TRANSPORT"], "journal")
    equal(ready[0]["PRIORITY"], "6")
    contains(ready[0], "TARGET")
    contains(ready[0], "VERSION")
    for entry in entries:
        equal("GEZDGNBVGY" in str(entry), False)


CASES = [
    a_call_of_a_user_starts_oathd,
    it_runs_as_its_own_user_without_privileges,
    its_state_is_its_own,
    it_sees_neither_network_nor_homes_nor_devices,
    nothing_can_be_started_in_it,
    it_computes_codes_there,
    nobody_else_takes_the_name,
    other_interfaces_are_not_reached,
    the_log_is_structured_and_names_no_secret,
]
