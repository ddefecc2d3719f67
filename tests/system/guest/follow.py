"""Follows a guide: types its commands into one shell on a terminal, answers what is asked as the guide
shows it, and demands that what stands on the terminal is what the guide says: follow.py PAGE PASSWORD.

A block below `<!-- followed -->` is a transcript: behind `$ ` a command, below it what it shows. A line
`…` stands for any lines, `…` within one for any text, and ‹…› for what a person types, as ANSWERS has
it or word for word.
"""

import codecs
import os
import pathlib
import pty
import re
import select
import sys
import termios
import time

BLOCK = re.compile(r"^<!-- followed -->\n```console\n(.*?)^```$", re.M | re.S)
CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}-[0-9A-Z]{2}\b")
SEQUENCE = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-z]")
PROMPT = "\x02"
SECONDS = 300


class Strayed(Exception):
    """The machine did not do what the guide says."""


class Reader:
    """Somebody who reads the guide and types."""

    def __init__(self, password):
        self.password = password
        self.codes = []

    def typed(self, words):
        """What is typed for the words of the guide, and whether it is hidden."""
        match words:
            case "your password":
                return self.password, True
            case "a password for the safe":
                return "correct horse battery staple", True
            case "Enter":
                return "", False
            case "Enter, and a touch":
                return "", True
            case "one of the codes":
                return self.codes[0], False
            case "a recovery code":
                return self.codes.pop(0), True
            case "another recovery code":
                return self.codes.pop(0), False
        return words, False

    def sees(self, text):
        """Keeps the codes of a sheet that is shown."""
        _, heading, sheet = text.partition("Recovery codes of")
        if heading:
            self.codes = CODE.findall(sheet)


class Shell:
    """A shell on a terminal of its own."""

    def __init__(self):
        environment = {**os.environ, "TERM": "dumb", "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
                       "PS1": PROMPT, "PS2": "", "DEBIAN_FRONTEND": "noninteractive",
                       "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        process, self.terminal = pty.fork()
        if process == 0:
            os.chdir(os.environ["HOME"])
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environment)
        self.shown = ""
        # What is read ends anywhere, in the middle of a symbol as well.
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.until(re.escape(PROMPT))

    def until(self, pattern):
        """Waits until what is shown fits, and gives it."""
        end = time.monotonic() + SECONDS
        while not re.fullmatch(pattern, self.shown, re.S):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready or self.shown.endswith(PROMPT):
                raise Strayed(f"{self.shown}\nshould have been, as a pattern,\n{pattern}")
            new = self.decoder.decode(os.read(self.terminal, 65536))
            self.shown = SEQUENCE.sub("", (self.shown + new).replace("\r", ""))
        shown, self.shown = self.shown, ""
        return shown

    def write(self, text, hidden):
        """Types a line; what is hidden, as soon as it is: the rest would be thrown away."""
        end = time.monotonic() + SECONDS
        while hidden and termios.tcgetattr(self.terminal)[3] & termios.ECHO:
            if time.monotonic() > end:
                raise Strayed("what is typed would be shown")
            time.sleep(0.02)
        os.write(self.terminal, text.encode() + b"\n")


def pattern(text):
    """A part of a transcript as a pattern."""
    lines = re.sub(r"(?m)^…\n", "\x00", text)
    return re.escape(lines).replace("\x00", "(?:[^\n]*\n)*?").replace("…", "[^\n]*")


def follow(command, wanted, shell, reader):
    """Types a command, and answers."""
    shell.write(command, False)
    echo = re.escape(command) + "\n"
    parts = re.split(r"‹(.*?)›", wanted)
    for part, words in zip(parts[::2], parts[1::2]):
        reader.sees(shell.until(echo + pattern(part)))
        text, hidden = reader.typed(words)
        shell.write(text, hidden)
        echo = "" if hidden else re.escape(text)
    reader.sees(shell.until(echo + pattern(parts[-1]) + re.escape(PROMPT)))


def main():
    shell, reader = Shell(), Reader(sys.argv[2])
    blocks = BLOCK.findall(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    commands = 0
    for block in blocks:
        for entry in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, wanted = entry.partition("\n")
            try:
                follow(command, wanted, shell, reader)
            except Strayed as strayed:
                sys.exit(f"$ {command}\n{strayed}")
            commands += 1
    print(f"{commands} commands of {len(blocks)} blocks")


main()
