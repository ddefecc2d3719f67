"""Proves, with the screen locker swaylock under the compositor sway, that the documented file lets in by
password and code typed into one field, and by nothing else; and with gdm's own worker and service file
that a login at the screen asks for the second factor, by the profile and by each documented stack. The
screen has no hardware and the keys come from wtype; gdm's daemon is played by a program, its greeter is
not there."""

import pathlib
import pwd
import subprocess

from snippets import ONE_FIELD, STRICT, service
from system import PATIENCE, Failed, as_user, contains, equal, oathctl, run, until
from talk import Person

ASKS = "asked: Second factor (? for help): "
SWAYLOCK = pathlib.Path("/etc/pam.d/swaylock")
GDM = pathlib.Path("/etc/pam.d/gdm-password")
TRIES = 5

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
        locker = subprocess.Popen(self.program("swaylock", "--ready-fd", "1"), cwd="/",
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if locker.stdout.readline() != "\n":
            raise Failed(f"swaylock: {locker.communicate(timeout=10)}")
        return locker

    def types(self, text):
        """Types a line on the keyboard."""
        done = subprocess.run(self.program("wtype", "-s", "200", "-d", "20", text, "-k", "Return"), check=False,
                              stderr=subprocess.PIPE, text=True, timeout=60, cwd="/")
        equal((done.returncode, done.stderr), (0, ""))


def refuses(locker):
    """Waits until swaylock says that PAM let nobody in; False if it let somebody in, and ended."""
    return any("pam_authenticate failed" in line for line in locker.stderr)


def swaylock_takes_both_in_one_field():
    wes = Person("wes")
    SWAYLOCK.write_text(ONE_FIELD)
    with Screen(wes) as screen:
        for right in [wes.password + wes.code(), wes.password + wes.recovery[0]]:
            locker = screen.lock()
            for wrong in [wes.password + wes.wrong(), "guess" + wes.wrong(), wes.password]:
                screen.types(wrong)
                equal((refuses(locker), wrong), (True, wrong))
            # A keyboard that is plugged in a moment before may lose a key; that costs no code.
            for _ in range(TRIES):
                screen.types(right)
                if not refuses(locker):
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
