"""Times oath_authenticate_usersfile of liboath: USERSFILE COUNT RUNS.

Prints the median in milliseconds. Each run is another user's present code.
"""

import ctypes
import hashlib
import hmac
import statistics
import struct
import sys
import time


def code(seed):
    step = struct.pack(">Q", int(time.time()) // 30)
    mac = hmac.digest(seed, step, hashlib.sha1)
    offset = mac[19] & 15
    return b"%06d" % ((struct.unpack_from(">I", mac, offset)[0] & 0x7FFFFFFF) % 1_000_000)


def main():
    path, count, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seed = lambda number: struct.pack(">I", number) * 5
    with open(path, "w") as users:
        for number in range(count):
            users.write(f"HOTP/T30/6\tuser{number:07}\t-\t{seed(number).hex()}\n")
    oath = ctypes.CDLL("liboath.so.0")
    if oath.oath_init() != 0:
        sys.exit("liboath does not start")
    authenticate = oath.oath_authenticate_usersfile
    authenticate.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_size_t, ctypes.c_char_p]
    authenticate.argtypes += [ctypes.POINTER(ctypes.c_long)]
    times = []
    for run in range(runs):
        number = run * count // runs
        typed, last = code(seed(number)), ctypes.c_long()
        begun = time.perf_counter()
        answer = authenticate(
            path.encode(), b"user%07d" % number, typed, 1, None, ctypes.byref(last)
        )
        times.append(time.perf_counter() - begun)
        if answer != 0:
            sys.exit(f"liboath refuses user {number}: {answer}")
    print(statistics.median(times) * 1e3)


main()
