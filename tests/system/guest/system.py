"""What the cases do to the machine: commands as somebody, units, a token, the journal."""

import errno
import itertools
import json
import os
import pathlib
import pwd
import re
import subprocess
import time

OATHD = "org.oathd.Oathd1"
STATE = pathlib.Path("/var/lib/oathd")
# Where the kernel shows the sockets of vpcd's reader, by their port.
READERS = [pathlib.Path("/proc/net/tcp"), pathlib.Path("/proc/net/tcp6")]
# How long anything may take on a machine that has much else to do, in seconds.
PATIENCE = 120
# The secret of RFC 6238, and a password for the token.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n"
PASSWORD = "correct horse\n"


class Failed(AssertionError):
    """A command did not end as it should."""


def run(*command, user=None, stdin="", status=0):
    """Runs a command, in no session, and gives its standard output; status None takes any."""
    done = outcome(*command, user=user, stdin=stdin)
    if status is not None and done.returncode != status:
        raise Failed(f"{command} as {user or 'root'} ended with {done.returncode}, not {status}\n"
                     f"{done.stdout}{done.stderr}")
    return done.stdout


def as_user(user, command):
    """The command that runs another as somebody, in no session."""
    if user is None:
        return command
    entry = pwd.getpwnam(user)
    return ("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups",
            "--reset-env", *command)


def outcome(*command, user=None, stdin=""):
    """Runs a command, in no session, and gives all that came of it."""
    return subprocess.run(as_user(user, command), input=stdin, text=True, timeout=PATIENCE, check=False, cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def oathctl(*arguments, user=None, stdin="", status=0):
    """Runs oathctl, on the system bus."""
    return run("oathctl", *arguments, user=user, stdin=stdin, status=status)


def until(condition, what):
    """Waits for a condition and gives its true value."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not in {PATIENCE} s: {what}")
        time.sleep(0.05)


def read(file):
    """What the kernel says in a file of /sys or /proc, None when what it is about goes meanwhile."""
    try:
        return file.read_text().strip()
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.ENOENT, errno.ESRCH):
            return None
        raise


def equal(found, wanted):
    """Demands that two values are the same."""
    if found != wanted:
        raise Failed(f"{found!r} instead of {wanted!r}")


def contains(text, part):
    """Demands a part of a text."""
    if part not in text:
        raise Failed(f"{part!r} is not in: {text}")


def unit(name, *properties):
    """The properties of a unit, as strings."""
    shown = run("systemctl", "show", name, "--property=" + ",".join(properties))
    return dict(line.split("=", 1) for line in shown.splitlines())


def pid():
    """The process of oathd, or 0."""
    return int(unit("oathd.service", "MainPID")["MainPID"])


def stop():
    """Ends oathd, if it runs."""
    run("systemctl", "stop", "oathd.service")
    run("systemctl", "reset-failed", "oathd.service", status=None)


def drop_in(name, text):
    """Writes or, with None, takes away an extension of oathd.service."""
    folder = pathlib.Path("/etc/systemd/system/oathd.service.d")
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.conf"
    file.unlink(missing_ok=True)
    if text is not None:
        file.write_text(text)
    run("systemctl", "daemon-reload")


def settings(text):
    """Writes or, with None, takes away settings."""
    file = pathlib.Path("/etc/oathd/oathd.conf.d/50-test.conf")
    file.unlink(missing_ok=True)
    if text is not None:
        file.write_text(text)


def journal(since):
    """What oathd and the service manager about it wrote into the journal after a mark."""
    run("journalctl", "--sync")
    # Matches would make journalctl of systemd 252 leave out the first entry after the mark.
    shown = run("journalctl", "--output=json", "--all", f"--after-cursor={since}")
    entries = [json.loads(line) for line in shown.splitlines()]
    # The unit of a process that has ended by the time that the journal asks is not known.
    return [entry for entry in entries if entry.get("SYSLOG_IDENTIFIER") == "oathd" or "oathd.service" in
            (entry.get("_SYSTEMD_UNIT"), entry.get("UNIT"), entry.get("OBJECT_SYSTEMD_UNIT"))]


def mark():
    """Where the journal is."""
    run("journalctl", "--sync")
    return run("journalctl", "--lines=0", "--show-cursor").split("cursor: ")[1].strip()


GENERATION = itertools.count()


def rules(text):
    """Gives polkit the rules of a test, or none, and waits until it follows them."""
    generation = f"{next(GENERATION)} of the test"
    mark_rule = """polkit.addRule(function (action, subject) {
        if (action.lookup("generation") == "%s") return polkit.Result.YES;
    });""" % generation
    folder = pathlib.Path("/etc/polkit-1/rules.d")
    file = folder / "new"
    file.write_text(f"{mark_rule}\n{text or ''}")
    file.rename(folder / "40-test.rules")
    action = "org.oathd.oathd1.list-credentials"
    until(lambda: may("ada", action, "root", "generation", generation)[0] == 0, "polkit's new rules")


def may(subject, action, asker, detail, value):
    """What comes of a question to polkit about a process of somebody: status and complaint."""
    entry = pwd.getpwnam(subject)
    # Popen comes back when the process is another user's: polkit must not see it as root's.
    process = subprocess.Popen(["sleep", "60"], user=entry.pw_uid, group=entry.pw_gid,
                               extra_groups=[])
    try:
        done = outcome("pkcheck", "--action-id", action, "--process", str(process.pid),
                       "--detail", detail, value, user=asker if asker != "root" else None)
        return done.returncode, done.stderr
    finally:
        process.kill()
        process.wait()


class Token:
    """A simulated YubiKey in the reader of vpcd, behind the real pcscd, while the block runs."""

    def __init__(self, *options):
        self.options = options
        self.process = None

    def plug(self):
        """Puts the token into the reader."""
        run("systemctl", "start", "pcscd.service")
        until(lambda: any(":8C7B" in file.read_text() for file in READERS), "pcscd's reader")
        self.process = subprocess.Popen(
            ["oathd-sim", "card", *self.options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={"PATH": os.environ["PATH"]})
        self.await_word("ready")

    def __enter__(self):
        self.plug()
        # pcscd looks into the reader about once a second.
        until(lambda: oathctl("tokens", status=None), "the token, to oathd")
        return self

    def await_word(self, word):
        """Waits until the card says a word."""
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise Failed(f"the card ended before it said {word}")

    def say(self, word):
        """Tells the card something."""
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        until(left_reader, "the reader empty")


def left_reader():
    """Whether pcscd has seen that a card went: it closes its end then. Until it has, another one in its
    place would be taken for it."""
    return not any(re.search(r":8C7B \S+ 0[18] ", file.read_text()) for file in READERS)
