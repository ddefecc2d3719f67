"""Proves that what oathd was told to keep is there after every kind of end: killed, killed by the
watchdog because it hung, stopped, upgraded; and that it comes back by itself or with the next call."""

import os
import pathlib
import signal

from system import (PASSWORD, SECRET, STATE, Token, contains, drop_in, equal, journal, mark,
                    oathctl, pid, run, stop, unit, until)

# Shorter than it is, and longer than a busy machine lets a program wait.
WATCHDOG = "[Service]\nWatchdogSec=8s\n"


class Remembered(Token):
    """A token with a password that oathd remembers for root."""

    def __enter__(self):
        super().__enter__()
        oathctl("add", "Example:ada", stdin=SECRET)
        oathctl("password", "set", "--remember", "--password-stdin", stdin=PASSWORD)
        return self


def state_is_whole():
    """What was remembered opens the token, and nobody is asked."""
    code = oathctl("code", "--single", "--no-interaction", "Example:ada").strip()
    equal(code.isdigit(), True)


def kill():
    """Kills oathd and waits until another one serves."""
    before = pid()
    os.kill(before, signal.SIGKILL)
    again(before)


def again(before):
    """Waits until another process than before serves."""
    until(lambda: pid() not in (0, before), "another process")
    until(lambda: unit("oathd.service", "ActiveState")["ActiveState"] == "active", "the service")


def a_kill_takes_nothing():
    with Remembered():
        for _ in range(5):
            kill()
            state_is_whole()
        run("systemctl", "reset-failed", "oathd.service")


def what_was_answered_is_kept():
    with Remembered():
        for _ in range(3):
            oathctl("password", "forget")
            oathctl("password", "remember", "--password-stdin", stdin=PASSWORD)
            kill()
            state_is_whole()
        oathctl("password", "forget")
        kill()
        oathctl("code", "--single", "--no-interaction", "Example:ada", status=5)
        run("systemctl", "reset-failed", "oathd.service")


def a_hang_is_ended_by_the_watchdog():
    drop_in("watchdog", WATCHDOG)
    stop()
    try:
        with Remembered():
            since, before = mark(), pid()
            os.kill(before, signal.SIGSTOP)
            again(before)
            contains(" ".join(entry["MESSAGE"] for entry in journal(since)), "Watchdog timeout")
            state_is_whole()
    finally:
        drop_in("watchdog", None)
    stop()


def one_that_works_is_not():
    drop_in("watchdog", WATCHDOG)
    stop()
    try:
        oathctl("tokens", status=None)
        before, since = pid(), mark()
        fed = unit("oathd.service", "WatchdogTimestampMonotonic")
        for _ in range(3):
            until(lambda: unit("oathd.service", "WatchdogTimestampMonotonic") != fed, "the feeding")
            fed = unit("oathd.service", "WatchdogTimestampMonotonic")
        equal(pid(), before)
        equal([entry for entry in journal(since) if "atchdog" in entry["MESSAGE"]], [])
    finally:
        drop_in("watchdog", None)
    stop()


def a_stop_is_clean_and_the_next_call_starts_it():
    with Remembered():
        run("systemctl", "stop", "oathd.service")
        equal(unit("oathd.service", "ActiveState", "Result", "ExecMainStatus"),
              {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"})
        state_is_whole()


def repacked(version):
    """The package of oathd with another version."""
    package = next(pathlib.Path("/packages").glob("oathd_*.deb"))
    run("rm", "-rf", "/tmp/package")
    run("dpkg-deb", "--raw-extract", str(package), "/tmp/package")
    control = pathlib.Path("/tmp/package/DEBIAN/control")
    lines = control.read_text().splitlines()
    control.write_text("\n".join(
        f"Version: {version}" if line.startswith("Version:") else line for line in lines) + "\n")
    run("dpkg-deb", "-Znone", "--build", "/tmp/package", "/tmp/oathd.deb")
    return "/tmp/oathd.deb"


def an_upgrade_restarts_it_with_its_state():
    with Remembered():
        before, key = pid(), (STATE / "vault.key").read_bytes()
        for version in ["999.0-1", None]:
            package = repacked(version) if version else next(
                pathlib.Path("/packages").glob("oathd_*.deb"))
            run("sh", "-c", f"DEBIAN_FRONTEND=noninteractive dpkg --install {package}")
            again(before)
            before = pid()
            equal((STATE / "vault.key").read_bytes(), key)
            state_is_whole()


def an_upgrade_starts_nothing_that_did_not_run():
    stop()
    run("sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg --install /packages/oathd_*.deb")
    equal(pid(), 0)


CASES = [
    a_kill_takes_nothing,
    what_was_answered_is_kept,
    a_hang_is_ended_by_the_watchdog,
    one_that_works_is_not,
    a_stop_is_clean_and_the_next_call_starts_it,
    an_upgrade_restarts_it_with_its_state,
    an_upgrade_starts_nothing_that_did_not_run,
]
