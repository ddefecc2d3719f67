"""Proves that the sandboxed oathd reaches cards through the release's own pcscd, and who else does:
where pcscd asks polkit (from Debian 13 on), the rule lets in oathd alone and decides nothing else;
where it asks nobody (Debian 12), every local user reads cards, as the threat model says."""

import pathlib

from system import Token, contains, equal, may, oathctl, outcome, rules, run, until

PCSC = ["org.debian.pcsc-lite.access_pcsc", "org.debian.pcsc-lite.access_card"]
RULE = pathlib.Path("/usr/share/polkit-1/rules.d/50-oathd-pcsc.rules")
# What a user could do with pcscd without oathd of the system: run one of the own.
OWN = "/usr/libexec/oathd --bus session --state /home/ada/state --log off & " \
      "for _ in $(seq 1000); do busctl --user status org.oathd.Oathd1 >/dev/null 2>&1 && break; " \
      "sleep 0.1; done; oathctl --bus session tokens; status=$?; kill $!; wait; exit $status"


def pcscd_asks_polkit():
    """Whether pcscd of this release has actions."""
    return PCSC[0] in run("pkaction")


def it_does_so_in_the_releases_that_are_known():
    release = pathlib.Path("/etc/os-release").read_text()
    equal(pcscd_asks_polkit(), "VERSION_ID=\"12\"" not in release)


def oathd_sees_a_token():
    with Token("--serial", "7654321"):
        contains(oathctl("tokens"), "7654321")


def a_user_sees_it_only_where_nobody_is_asked():
    rules(None)
    with Token("--serial", "7654321"):
        run("mkdir", "-p", "-m", "700", "/home/ada/state")
        run("chown", "ada:", "/home/ada/state")
        done = outcome("dbus-run-session", "--", "sh", "-c", OWN, user="ada")
        if pcscd_asks_polkit():
            equal("7654321" in done.stdout, False)
            equal(done.returncode, 69)
        else:
            contains(done.stdout, "7654321")


def without_the_rule_oathd_is_refused_and_says_so():
    if not pcscd_asks_polkit():
        # Nothing depends on the rule: without it a token is still seen.
        RULE.rename("/root/rule")
        try:
            rules(None)
            oathd_sees_a_token()
        finally:
            pathlib.Path("/root/rule").rename(RULE)
        return
    run("mv", str(RULE), "/root/rule")
    try:
        rules(None)
        run("systemctl", "stop", "oathd.service")
        until(lambda: outcome("oathctl", "tokens").returncode == 69, "the refusal")
        contains(outcome("oathctl", "tokens").stderr, "refused this program")
    finally:
        run("mv", "/root/rule", str(RULE))
        rules(None)
    oathd_sees_a_token()


def the_rule_decides_nothing_else():
    oathctl("tokens", status=None)
    others = ["org.freedesktop.login1.reboot", "org.freedesktop.systemd1.manage-units",
              "org.freedesktop.timedate1.set-time", "org.oathd.oathd1.generate-code"]
    for action in others:
        equal((action, may("oathd", action, "root", "x", "x")[0] != 0), (action, True))
    if pcscd_asks_polkit():
        for action in PCSC:
            equal((action, may("oathd", action, "root", "reader", "x")[0]), (action, 0))
            for user in ["ada", "oathd-deliver"]:
                equal((action, may(user, action, "root", "reader", "x")[0] != 0), (action, True))


CASES = [
    it_does_so_in_the_releases_that_are_known,
    oathd_sees_a_token,
    a_user_sees_it_only_where_nobody_is_asked,
    without_the_rule_oathd_is_refused_and_says_so,
    the_rule_decides_nothing_else,
]
