"""Programs that ask on a terminal: what they say is noted, and what they ask is answered."""

import base64
import hashlib
import hmac
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import urllib.parse

from system import Failed, as_user

SECONDS = 120
STEP = 30
# How long a code is accepted at least after it was given, in seconds.
MARGIN = 15
# What Ctrl+C types.
INTERRUPT = "\x03"


def talk(command, answers, user=None):
    """Runs a command on a terminal of its own, as somebody, and answers its hidden questions in turn;
    an interrupt answers the wish for a touch. Gives its status and what stood on the terminal. With no
    answer left it is hung up."""
    answers = list(answers)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir("/")
        command = as_user(user, command)
        os.execvp(command[0], command)
    shown, since, end = b"", 0, time.monotonic() + SECONDS
    ended, status = 0, 0
    while True:
        interrupts = answers[:1] == [INTERRUPT]
        asks = shown[since:].rstrip().endswith(b"when it blinks." if interrupts else b":")
        ready, _, _ = select.select([terminal], [], [], 0.05 if asks else SECONDS)
        if ready:
            try:
                shown += os.read(terminal, 4096)
                continue
            except OSError:
                # login hangs its terminal up and opens it anew.
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended or time.monotonic() > end:
                    break
                time.sleep(0.05)
                continue
        # What is typed before typing is hidden would be thrown away.
        if not asks or not interrupts and termios.tcgetattr(terminal)[3] & termios.ECHO:
            if not asks or time.monotonic() > end:
                os.kill(process, 9)
                os.waitpid(process, 0)
                raise Failed(f"{command}: no hidden question in {SECONDS} s after {shown.decode()}")
            continue
        since = len(shown)
        if not answers:
            break
        answer = answers.pop(0)
        os.write(terminal, (answer if interrupts else f"{answer}\n").encode())
    os.close(terminal)
    if not ended:
        _, status = os.waitpid(process, 0)
    # Newer releases mark where a session begins and ends, for terminals that care.
    text = re.sub(r"\x1b\][^\x1b]*\x1b\\", "", shown.decode().replace("\r\n", "\n"))
    return os.waitstatus_to_exitcode(status), text.rstrip()


class Person:
    """A user of the machine with a second factor, whose authenticator is here."""

    def __init__(self, name, groups="", options=()):
        self.name = name
        self.password = f"password of {name}"
        make_user(name, self.password, groups)
        self.codes_file = f"/root/recovery-{name}"
        enrolling = subprocess.Popen(
            ["oathctl", "enroll", name, "--uri", "--recovery-codes-to", self.codes_file,
             "--no-channel", "--yes", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        uri = ""
        for line in enrolling.stdout:
            found = re.search(r"otpauth://\S+", line)
            if found:
                uri = found[0]
                break
        self.secret = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query).get("secret", [""])[0]
        self.last = int(time.time()) // STEP - 2
        _, errors = enrolling.communicate(self.code() + "\n", timeout=SECONDS)
        if enrolling.returncode:
            raise Failed(f"{name} is not enrolled: {errors}")
        with open(self.codes_file, encoding="utf-8") as file:
            self.recovery = re.findall(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}-[0-9A-Z]{2}\b", file.read())

    def at(self, step):
        """The code of a step (RFC 6238)."""
        key = base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
        offset = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"

    def code(self):
        """A code that was not given yet, and is accepted from this moment on, for a while."""
        self.last = max(self.last + 1, int(time.time() + MARGIN) // STEP - 1)
        wait = (self.last - 1) * STEP - time.time()
        if wait > 0:
            time.sleep(wait)
        return self.at(self.last)

    def wrong(self):
        """A code that no step near by has."""
        now = int(time.time()) // STEP
        near = {self.at(step) for step in range(now - 4, now + 5)}
        return next(f"{n:06}" for n in range(10) if f"{n:06}" not in near)


def make_user(name, password, groups=""):
    """Makes a user with a password."""
    command = ["useradd", "--create-home", "--shell", "/bin/bash", name]
    subprocess.run(command + (["--groups", groups] if groups else []), check=True)
    subprocess.run(["chpasswd"], input=f"{name}:{password}", text=True, check=True)


if __name__ == "__main__":
    # talk.py COMMAND...: the answers come from standard input, one a line.
    ended, text = talk(sys.argv[1:], sys.stdin.read().splitlines())
    print(text)
    sys.exit(ended)
