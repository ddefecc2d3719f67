"""Proves that what was judged about an account is there after oathd was killed and upgraded: a spent code
stays spent, failures stay counted, recovery codes stay good once; and that a service reaches the
accounts of its own realm, through the sandboxed oathd, and nobody else does."""

import json
import os
import pathlib
import signal

from cases.the_state_outlives_every_end import again, repacked
from system import contains, equal, mark, journal, outcome, pid, run, stop, until
from talk import Person

PEOPLE = {}
REALM = pathlib.Path("/etc/oathd/realms.d/shop.conf")


def una():
    """Somebody with a factor, enrolled once."""
    if not PEOPLE:
        PEOPLE["una"] = Person("una")
    return PEOPLE["una"]


def judged(response, *options, user=None):
    """What oathd says of a response for una: nothing, or the name of the error."""
    done = outcome("oathctl", "--json", "verify", "una", *options, user=user, stdin=response + "\n")
    return "" if done.returncode == 0 else json.loads(done.stdout)["error"]["name"]


def kill():
    before = pid()
    os.kill(before, signal.SIGKILL)
    again(before)


def spent_codes_stay_spent():
    code = una().code()
    equal(judged(code), "")
    kill()
    equal(judged(code), "CodeUsed")
    recovery = una().recovery[0]
    equal(judged(recovery), "")
    kill()
    equal(judged(recovery) != "", True)


def failures_stay_counted():
    # A stranger, who is held back apart from the owner.
    def guess():
        return judged(una().wrong(), "--remote-host", "192.0.2.1")

    guesses = [guess() for _ in range(10)]
    equal(set(guesses), {"WrongCode", "Throttled"})
    equal(guesses[-1], "Throttled")
    kill()
    equal(guess(), "Throttled")
    equal(judged(una().code()), "")
    run("systemctl", "reset-failed", "oathd.service")


def an_upgrade_keeps_accounts():
    run("oathctl", "status", "una")
    before = pid()
    run("sh", "-c", f"DEBIAN_FRONTEND=noninteractive dpkg --install {repacked('999.0-1')}")
    again(before)
    equal(judged(una().code()), "")
    before = pid()
    run("sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg --install /packages/oathd_*.deb")
    again(before)
    contains(run("oathctl", "status", "una"), "una")


def a_service_reaches_its_own_realm():
    REALM.write_text('realm = "shop"\nuser = "bob"\n')
    since = mark()
    run("oathctl", "status", "una")
    run("systemctl", "reload", "oathd.service")
    until(lambda: any("settings taken up" in entry["MESSAGE"] for entry in journal(since)),
          "the realm")
    for user, status in [("bob", 0), ("ada", 77)]:
        done = outcome("oathctl", "status", "eve@shop", user=user)
        equal((user, done.returncode, done.stderr), (user, status, done.stderr))
    for user in ["ada", "bob"]:
        equal(judged("123456", user=user), "NotAuthorized")
    REALM.unlink()
    stop()


CASES = [
    spent_codes_stay_spent,
    failures_stay_counted,
    an_upgrade_keeps_accounts,
    a_service_reaches_its_own_realm,
]
