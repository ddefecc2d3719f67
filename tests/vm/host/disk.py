"""A disk with a volatile cache, which QEMU reaches by NBD: what was flushed is there after a power
cut; of what was written since, each block of 4096 bytes is there or not, by chance.

A killed QEMU loses nothing that its guest has written to a file of the host, flushed or not, whatever
`cache=` says: the host's cache outlives it. So the cache that is lost is here, and `cache=none` keeps
QEMU from having a second one.
"""

import os
import pathlib
import random
import socket
import struct
import subprocess
import threading

BLOCK = 4096
# Of the NBD protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
REQUEST, REPLY, OPTION_REPLY = 0x25609513, 0x67446698, 0x3E889045565A9
READ, WRITE, DISCONNECT, FLUSH = range(4)
ABORT, INFO, GO = 2, 6, 7
# How long a flush takes, in seconds: as a disk that turns.
FLUSH_SECONDS = 0.02
HAS_FLAGS, SEND_FLUSH = 1, 4


class Disk:
    """The disk, with ext4 and its journal on it: what is safe lies in a file, what is not in memory. Serves one machine at a time."""

    def __init__(self, file, socket_path, size):
        self.path = socket_path
        self.size = size
        pathlib.Path(file).touch()
        os.truncate(file, size)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-b", str(BLOCK), file], check=True)
        self.file = open(file, "r+b", buffering=0)
        self.unsafe = {}
        self.flushes = 0
        self.served = None
        self.dead = threading.Event()
        self.left = None
        pathlib.Path(socket_path).unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(socket_path))
        self.listener.listen(1)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        """Serves machine after machine."""
        while True:
            link, _ = self.listener.accept()
            self.served = threading.Thread(target=self.attend, args=(link,), daemon=True)
            self.served.start()

    def attend(self, link):
        """Serves a machine until it is gone."""
        with link:
            try:
                if self.handshake(link):
                    while self.request(link):
                        pass
            except (EOFError, ConnectionError):
                pass

    def handshake(self, link):
        """Agrees on the disk; false if the other side leaves it at that."""
        link.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 1))
        receive(link, 4)
        about = struct.pack(">HQH", 0, self.size, HAS_FLAGS | SEND_FLUSH)
        while True:
            _, option, length = struct.unpack(">8sII", receive(link, 16))
            receive(link, length)

            def reply(kind, data=b""):
                link.sendall(struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data)

            if option in (INFO, GO):
                reply(3, about)
                reply(1)
                if option == GO:
                    return True
            elif option == ABORT:
                reply(1)
                return False
            else:
                reply(0x80000001)

    def request(self, link):
        """Does what is asked next; false at the end."""
        magic, _, kind, handle, offset, length = struct.unpack(">IHHQQI", receive(link, 28))
        if magic != REQUEST or self.dead.is_set():
            raise ConnectionError("no request of NBD, or no power")
        data, error = b"", 0
        if kind in (WRITE, FLUSH) and self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.cut()
        if kind == READ:
            data = self.read(offset, length)
        elif kind == WRITE:
            self.write(offset, receive(link, length))
        elif kind == FLUSH:
            self.flush()
        elif kind == DISCONNECT:
            return False
        else:
            error = 22
        link.sendall(struct.pack(">IIQ", REPLY, error, handle) + data)
        return True

    def read(self, offset, length):
        """What the machine reads, safe or not."""
        data = bytearray(os.pread(self.file.fileno(), length, offset))
        for at in range(0, length, BLOCK):
            block = self.unsafe.get((offset + at) // BLOCK)
            if block:
                data[at:at + BLOCK] = block
        return bytes(data)

    def write(self, offset, data):
        """Keeps what the machine writes until it is flushed."""
        for at in range(0, len(data), BLOCK):
            self.unsafe[(offset + at) // BLOCK] = data[at:at + BLOCK]

    def flush(self):
        """Makes everything safe, unless the power goes before that."""
        if self.dead.wait(FLUSH_SECONDS):
            raise ConnectionError("no power")
        self.keep()

    def keep(self):
        """Writes to the file what was not."""
        for block, data in self.unsafe.items():
            os.pwrite(self.file.fileno(), data, block * BLOCK)
        self.unsafe.clear()
        self.flushes += 1

    def cut_after(self, changes, seconds):
        """Takes the power at so many writes and flushes from here, or after so many seconds."""
        self.left = changes
        self.dead.wait(seconds)
        self.cut()

    def cut(self):
        """Takes the power from the disk: nothing is answered any more."""
        self.dead.set()
        self.left = None

    def restore(self):
        """Gives it back, once the machine is gone: what was not flushed is lost, but for some of it.
        Gives the numbers of blocks that were kept and lost."""
        self.served.join()
        kept = {block: data for block, data in self.unsafe.items() if random.random() < 0.5}
        numbers = len(kept), len(self.unsafe) - len(kept)
        self.unsafe = kept
        self.keep()
        self.dead.clear()
        return numbers


def receive(link, length):
    """Exactly so many bytes."""
    data = bytearray()
    while len(data) < length:
        part = link.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
