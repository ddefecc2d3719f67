"""Proves that a removal ends oathd and keeps its state, that a new installation finds it, that a purge
takes state, settings and sealed key; and that the simulated tokens work without the service."""

import pathlib
import pwd

from cases.the_state_outlives_every_end import Remembered, state_is_whole
from system import STATE, contains, equal, oathctl, outcome, pid, run, until


def the_simulator_needs_no_privileges():
    shown = run("oathd-sim", "run", "--tokens", "1", "--", "oathctl", "tokens", user="ada")
    contains(shown, "12345678")


def a_removal_keeps_the_state():
    with Remembered():
        process = pid()
        # The module that asks oathd goes with it.
        run("dpkg", "--remove", "libpam-oathd", "oathd")
        equal(pathlib.Path(f"/proc/{process}").exists(), False)
        equal(outcome("which", "oathctl").returncode, 1)
        until(lambda: "org.oathd" not in run("busctl", "list", "--acquired", "--activatable"),
              "a bus that starts oathd no more")
        equal((STATE / "vault.key").exists(), True)
        run("sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg --install /packages/oathd_*.deb")
        state_is_whole()


def a_purge_takes_all_but_the_users():
    oathctl("tokens", status=None)
    run("dpkg", "--purge", "oathd")
    for path in ["/var/lib/oathd", "/etc/oathd", "/run/oathd-deliver",
                 "/etc/credstore.encrypted/oathd.vault-key"]:
        equal((path, pathlib.Path(path).exists()), (path, False))
    equal(pwd.getpwnam("oathd").pw_dir, "/var/lib/oathd")
    run("dpkg", "--purge", "oathd-sim")
    equal(run("dpkg", "--audit"), "")


CASES = [
    the_simulator_needs_no_privileges,
    a_removal_keeps_the_state,
    a_purge_takes_all_but_the_users,
]
