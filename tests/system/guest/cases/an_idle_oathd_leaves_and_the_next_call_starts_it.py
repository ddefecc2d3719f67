"""Proves that oathd, under the real systemd and bus, ends cleanly when its idle time is over, that the
next call starts it with its state, and that it stays while an unlock or an enrollment would be lost. The
ten minutes are not waited for: the timer that oathd waits on is set to end at once."""

import ctypes
import os
import pathlib
import re
import subprocess

from cases.the_state_outlives_every_end import Remembered, state_is_whole
from system import (PASSWORD, SECRET, STATE, Failed, Token, equal, journal, mark, oathctl, pid, read,
                    run, settings, stop, unit, until)
from talk import make_user

LIBC = ctypes.CDLL(None, use_errno=True)
PIDFD_GETFD = 438
IDLE_SECONDS = 600
GOES = "nobody has asked for a while"


class Spec(ctypes.Structure):
    """A timer: its interval and its end, in seconds and nanoseconds."""

    _fields_ = [(name, ctypes.c_long) for name in ["every", "every_ns", "after", "after_ns"]]


def idle_timer():
    """The descriptor in oathd that its idle time runs on, or None: a timer of the boot clock."""
    for info in pathlib.Path(f"/proc/{pid()}/fdinfo").iterdir():
        text = read(info) or ""
        left = re.search(r"^it_value: \((\d+),", text, re.MULTILINE)
        if left and re.search(r"^clockid: 7$", text, re.MULTILINE) and int(left[1]) > IDLE_SECONDS / 2:
            return int(info.name)
    return None


def let_the_time_pass():
    """Has oathd's idle time end at once."""
    number = until(idle_timer, "the idle timer")
    process = os.pidfd_open(pid())
    timer = LIBC.syscall(PIDFD_GETFD, process, number, 0)
    if timer < 0 or LIBC.timerfd_settime(timer, 0, ctypes.byref(Spec(0, 0, 0, 1)), None):
        raise Failed(os.strerror(ctypes.get_errno()))
    os.close(timer)
    os.close(process)


class Idle:
    """Settings by which oathd leaves, while the block runs."""

    def __enter__(self):
        settings(f"idle_exit_seconds = {IDLE_SECONDS}\n")
        stop()

    def __exit__(self, *_):
        settings(None)
        stop()


def it_leaves(since):
    """Waits for a clean end."""
    until(lambda: unit("oathd.service", "ActiveState")["ActiveState"] == "inactive", "the end of oathd")
    equal(unit("oathd.service", "Result", "ExecMainStatus", "NRestarts"),
          {"Result": "success", "ExecMainStatus": "0", "NRestarts": "0"})
    equal(any(GOES in entry["MESSAGE"] for entry in journal(since)), True)


def it_stays(before, since):
    """Waits until oathd has begun to count anew, in the same process."""
    let_the_time_pass()
    until(idle_timer, "the next idle time")
    equal(pid(), before)
    equal(any(GOES in entry["MESSAGE"] for entry in journal(since)), False)


def it_leaves_and_the_next_call_starts_it():
    with Idle(), Remembered():
        before, since = pid(), mark()
        key = (STATE / "vault.key").read_bytes()
        let_the_time_pass()
        it_leaves(since)
        # A call of anybody, and what was remembered.
        oathctl("tokens", user="ada", status=None)
        equal(pid() in (0, before), False)
        state_is_whole()
        equal((STATE / "vault.key").read_bytes(), key)


def it_stays_for_a_password_that_was_typed():
    with Idle(), Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        oathctl("password", "set", "--password-stdin", stdin=PASSWORD)
        oathctl("password", "unlock", "--password-stdin", stdin=PASSWORD)
        before, since = pid(), mark()
        it_stays(before, since)
        oathctl("code", "--single", "--no-interaction", "Example:ada")


def it_stays_for_an_enrollment():
    make_user("ida", "password of ida")
    with Idle():
        oathctl("status", "ida")
        enrolling = subprocess.Popen(
            ["oathctl", "enroll", "ida", "--uri", "--recovery-codes-to", "/root/recovery-ida",
             "--no-channel", "--yes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        next(line for line in enrolling.stdout if "otpauth://" in line)
        before, since = pid(), mark()
        it_stays(before, since)
        enrolling.communicate("\n", timeout=60)
        let_the_time_pass()
        it_leaves(since)


CASES = [
    it_leaves_and_the_next_call_starts_it,
    it_stays_for_a_password_that_was_typed,
    it_stays_for_an_enrollment,
]
