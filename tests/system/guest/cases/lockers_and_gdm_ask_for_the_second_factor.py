"""Proves, with the screen locker swaylock under the compositor sway, that the documented file lets in by
password and code typed into one field, and by nothing else; and with gdm's own worker and service file
that a login at the screen asks for the second factor, by the profile and by each documented stack. The
screen has no hardware and the keys come from wtype; gdm's daemon is played by a program, its greeter is
not there."""

import pathlib
import pwd
import subprocess
import time

from snippets import ONE_FIELD, STRICT, service
from system import PATIENCE, Failed, as_user, contains, equal, oathctl, run, until
from talk import Person

ASKS = "asked: Second factor (? for help): "
SWAYLOCK = pathlib.Path("/etc/pam.d/swaylock")
GDM = pathlib.Path("/etc/pam.d/gdm-password")
# What swaylock says.
SAID = pathlib.Path("/run/swaylock-said")
TRIES = 5
# How long swaylock may take over what was typed, in seconds, before a key counts as lost.
A_WHILE = 20


class Screen:
    """A session of somebody with sway in it, while the block runs."""

    def __init__(self, who):
        self.who, self.unit = who, "screen-of-a-test.service"
        self.runtime = pathlib.Path(f"/run/user/{pwd.getpwnam(who.name).pw_uid}")

    def __enter__(self):
        run("systemd-run", "--quiet", "--collect", f"--unit={self.unit}", "--property=PAMName=login",
            f"--property=User={self.who.name}", "--setenv=XDG_SEAT=seat0", "--setenv=XDG_SESSION_TYPE=wayland",
            "--setenv=WLR_BACKENDS=headless", "--setenv=WLR_RENDERER=pixman",
            "--setenv=WLR_LIBINPUT_NO_DEVICES=1", "sway", "--config", "/dev/null")
        self.display = until(lambda: next((path.name for path in self.runtime.glob("wayland-*")
                                           if path.is_socket()), None), "sway")
        return self

    def __exit__(self, *_):
        run("systemctl", "stop", self.unit)

    def program(self, *command):
        """A command of the owner on this screen."""
        return as_user(self.who.name, ("env", f"XDG_RUNTIME_DIR={self.runtime}",
                                       f"WAYLAND_DISPLAY={self.display}", *command))

    def lock(self):
        """Locks the screen and comes back when it is locked."""
        with open(SAID, "w", encoding="utf-8") as said:
            locker = subprocess.Popen(self.program("swaylock", "--ready-fd", "1"), cwd="/",
                                      stdout=subprocess.PIPE, stderr=said, text=True)
        if locker.stdout.readline() != "\n":
            raise Failed(f"swaylock: {SAID.read_text()}")
        return locker

    def types(self, *keys):
        """Types on a keyboard that is plugged in for it."""
        done = subprocess.run(self.program("wtype", "-s", "500", "-d", "20", *keys), check=False,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, cwd="/")
        equal((done.returncode, done.stderr), (0, ""))

    def refuses(self, locker, line):
        """Types a line and waits until swaylock says that PAM let nobody in; False if it let somebody in,
        and ended. A keyboard may lose keys in its first moments, Enter among them."""
        before = refusals()
        self.types(line, "-k", "Return")
        typed = time.monotonic()
        while locker.poll() is None and refusals() == before:
            if time.monotonic() > typed + A_WHILE:
                self.types("-k", "Return")
                typed = time.monotonic()
            time.sleep(0.05)
        return locker.poll() is None


def refusals():
    """How often swaylock has said that PAM let nobody in."""
    return SAID.read_text().count("pam_authenticate failed")


def swaylock_takes_both_in_one_field():
    wes = Person("wes")
    SWAYLOCK.write_text(ONE_FIELD)
    with Screen(wes) as screen:
        for way in [wes.code, lambda: wes.recovery[0]]:
            locker = screen.lock()
            for wrong in [wes.password + wes.wrong(), "guess" + wes.wrong(), wes.password]:
                equal((screen.refuses(locker, wrong), wrong), (True, wrong))
            # A line of which a key was lost costs no code.
            right = wes.password + way()
            for _ in range(TRIES):
                if not screen.refuses(locker, right):
                    break
            equal((locker.wait(timeout=PATIENCE), right), (0, right))


def gdm(who, *answers):
    """Logs in as gdm does; gives what was asked and told, and what came of it."""
    shown = run("python3", "-B", "/cases/gdm.py", "gdm-password", who.name, stdin="\n".join(answers) + "\n")
    *said, verdict = shown.splitlines()
    return said, verdict


def gdm_follows_the_profile():
    gus = Person("gus")
    equal(gdm(gus, gus.password), (["asked: Password: "], "let in"))
    oathctl("pam", "enable", "--try")
    oathctl("pam", "confirm")
    code = gus.code()
    equal(gdm(gus, gus.password, code), (["asked: Password: ", ASKS], "let in"))
    for answers, asks in [((gus.password, gus.wrong()), True), (("guess",), False)]:
        said, verdict = gdm(gus, *answers)
        equal((answers, verdict, ASKS in said), (answers, "refused", asks))
    said, verdict = gdm(gus, gus.password, gus.recovery[0])
    equal(verdict, "let in")
    contains(" ".join(said), "takes its place")


def gdm_takes_the_strict_stack():
    ike = Person("ike")
    before = GDM.read_text()
    GDM.write_text(service("gdm-password", STRICT))
    try:
        both = ["asked: Password: ", ASKS]
        equal(gdm(ike, ike.password, ike.code()), (both, "let in"))
        told = set()
        for answers in [("guess", ike.code()), (ike.password, ike.wrong()), ("guess", ike.wrong())]:
            said, verdict = gdm(ike, *answers)
            equal((answers, said[:2], verdict), (answers, both, "refused"))
            told.add(tuple(said[2:]))
        # Nothing says which of the two was wrong.
        equal(len(told), 1)
    finally:
        GDM.write_text(before)


CASES = [
    swaylock_takes_both_in_one_field,
    gdm_follows_the_profile,
    gdm_takes_the_strict_stack,
]
