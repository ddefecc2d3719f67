"""Proves with the real logind, pam_systemd, su, login and sshd: where the setting allows it, whoever
logged in with the second factor switches it off from that session without another code; a program
outside, or in another session, cannot; without the setting nobody can. Nothing of the receipt is left
in the session. What else a session proves, and to whom, is proved elsewhere."""

import pathlib
import threading

from cases.logins_ask_for_the_second_factor import Sshd
from sessions import Session
from system import contains, equal, oathctl, outcome, rules, run, settings, stop, until
from talk import Person, talk

SHELL = pathlib.Path("/usr/local/bin/shell-of-a-test")
INSIDE = pathlib.Path("/tmp/inside")
OUTSIDE = pathlib.Path("/tmp/outside")
TOLD = pathlib.Path("/tmp/told")
ALLOWED = "accept_logins_as_proof_seconds = 3600\n"
OFF = 'oathctl disable --yes --no-interaction </dev/null; echo "status $?"'
ANYBODYS_CHANGES = """polkit.addRule(function (action) {
    if (action.id == "org.oathd.oathd1.change-account") return polkit.Result.YES;
});"""


def person(name, *commands):
    """Somebody with a factor, whose shell does this."""
    SHELL.with_suffix(f".{name}").write_text("\n".join(["#!/bin/sh", *commands]) + "\n")
    SHELL.with_suffix(f".{name}").chmod(0o755)
    who = Person(name)
    run("usermod", "--shell", str(SHELL.with_suffix(f".{name}")), name)
    return who


def allow(text):
    """Has oathd take up settings."""
    settings(text)
    stop()


def is_on(who):
    """Whether somebody has a second factor."""
    return "is on" in oathctl("status", who.name)


def proves(who, login):
    """What a session tells that switches the factor off, and sees nothing of the receipt."""
    status, shown = login(who)
    contains(shown, "session found")
    contains(shown, "receipt 0")
    contains(shown, "status 0")
    equal((status, is_on(who)), (0, False))


def begin():
    rules(ANYBODYS_CHANGES)
    oathctl("pam", "enable")
    common = pathlib.Path("/etc/pam.d/common-session").read_text()
    equal(common.index("pam_systemd.so") < common.index("pam_oathd.so"), True)
    allow(ALLOWED)


TELL = ['loginctl show-session "$XDG_SESSION_ID" >/dev/null && echo "session found"',
        'echo "receipt $(env | grep -c OATHD_RECEIPT)"', OFF, "exit 0"]


def su_opens_such_a_session():
    proves(person("uwe", *TELL), lambda who: talk(["su", who.name], [who.password, who.code()], user="bob"))


def login_opens_such_a_session():
    proves(person("leo", *TELL), lambda who: talk(["login", who.name], [who.password, who.code()]))


def sshd_opens_such_a_session():
    with Sshd("keyboard-interactive") as sshd:
        proves(person("ria", *TELL), lambda who: sshd.log_in(who, who.password, who.code()))


def outside_of_it_nothing_is_proved():
    olga = person(
        "olga", f"touch {INSIDE}", f"while [ ! -e {OUTSIDE} ]; do sleep 0.1; done",
        # Without a bus of the user's own nothing can be waited for.
        f"systemd-run --user --quiet --property=StandardOutput=file:{TOLD} oathctl locked-out",
        f"for _ in $(seq 1000); do grep -q administrator {TOLD} && break; sleep 0.1; done",
        f"cat {TOLD}", OFF, "exit 0")
    shown = []
    code = olga.code()
    login = threading.Thread(target=lambda: shown.append(
        talk(["su", "olga"], [olga.password, code], user="bob")))
    login.start()
    try:
        until(INSIDE.exists, "the session of olga")
        off = ["oathctl", "disable", "--yes", "--no-interaction"]
        equal(outcome(*off, user="olga").returncode, 5)
        other = Session("olga", *off)
        status, _, errors = other.go()
        equal((status, "proof" in errors), (5, True))
        equal(is_on(olga), True)
    finally:
        OUTSIDE.touch()
        login.join()
    # Programs of the own manager count for the session that is in front.
    contains(shown[0][1], "an open session that your second factor opened")
    contains(shown[0][1], "status 0")
    equal(is_on(olga), False)


def without_the_setting_nothing_is_proved():
    allow(None)
    nora = person("nora", OFF, "exit 0")
    _, shown = talk(["su", "nora"], [nora.password, nora.code()], user="bob")
    contains(shown, "status 5")
    equal(is_on(nora), True)


def end():
    oathctl("pam", "disable")
    equal("pam_oathd" in pathlib.Path("/etc/pam.d/common-session").read_text(), False)
    rules(None)
    run("journalctl", "--sync")
    said = run("journalctl", "--no-pager", "--output=cat", "SYSLOG_IDENTIFIER=pam_oathd")
    equal("was not redeemed" in said, False)


CASES = [
    begin,
    su_opens_such_a_session,
    login_opens_such_a_session,
    sshd_opens_such_a_session,
    outside_of_it_nothing_is_proved,
    without_the_setting_nothing_is_proved,
    end,
]
