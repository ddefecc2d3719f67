"""Conversations with pam_oathd.so and the real oathd, on a private bus with simulated tokens and a
clock that the test turns: one class of tests a bus.

Proves: that the module and oathd mean the same by every word. Proves not: what is said word by word,
which conversations.py holds."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from gi.repository import Gio, GLib

from libpam import authenticate

MODULE = Path(os.environ["PAM_OATHD"]).resolve()
ADDRESS = os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
ASK = "ask: Second factor (? for help): "
TOUCH = "tell: Touch your token when it blinks."
CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}-[0-9A-Z]{2}\b")


def oathctl(*arguments, stdin=""):
    """Runs oathctl and gives what it prints."""
    done = subprocess.run(
        ["oathctl", *arguments], input=stdin, text=True, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


class Clock:
    """The clock of oathd."""

    def __init__(self):
        flags = (
            Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        )
        self.bus = Gio.DBusConnection.new_for_address_sync(ADDRESS, flags, None, None)

    def go_on(self, seconds):
        """Turns it."""
        self.bus.call_sync(
            "org.oathd.Sim1", "/org/oathd/Sim1", "org.oathd.Sim1.Clock", "Advance",
            GLib.Variant("(t)", (seconds,)), None, Gio.DBusCallFlags.NONE, -1, None,
        )


def enrol(*options):
    """Enrols the first token and gives the recovery codes."""
    with tempfile.TemporaryDirectory() as folder:
        codes = f"{folder}/codes"
        oathctl(
            "enroll", "--token", "12345678", "--read-code", "--recovery-codes-to", codes,
            "--no-channel", "--yes", *options,
        )
        recovery = CODE.findall(Path(codes).read_text())
    assert len(recovery) == 10, recovery
    return recovery


def login(typed, user="root", arguments="", **more):
    """One conversation."""
    line = f"auth required {MODULE} bus={ADDRESS} {arguments}"
    return authenticate([line, "auth required pam_permit.so"], user, typed, **more)


class WithCodes(unittest.TestCase):
    """oathd keeps the seed, sealed; the token shows the codes."""

    @classmethod
    def setUpClass(cls):
        cls.clock = Clock()
        cls.recovery = enrol()
        cls.credential = oathctl("list").split()[0]

    def setUp(self):
        # The next step, whose code is not used.
        self.clock.go_on(60)

    def code(self):
        return oathctl("code", "--single", self.credential).strip()

    def wrong(self):
        """A code that no step near by has."""
        near = set()
        for _ in range(4):
            near.add(self.code())
            self.clock.go_on(30)
        return next(f"{n:06}" for n in range(9) if f"{n:06}" not in near)

    def test_a_code_lets_in_once(self):
        code = self.code()
        self.assertEqual(login([code])[-1], "PAM_SUCCESS")
        used = "tell: That code was used before: take another one, or wait for the next."
        self.assertEqual(login([code, code, code]), [ASK, used] * 3 + ["PAM_AUTH_ERR"])

    def test_wrong_codes_slow_down_and_a_recovery_code_lets_in(self):
        wrong = self.wrong()
        for _ in range(4):
            self.assertEqual(login([wrong])[-1], "PAM_AUTH_ERR")
        said = login([wrong])
        while said[-1] == "PAM_AUTH_ERR":
            said = login([wrong])
        self.assertEqual(said[-1], "PAM_MAXTRIES")
        self.assertRegex(said[1], r"^tell: Too many attempts: wait \d+ seconds\.$")
        said = login([self.recovery[0]])
        self.assertEqual(said[-1], "PAM_SUCCESS")
        replacement = CODE.search(said[1])[0]
        self.assertNotIn(replacement, self.recovery)
        self.assertIn("was used before", login([self.recovery[0], self.recovery[0]])[1])
        self.assertEqual(login([replacement])[-1], "PAM_SUCCESS")

    def test_a_slip_of_the_finger_costs_nothing(self):
        code = self.recovery[1]
        wrong = ("A" if code[-1] != "A" else "B").join([code[:-1], ""])
        said = login(["hello", wrong, self.code()])
        self.assertTrue(said[1].startswith("tell: That is no code"), said)
        self.assertTrue(said[3].startswith("tell: A symbol of that recovery code"), said)
        self.assertEqual(said[-1], "PAM_SUCCESS")

    def test_help_tells_the_ways(self):
        said = login(["?", self.code()])
        self.assertTrue(said[1].startswith("tell: Open: a code; a recovery code ("), said)
        self.assertEqual(said[-1], "PAM_SUCCESS")

    def test_each_class_has_its_own_count(self):
        wrong = self.wrong()
        said = []
        while not said or said[-1] == "PAM_AUTH_ERR":
            said = login([wrong], rhost="192.0.2.7")
        self.assertEqual(said[-1], "PAM_MAXTRIES")
        self.assertEqual(login([self.code()])[-1], "PAM_SUCCESS")

    def test_the_way_of_strangers_is_shut_for_them_alone(self):
        def elsewhere(typed):
            # Nobody has to wait longer.
            self.clock.go_on(3600)
            return login([typed()], rhost="192.0.2.7")

        wrong, tries = self.wrong(), ["PAM_SUCCESS"]
        # By chance the time comes at which it is right, and the count begins anew.
        while "PAM_SUCCESS" in tries:
            self.assertEqual(elsewhere(self.code)[-1], "PAM_SUCCESS")
            tries = [elsewhere(lambda: wrong)[-1] for _ in range(100)]
        self.assertEqual(tries, ["PAM_AUTH_ERR"] * 100)
        self.assertIn("this way in is shut", elsewhere(self.code)[1])
        self.assertEqual(elsewhere(lambda: self.recovery[2])[-1], "PAM_SUCCESS")
        self.assertEqual(login([self.code()])[-1], "PAM_SUCCESS")

    def test_whoever_has_no_factor_is_passed_over(self):
        for user in ("daemon", "nobody-of-that-name"):
            self.assertEqual(login([], user=user), ["PAM_SUCCESS"])

    def test_no_token_is_told_where_none_can_be_touched(self):
        said = login([], arguments="presence", tty="tty1")
        self.assertEqual(said[-1], "PAM_AUTHINFO_UNAVAIL")


class WithTouch(unittest.TestCase):
    """A paired token at this host checks the codes, and can be touched in place of one."""

    @classmethod
    def setUpClass(cls):
        oathctl("pair", "--token", "12345679")
        enrol("--verifier", "12345679")

    def test_enter_or_nothing_at_all_asks_for_a_touch(self):
        self.assertEqual(login([""], tty="tty1"), [ASK, TOUCH, "PAM_SUCCESS"])
        self.assertEqual(login([], arguments="presence", tty="tty1"), [TOUCH, "PAM_SUCCESS"])

    def test_whoever_is_elsewhere_types(self):
        said = login(["?", "", "000000"], tty="tty1", rhost="192.0.2.7")
        self.assertNotIn("ouch", "".join(said))
        self.assertEqual(said[-1], "PAM_AUTH_ERR")
        self.assertEqual(login([], arguments="presence", rhost="192.0.2.7")[-1], "PAM_AUTHINFO_UNAVAIL")


if __name__ == "__main__":
    unittest.main()
