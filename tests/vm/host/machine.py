"""A virtual machine of QEMU: booted, saved, taken up again, spoken to, cut off.

QEMU emulates the processor unless this machine has the real thing: /dev/kvm alone says little, since
a kernel that is a guest itself may offer one that runs no kernel of Debian.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

PATIENCE = 600


class Failed(Exception):
    """The machine did not do what it should."""


def accelerator():
    """What QEMU runs the processor by."""
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    real = ("vmx" in flags or "svm" in flags) and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return "kvm" if real else "tcg"


class Machine:
    """A machine made of `image`, with folders shared under their names, and a disk of its own at a
    socket of NBD, without which it stands still. With a saved state it goes on from there. Ends with
    the block."""

    def __init__(self, image, folder, shares, disk, state=None):
        self.folder = pathlib.Path(folder)
        self.console = self.folder / "console"
        self.buffer = b""
        self.control = self.line = None
        sockets = {name: self.folder / name for name in ["control", "line"]}
        for path in sockets.values():
            path.unlink(missing_ok=True)
        command = [
            "qemu-system-x86_64", "-machine", "q35", "-accel", accelerator(), "-cpu", "qemu64",
            "-smp", "1", "-m", "768", "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", image / "vmlinuz", "-initrd", image / "initrd", "-append",
            "console=ttyS0 quiet panic=-1 mitigations=off audit=0 random.trust_cpu=on "
            "systemd.show_status=0",
            "-drive", f"file={image}/root.img,format=raw,if=none,id=root,readonly=on",
            "-device", "virtio-blk-pci,drive=root",
            "-drive", f"file=nbd:unix:{disk},format=raw,if=none,id=state,cache=none",
            "-device", "virtio-blk-pci,drive=state,werror=stop,rerror=stop,"
            "logical_block_size=4096,physical_block_size=4096",
            "-device", "virtio-rng-pci",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=line,path={sockets['line']},server=on,wait=on",
            "-serial", "chardev:line",
            "-qmp", f"unix:{sockets['control']},server=on,wait=on",
        ]
        for name, path in shares.items():
            access = "" if name == "result" else ",readonly=on"
            command += ["-virtfs", f"local,path={path},mount_tag={name},security_model=none{access}"]
        if state:
            command += ["-incoming", f"exec:cat {state}"]
        with open(self.folder / "qemu", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        try:
            self.line = self.reach(sockets["line"])
            self.control = self.reach(sockets["control"]).makefile("rw")
            json.loads(self.control.readline())
            self.order("qmp_capabilities")
        except BaseException:
            self.cut()
            raise

    def reach(self, path):
        """Connects to a socket of QEMU."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(PATIENCE)
            try:
                link.connect(str(path))
                return link
            except OSError:
                link.close()
                time.sleep(0.02)
        raise Failed(f"QEMU did not start: {(self.folder / 'qemu').read_text()}")

    def order(self, what, **arguments):
        """Has QEMU do something, and gives its answer."""
        print(json.dumps({"execute": what, "arguments": arguments}), file=self.control, flush=True)
        for line in self.control:
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                if "error" in answer:
                    raise Failed(f"{what}: {answer['error']['desc']}")
                return answer["return"]
        raise Failed(f"QEMU ended during {what}")

    def until_migration(self, wanted):
        """Waits until a state is saved or read."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = self.order("query-migrate").get("status")
            if status == wanted:
                return
            if status == "failed":
                break
            time.sleep(0.02)
        raise Failed(f"the state of the machine was not {wanted}")

    def ready(self):
        """Waits until the machine is up and asks for the time."""
        while b"ready" not in self.buffer:
            try:
                data = self.line.recv(4096)
            except TimeoutError:
                data = b""
            if not data:
                raise Failed(f"not up in {PATIENCE} s: {self.console.read_text(errors='replace')[-2000:]}")
            self.buffer += data

    def save(self, state):
        """Saves the machine, stopped, to a file."""
        self.order("stop")
        self.order("migrate-set-parameters", **{"max-bandwidth": 10**11})
        self.order("migrate", uri=f"exec:cat >{state}")
        self.until_migration("completed")

    def go(self):
        """Gives the machine the time, upon which it begins."""
        self.line.sendall(f"{int(time.time())}\n".encode())

    def alive(self):
        """Whether the machine still runs."""
        return self.process.poll() is None

    def cut(self):
        """Ends the machine at once, as a power cut would, and waits for that."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for link in (self.line, self.control):
            if link:
                link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
