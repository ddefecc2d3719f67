"""Proves that `oathctl doctor` finds no problem in what the packages install, on a release whose pcscd
asks polkit and on one whose pcscd asks nobody, and tells the two apart; that it names units that are
masked, settings that would not be followed, a rule of polkit that is missing, and stacks of PAM that can
be passed – in which the real libpam lets in as it says – and calls well those that cannot."""

import json
import pathlib

from cases.logins_ask_for_the_second_factor import ServiceFile
from cases.pcscd_lets_oathd_in import RULE, pcscd_asks_polkit
from sessions import at_the_seat
from system import Token, contains, equal, oathctl, outcome, rules, run, settings, stop
from talk import Person

WORST = ["problem", "warning", "note", "ok"]
PEOPLE = {}


def doctor(user=None):
    """The status, and what each check found: its worst verdict with finding and remedy."""
    return told(outcome("oathctl", "doctor", "--json", user=user))


def told(done):
    """What a doctor told on its standard output."""
    answer = json.loads(done.stdout)
    checks = answer["checks"] if done.returncode == 0 else answer["error"]["details"]["checks"]
    found = {}
    for check in sorted(checks, key=lambda check: WORST.index(check["verdict"])):
        found.setdefault(check["check"], (check["verdict"], check["finding"], check["remedy"] or ""))
    return done.returncode, found


def finds(found, check, verdict, remedy=""):
    """Demands a verdict, and a part of its remedy."""
    equal((check, found[check][0]), (check, verdict))
    contains(found[check][2], remedy)


def dora():
    """Somebody with a factor."""
    if "dora" not in PEOPLE:
        PEOPLE["dora"] = Person("dora")
    return PEOPLE["dora"]


def what_is_installed_has_no_problem():
    rules(None)
    with Token():
        status, found = doctor()
        equal((status, [name for name, of in found.items() if of[0] == "problem"]), (0, []))
        for check in ["service", "polkit", "pcscd", "tokens", "pam"]:
            finds(found, check, "ok")
        if pcscd_asks_polkit():
            finds(found, "card_policy", "ok")
        else:
            finds(found, "card_policy", "note", "oathctl pair")


def a_user_is_told_what_their_session_may():
    status, found = doctor("ada")
    equal(status, 0)
    finds(found, "polkit", "note", "guide")
    finds(found, "state", "note", "sudo oathctl doctor")
    equal("vault_key" in found, False)
    status, output, _ = at_the_seat("ada", "oathctl", "doctor")
    equal(status, 0)
    contains(output, "pkttyagent --process")


def what_is_masked_is_named():
    for names, check, remedy in [
        (["pcscd.socket", "pcscd.service"], "pcscd", "systemctl unmask pcscd.socket"),
        (["oathd.service"], "service", "systemctl unmask oathd.service"),
    ]:
        run("systemctl", "mask", "--runtime", "--now", *names)
        try:
            status, found = doctor()
            equal(status, 1)
            finds(found, check, "problem", remedy)
        finally:
            run("systemctl", "unmask", "--runtime", *names)
            run("systemctl", "start", "pcscd.socket")
    equal(doctor()[0], 0)


def settings_that_would_not_be_followed_are_named():
    try:
        settings("[policy.groups.no-such-group]\nrule = 'required'\n")
        run("systemctl", "restart", "oathd.service")
        finds(doctor()[1], "settings", "warning", "groupadd --system no-such-group")
        settings("reader = ['No such key']\n")
        status, found = doctor()
        equal(status, 1)
        finds(found, "settings", "problem", "systemctl reload oathd.service")
    finally:
        settings(None)
        stop()
    finds(doctor()[1], "settings", "ok")


def a_rule_that_is_missing_is_named():
    if not pcscd_asks_polkit():
        return
    run("mv", str(RULE), "/root/rule")
    try:
        rules(None)
        stop()
        status, found = doctor()
        equal(status, 1)
        finds(found, "pcscd", "problem", "50-oathd-pcsc.rules")
    finally:
        run("mv", "/root/rule", str(RULE))
        rules(None)
    equal(doctor()[0], 0)


def the_profile_is_well():
    oathctl("pam", "enable", "--try")
    try:
        finds(doctor()[1], "pam", "warning", "oathctl pam confirm")
        oathctl("pam", "confirm")
        status, found = doctor()
        equal((status, found["pam"][0] in ("ok", "note")), (0, True))
        shown = oathctl("doctor")
        contains(shown, "Nobody comes past the second factor at ")
        for service in ["login", "su", "sudo"]:
            contains(shown.split("past the second factor at ")[1].split(".")[0], service)
    finally:
        oathctl("pam", "disable")


def a_key_that_lets_in_by_ssh_is_told_as_sshd_has_it():
    told, file = "By ssh, whoever has a key comes in", pathlib.Path("/etc/ssh/sshd_config.d/10-test.conf")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    oathctl("pam", "enable")
    try:
        for text in ["", "AuthenticationMethods publickey,keyboard-interactive\n", "PubkeyAuthentication no\n",
                     "AuthenticationMethods keyboard-interactive publickey\n"]:
            file.write_text("KbdInteractiveAuthentication yes\n" + text)
            said = run("/usr/sbin/sshd", "-T").lower()
            alone = "pubkeyauthentication yes" in said and (
                "authenticationmethods any" in said or "authenticationmethods keyboard-interactive publickey" in said)
            equal((text, told in oathctl("doctor")), (text, alone))
    finally:
        file.unlink(missing_ok=True)
        oathctl("pam", "disable")


def stacks_are_judged_as_libpam_runs_them():
    # Typed into every field, by somebody who has a factor: the password, and a code.
    passes, code = "the password", "a code"
    for text, problem, lets_in in [
        ("auth requisite pam_unix.so\nauth required pam_oathd.so\n", None, None),
        ("auth [success=done default=die] pam_unix.so\nauth required pam_oathd.so\n",
         "lets in without the second factor", passes),
        ("auth [success=1 default=die] pam_unix.so\nauth required pam_oathd.so\n"
         "auth required pam_permit.so\n", "lets in without the second factor", passes),
        ("auth requisite pam_unix.so\nauth optional pam_oathd.so\n", "does not stop the login", passes),
        ("auth requisite pam_unix.so\nauth [success=ok default=ignore] pam_oathd.so\n",
         "does not stop the login", passes),
        ("auth optional pam_unix.so\nauth required pam_oathd.so\n", "although the password is wrong", code),
        ("auth substack inner\nauth required pam_oathd.so\n", None, None),
        ("auth include inner\nauth required pam_oathd.so\n", "lets in without the second factor", passes),
        ("auth [success=1 default=ignore] pam_permit.so\nauth substack inner\n"
         "auth requisite pam_unix.so\nauth required pam_oathd.so\n", None, None),
    ]:
        inner = "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n"
        with ServiceFile("inner", inner), ServiceFile("locker", text):
            status, found = doctor()
            wanted = (1, "problem") if problem else (0, found["pam"][0])
            equal((text, status, found["pam"][0]), (text, *wanted))
            if problem:
                contains(found["pam"][1], problem)
            who = dora()
            for kind, typed in [(passes, who.password)] + ([(code, who.code())] if lets_in == code else []):
                answer = run("python3", "-B", "/cases/locker.py", "locker", typed, user="dora").strip()
                equal((text, kind, answer == "0"), (text, kind, kind == lets_in))


def it_leaves_the_host_as_it_was():
    equal(oathctl("pam", "status"), "No login asks for the second factor.\n")
    equal(pathlib.Path("/etc/pam.d/locker").exists(), False)


CASES = [
    what_is_installed_has_no_problem,
    a_user_is_told_what_their_session_may,
    what_is_masked_is_named,
    settings_that_would_not_be_followed_are_named,
    a_rule_that_is_missing_is_named,
    the_profile_is_well,
    a_key_that_lets_in_by_ssh_is_told_as_sshd_has_it,
    stacks_are_judged_as_libpam_runs_them,
    it_leaves_the_host_as_it_was,
]
