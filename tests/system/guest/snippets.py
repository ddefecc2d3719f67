"""What the documentation tells people to write, word for word."""

import pathlib
import re

TEXT = pathlib.Path("/docs/pam.md").read_text(encoding="utf-8")


def snippet(start):
    """The block of the guide whose first line begins with a text."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    found = [block for block in blocks if block.startswith(start)]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} blocks of docs/pam.md begin with {start!r}")
    return found[0]


SIMPLE = snippet("auth    requisite   pam_unix.so\nauth    required    pam_oathd.so\n")
STRICT = snippet("auth    required    pam_oathd.so collect\n")
ONE_FIELD = snippet("auth    required    pam_oathd.so collect one_field\n")
TOUCH = snippet("auth    requisite   pam_unix.so\nauth    required    pam_oathd.so presence\n")
SSHD = snippet("# /etc/ssh/sshd_config.d/oathd.conf\n")
AFTER_A_KEY = snippet("auth    [success=1 default=ignore]  pam_succeed_if.so")


def service(name, stack):
    """The release's file for a service with another stack in place of `@include common-auth`."""
    for folder in ["/etc/pam.d", "/usr/lib/pam.d"]:
        file = pathlib.Path(folder, name)
        if file.exists():
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            places = [at for at, line in enumerate(lines) if line.split() == ["@include", "common-auth"]]
            if len(places) != 1:
                raise AssertionError(f"{file} includes common-auth {len(places)} times")
            lines[places[0]] = stack
            return "".join(lines)
    raise AssertionError(f"there is no service {name}")
