"""Proves that docs/administration.md leads from a Debian without oathd to sudo that asks for a YubiKey,
through what may go wrong, and back: its marked blocks are typed, in order, into one shell at the
machine, and must show what they say. Does not prove what the guide says between them."""

import pathlib
import pwd
import shutil

from sessions import Session
from system import Token, equal, outcome, run

GUIDE = "/docs/administration.md"
PACKAGES = ["oathd", "libpam-oathd"]


def the_guide_leads_to_sudo_and_back():
    run("sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg --install /packages/oathd-sim_*.deb")
    run("dpkg", "--purge", "libpam-oathd", "oathd")
    before = pathlib.Path("/etc/pam.d/common-auth").read_text()
    run("usermod", "--append", "--groups", "sudo", "ada")
    home, ada = pathlib.Path("/home/ada"), pwd.getpwnam("ada")
    for package in PACKAGES:
        for file in pathlib.Path("/packages").glob(f"{package}_*.deb"):
            shutil.copy(file, home)
    token = Token()
    token.plug()
    try:
        session = Session("ada", "python3", "-B", "/cases/follow.py", GUIDE, f"password of {ada.pw_name}")
        session.activate()
        status, shown, errors = session.go()
    finally:
        token.__exit__()
    equal((status, errors), (0, ""))
    print(f"       {shown.strip()}")
    equal(pathlib.Path("/etc/pam.d/common-auth").read_text(), before)
    for package in PACKAGES:
        equal(outcome("dpkg", "--status", package).returncode, 1)
    for path in ["/var/lib/oathd", "/etc/oathd"]:
        equal((path, pathlib.Path(path).exists()), (path, False))


CASES = [the_guide_leads_to_sudo_and_back]
