"""Proves that the packages install with what the release has, and that what they install is fit:
users, modes, papers, units that systemd finds nothing against, an exposure of at most 0.5, udev rules."""

import glob
import grp
import os
import pwd
import re
import stat

from system import contains, equal, oathctl, outcome, run


def the_packages_install():
    run("sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg --install /packages/*.deb")
    equal(run("dpkg", "--audit"), "")
    contains(oathctl("--version"), "oathctl")


def the_module_needs_an_oathd_that_is_not_older():
    package, = glob.glob("/packages/libpam-oathd_*.deb")
    version = run("dpkg-deb", "--field", package, "Version").strip().split("-")[0]
    contains(run("dpkg-deb", "--field", package, "Depends").split(", "), f"oathd (>= {version})")


def what_messages_name_can_be_read():
    for paper in ["administration", "guide", "pam", "threat-model"]:
        contains(run("dpkg", "--listfiles", "oathd").split(), f"/usr/share/doc/oathd/{paper}.md")


def the_users_are_there_and_cannot_log_in():
    for name in ["oathd", "oathd-deliver"]:
        user = pwd.getpwnam(name)
        equal(0 < user.pw_uid < 1000, True)
        equal(user.pw_shell.endswith("nologin"), True)
    # Of whoever is exempt from the second factor: nobody.
    equal(grp.getgrnam("oathd-exempt").gr_mem, [])


def nothing_is_started_by_an_installation():
    equal(outcome("systemctl", "is-active", "oathd.service").stdout.strip(), "inactive")
    equal(os.listdir("/var/lib/oathd"), [])


def files_are_for_root_to_change():
    for path in run("sh", "-c", "dpkg -L oathd oathd-sim | sort -u").split():
        # The image leaves manual pages out.
        if path.startswith("/usr/share/man/"):
            continue
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            continue
        equal((path, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode) & 0o022),
              (path, 0, 0, 0))
    equal(stat.S_IMODE(os.stat("/etc/credstore.encrypted").st_mode), 0o700)


def systemd_finds_nothing_against_the_units():
    for path in sorted(glob.glob("/usr/lib/systemd/system/oathd*")):
        done = outcome("systemd-analyze", "verify", "--man=no", path)
        equal((path, done.returncode, done.stderr), (path, 0, ""))


def exposure(name):
    shown = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                f"/usr/lib/systemd/system/{name}")
    return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown)[1])


def the_exposure_is_at_most_half_a_point():
    figures = exposure("oathd.service"), exposure("oathd-deliver.service")
    print(f"       exposure: oathd {figures[0]}, oathd-deliver {figures[1]}")
    equal((figures[0] <= 0.5, figures[1] <= 1.5), (True, True))


def udev_understands_the_rules():
    rules = "/usr/lib/udev/rules.d/60-oathd.rules"
    if "verify" in run("udevadm", "--help"):
        run("udevadm", "verify", rules)
        return
    # udev 252 has no verify; its test of a device names every line that it cannot read.
    done = outcome("udevadm", "test", "/sys/devices/virtual/mem/null")
    contains(done.stdout + done.stderr, "60-oathd.rules")
    equal(re.findall(r".*60-oathd\.rules:\d+.*", done.stdout + done.stderr), [])


CASES = [
    the_packages_install,
    the_module_needs_an_oathd_that_is_not_older,
    what_messages_name_can_be_read,
    the_users_are_there_and_cannot_log_in,
    nothing_is_started_by_an_installation,
    files_are_for_root_to_change,
    systemd_finds_nothing_against_the_units,
    the_exposure_is_at_most_half_a_point,
    udev_understands_the_rules,
]
