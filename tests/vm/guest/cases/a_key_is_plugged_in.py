"""Proves with a YubiKey that the kernel sees on USB, by this release's udev, libccid and pcscd: what
the rules of udev do, that a plug starts oathd where it should, that codes are right, that a key pulled
out ends the call that waits for it and nothing else, and that it works after a replug and a sleep.
The key is simulated: what a real one does beside the specifications is not shown."""

import hashlib
import hmac
import json
import pathlib
import pwd
import stat
import struct
import subprocess
import time

from cases.sleep_finds_the_tokens_released import BACK, RELEASED, inhibitors, messages
from key import Key, device, hidraw
from system import (PATIENCE, SECRET, contains, equal, mark, oathctl, outcome, pid, run, stop, unit,
                    until)

ON_PLUG = pathlib.Path("/etc/oathd/start-on-plug")
KEEP = pathlib.Path("/root/key")
RAW = b"12345678901234567890"
# The first three of RFC 4226, appendix D.
HOTP = ["755224", "287082", "359152"]


def totp(at):
    """The code of RFC 6238."""
    digest = hmac.new(RAW, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def properties(*arguments):
    """What udev knows of a device."""
    shown = run("udevadm", "info", "--query=property", *arguments)
    return dict(line.split("=", 1) for line in shown.splitlines())


def kept(*options):
    """A key whose credentials outlive a replug."""
    return Key("--serial", "7654321", "--state", str(KEEP), *options)


def no_device_is_given_to_oathd_or_to_everybody():
    key = kept()
    key.plug()
    try:
        for node in [hidraw("01"), hidraw("00")]:
            equal((node, stat.S_IMODE(node.stat().st_mode) & 0o007), (node, 0))
            for access in ["-r", "-w"]:
                equal((node, access, outcome("test", access, str(node), user="oathd").returncode),
                      (node, access, 1))
        whole = properties(f"--path={device()}")["DEVNAME"]
        equal(outcome("test", "-w", whole, user="oathd").returncode, 1)
    finally:
        key.unplug()


def a_plug_starts_oathd_where_it_was_asked_to():
    for wanted in [False, True]:
        stop()
        ON_PLUG.unlink(missing_ok=True)
        if wanted:
            ON_PLUG.touch()
        key = kept()
        key.plug()
        try:
            known = properties(f"--path={device()}")
            equal((wanted, "oathd.service" in known.get("SYSTEMD_WANTS", "")), (wanted, wanted))
            if wanted:
                until(pid, "oathd")
                contains(oathctl("tokens"), "7654321")
            else:
                # What the plug would have started is among the jobs, if it is not up.
                equal((pid(), "oathd" in run("systemctl", "list-jobs", "--no-legend")), (0, False))
        finally:
            key.unplug()
            ON_PLUG.unlink(missing_ok=True)
    stop()


def pcscd_has_it_by_libccid():
    with kept():
        contains(oathctl("tokens"), "7654321")
        contains(oathctl("info", "--token", "7654321"), "Yubico YubiKey")
        # From Debian 14 on, pcscd is a user of its own, to whom udev must give the device.
        owner = pwd.getpwuid(pathlib.Path(f"/proc/{unit('pcscd', 'MainPID')['MainPID']}").stat().st_uid)
        release = pathlib.Path("/etc/os-release").read_text()
        equal(owner.pw_name, "pcscd" if "forky" in release else "root")


def its_codes_are_right():
    with kept():
        oathctl("add", "Example:counter", "--type", "hotp", stdin=SECRET)
        for code in HOTP:
            equal(oathctl("code", "--single", "Example:counter").strip(), code)
        oathctl("add", "Example:time", stdin=SECRET)
        before = time.time()
        code = oathctl("code", "--single", "Example:time").strip()
        equal(code in {totp(before), totp(time.time())}, True)
        run("oathctl", "remove", "Example:counter", "--yes")


def pulled_out_during_a_touch_it_ends_the_call_alone():
    with kept("--touch", "manual") as key:
        oathctl("add", "Example:touched", "--touch", stdin=SECRET)
        before = pid()
        for _ in range(3):
            call = subprocess.Popen(["oathctl", "--json", "code", "--single", "Example:touched"], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            key.await_word("touch-awaited")
            key.unplug()
            answer, _ = call.communicate(timeout=PATIENCE)
            equal((call.returncode, json.loads(answer)["error"]["name"]), (69, "TokenRemoved"))
            until(lambda: "7654321" not in oathctl("tokens", status=None), "the key gone, to oathd")
            key.plug()
            until(lambda: "7654321" in oathctl("tokens", status=None), "the key again")
            call = subprocess.Popen(["oathctl", "code", "--single", "Example:touched"], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            key.await_word("touch-awaited")
            at = time.time()
            key.say("touch")
            answer, _ = call.communicate(timeout=PATIENCE)
            equal((call.returncode, answer.strip() in {totp(at), totp(time.time())}), (0, True))
            equal(pid(), before)


def plugged_in_again_at_once_it_works():
    # pcscd has one reader before and after, and its library tells of numbers.
    with kept() as key:
        before = pid()
        for _ in range(10):
            key.unplug()
            key.plug()
            until(lambda: outcome("oathctl", "code", "--single", "Example:time").returncode == 0,
                  "a code of the key")
        equal(pid(), before)


def a_sleep_of_the_kernel_finds_it_released_and_back():
    # The kernel stops every process, and wakes them after a second; devices stay as they are.
    pathlib.Path("/sys/power/pm_test").write_text("freezer")
    pathlib.Path("/sys/module/suspend/parameters/pm_test_delay").write_text("1")
    with kept():
        oathctl("add", "Example:sleep", stdin=SECRET)
        oathctl("code", "--single", "Example:sleep")
        until(inhibitors, "the inhibitor")
        before, since = pid(), mark()
        run("systemctl", "suspend")
        until(lambda: BACK in messages(since), "the end of the sleep")
        equal([line for line in messages(since) if line in (RELEASED, BACK)], [RELEASED, BACK])
        contains(run("journalctl", "--dmesg", f"--after-cursor={since}"), "PM: suspend entry")
        oathctl("code", "--single", "Example:sleep")
        equal(pid(), before)


CASES = [
    no_device_is_given_to_oathd_or_to_everybody,
    a_plug_starts_oathd_where_it_was_asked_to,
    pcscd_has_it_by_libccid,
    its_codes_are_right,
    pulled_out_during_a_touch_it_ends_the_call_alone,
    plugged_in_again_at_once_it_works,
    a_sleep_of_the_kernel_finds_it_released_and_back,
]
