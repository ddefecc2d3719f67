"""Sessions of logind, each with one command in it that waits until it is let go."""

import itertools
import pathlib
import pwd
import subprocess

from system import PATIENCE, equal, run, unit, until

NUMBER = itertools.count()
# How long a command in a session may take, which may be many commands, in seconds.
ENOUGH = 540


class Session:
    """A session of somebody at the seat; the newest is the active one."""

    def __init__(self, user, *command, kind="user"):
        self.unit = f"session-of-a-test-{next(NUMBER)}"
        self.process = subprocess.Popen(
            ["systemd-run", "--quiet", "--collect", "--pipe", "--wait", f"--unit={self.unit}",
             "--property=PAMName=login", f"--property=User={user}", "--setenv=XDG_SEAT=seat0",
             # With nothing but a pipe it would be taken for one that no person is in.
             f"--setenv=XDG_SESSION_CLASS={kind}",
             "sh", "-c", 'read -r go; exec "$@"', "sh", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.id = until(self.find, f"the session of {user}")

    def find(self):
        """The id that logind gave the session."""
        leader = unit(self.unit, "MainPID")["MainPID"]
        for line in run("loginctl", "list-sessions", "--no-legend").splitlines():
            session = line.split()[0]
            if leader != "0" and self.shown(session, "Leader") == leader:
                return session
        return None

    @staticmethod
    def shown(session, name):
        """A property of a session; empty if it is gone."""
        return run("loginctl", "show-session", session, f"--property={name}", "--value",
                   status=None).strip()

    def is_active(self):
        """Whether the session is in front."""
        return self.shown(self.id, "Active") == "yes"

    def activate(self):
        """Brings the session to the front."""
        run("loginctl", "activate", self.id)
        until(self.is_active, "the session in front")

    def go(self, stdin=""):
        """Lets the command run; gives its status and what it wrote."""
        output, errors = self.process.communicate("go\n" + stdin, timeout=ENOUGH)
        return self.process.returncode, output, errors


def at_the_seat(user, *command, stdin=""):
    """Runs a command in an active session."""
    session = Session(user, *command)
    session.activate()
    return session.go(stdin)


def of_no_person(user, *command, stdin=""):
    """Runs a command in a session such as cron opens."""
    return Session(user, *command, kind="background").go(stdin)


def in_the_background(user, *command):
    """Runs a command in a session behind that of somebody else."""
    session = Session(user, *command)
    other = Session("bob" if user == "ada" else "ada", "true")
    other.activate()
    equal(session.is_active(), False)
    result = session.go()
    other.go()
    return result


class Sshd:
    """sshd on the loopback, which lets root in as ada, while the block runs."""

    def __init__(self):
        # systemd forgets a unit some time after it ended, so that each has a name of its own.
        self.unit = f"sshd-of-a-test-{next(NUMBER)}"

    def __enter__(self):
        home, entry = pathlib.Path("/home/ada/.ssh"), pwd.getpwnam("ada")
        home.mkdir(mode=0o700, exist_ok=True)
        key = pathlib.Path("/root/test-key")
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        keys = home / "authorized_keys"
        keys.write_text(key.with_suffix(".pub").read_text())
        for path in [home, keys]:
            run("chown", f"{entry.pw_uid}:{entry.pw_gid}", str(path))
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        # A service of its own: what runs in the service of the cases is in none of its sessions.
        run("systemd-run", "--quiet", "--collect", f"--unit={self.unit}", "/usr/sbin/sshd", "-D",
            "-o", "ListenAddress=127.0.0.1")
        until(lambda: self.ssh("true")[0] == 0, "sshd")
        return self

    @staticmethod
    def ssh(*command):
        """Runs a command of ada by ssh."""
        done = subprocess.run(
            ["ssh", "-q", "-i", "/root/test-key", "-o", "BatchMode=yes", "-o",
             "StrictHostKeyChecking=no", "ada@127.0.0.1", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    def __exit__(self, *_):
        run("systemctl", "stop", f"{self.unit}.service")
