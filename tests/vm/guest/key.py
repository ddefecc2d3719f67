"""A simulated YubiKey in a port of the machine, and what udev makes of it."""

import os
import pathlib
import subprocess

from system import PATIENCE, Token, oathctl, read, run, until

YUBICO = "1050"


class Key(Token):
    """The key is plugged in while the block runs."""

    def __enter__(self):
        self.plug()
        try:
            until(lambda: oathctl("tokens", status=None), "the key, to oathd")
        except BaseException:
            self.unplug()
            raise
        return self

    def plug(self):
        """Plugs the key in; nobody is asked for it."""
        self.process = subprocess.Popen(
            ["oathd-sim", "card", "--usb", *self.options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]})
        self.await_word("ready")
        initialized(until(device, "the device"))

    def unplug(self):
        """Pulls the key out."""
        self.process.kill()
        self.process.wait()
        until(lambda: device() is None, "the device gone")
        # Another one may get the numbers of this one.
        run("udevadm", "settle")

    def __exit__(self, *_):
        self.unplug()


def device():
    """The folder of the key in /sys, if it is plugged in."""
    for vendor in pathlib.Path("/sys/bus/usb/devices").glob("*/idVendor"):
        if read(vendor) == YUBICO:
            return vendor.resolve().parent
    return None


def initialized(path):
    """Waits until udev has done with a device, and with all that came before, what its rules say."""
    run("udevadm", "wait", "--settle", f"--timeout={PATIENCE}", str(path))
    return path


def hidraw(protocol):
    """The node of the key's interface with a protocol: 01 is the keyboard, 00 speaks FIDO."""
    return initialized(until(lambda: next(nodes(protocol), None), f"the interface {protocol}"))


def nodes(protocol):
    """The nodes of such interfaces."""
    for node in pathlib.Path("/sys/class/hidraw").iterdir():
        interface = (node / "device").resolve().parent
        if device() in interface.parents and \
                read(interface / "bInterfaceProtocol") == protocol:
            yield pathlib.Path("/dev") / node.name
