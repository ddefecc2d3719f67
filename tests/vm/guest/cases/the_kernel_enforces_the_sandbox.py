"""Proves that settings of the units which a container only accepts are enforced: each is taken from
the unit as it is installed, by itself, so that no other one can stand in for it, and a program that
runs with it, as root, fails; without it, the same program does not. That programs in the whole sandbox
reach neither devices nor a network, they are started in it."""

import json
import pathlib
import socket

from key import Key, hidraw
from system import Failed, equal, oathctl, pid, run, unit

UNITS = pathlib.Path("/run/systemd/system")
OATHD, DELIVER = "oathd.service", "oathd-deliver.service"
PROBE = """
import errno, json, pathlib, socket, sys
def tried(action):
    try:
        action()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def sent(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.sendto(b"x", ("127.0.0.1", port))
print(json.dumps({path: tried(lambda: open(path, "rb").close()) for path in sys.argv[2:]}
      | {"network": tried(lambda: sent(int(sys.argv[1])))}))
"""


def settings_of(name):
    """The settings of the service in a unit file, as they stand there."""
    section, lines = None, []
    for line in run("systemctl", "cat", name).splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            lines.append(line)
    return lines


def probed(lines, *devices):
    """What a program could do with these settings: open devices, and send on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        pathlib.Path("/run/probe.py").write_text(PROBE)
        port = listener.getsockname()[1]
        command = " ".join(["/usr/bin/python3 /run/probe.py", str(port), *map(str, devices)])
        UNITS.mkdir(exist_ok=True)
        (UNITS / "probe.service").write_text("\n".join(
            ["[Service]", *lines, "Type=oneshot", f"ExecStart={command}",
             "StandardOutput=truncate:/run/probed"]))
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "probe.service")
    return json.loads(pathlib.Path("/run/probed").read_text())


def alone(name, setting):
    """One setting of a unit, by itself."""
    lines = [line for line in settings_of(name) if line.startswith(f"{setting}=")]
    if not lines:
        raise Failed(f"{name} does not set {setting}")
    return lines


def the_loopback_answers_nobody_in_the_unit_of_oathd():
    equal(probed([])["network"], "done")
    equal(probed(alone(OATHD, "IPAddressDeny"))["network"], "EPERM")


def delivery_reaches_the_network_in_its_unit():
    lines = [line for line in settings_of(DELIVER) if line.startswith(("IPAddress", "Restrict"))]
    equal(probed(lines)["network"], "done")
    equal(probed(whole(DELIVER))["network"], "done")


def devices_are_closed_in_both_units():
    with Key():
        devices = [hidraw("01"), "/dev/vda", "/dev/ttyS0"]
        equal({probed([], *devices)[str(device)] for device in devices}, {"done"})
        for name in [OATHD, DELIVER]:
            found = probed(alone(name, "DevicePolicy"), *devices, "/dev/null")
            equal((name, {found[str(device)] for device in devices}), (name, {"EPERM"}))
            equal(found["/dev/null"], "done")


def whole(name):
    """A unit's settings, but for what it starts and where it may write."""
    left = ("Exec", "Type=", "BusName=", "Restart", "Watchdog", "StateDirectory", "RuntimeDirectory",
            "LoadCredential", "NoExecPaths=", "SystemCallErrorNumber=", "Timeout")
    return [line for line in settings_of(name) if not line.startswith(left)]


def nothing_is_reached_from_the_whole_sandbox():
    with Key():
        found = probed(whole(OATHD), hidraw("01"), "/dev/vda")
        equal(found["network"] in {"EAFNOSUPPORT", "EPERM"}, True)
        equal({found[path] for path in found if path.startswith("/dev/")}, {"ENOENT"})


def oathd_has_the_limits_of_its_unit():
    oathctl("tokens", status=None)
    group = pathlib.Path("/sys/fs/cgroup" + unit(OATHD, "ControlGroup")["ControlGroup"])
    equal(str(pid()) in (group / "cgroup.procs").read_text().split(), True)
    # systemctl show gives what the unit asks for; the files are the kernel's.
    asked = unit(OATHD, "TasksMax", "MemorySwapMax")
    equal((group / "pids.max").read_text().strip(), asked["TasksMax"])
    equal((group / "memory.swap.max").read_text().strip(), asked["MemorySwapMax"])


CASES = [
    the_loopback_answers_nobody_in_the_unit_of_oathd,
    delivery_reaches_the_network_in_its_unit,
    devices_are_closed_in_both_units,
    nothing_is_reached_from_the_whole_sandbox,
    oathd_has_the_limits_of_its_unit,
]
