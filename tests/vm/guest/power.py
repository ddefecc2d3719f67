"""The part of the machine in the power cuts: finds everything as it was answered before the last cut,
then has codes judged and accounts made, all at once, until the power goes.

/result is outside the machine: what is written there at an answer outlives the cut.
"""

import hashlib
import hmac
import json
import pathlib
import struct
import subprocess
import threading
import time
import traceback

from system import Failed, equal, oathctl, outcome, run

ANSWERS = pathlib.Path("/result/answers")
PHASE = pathlib.Path("/result/phase")
REALM = pathlib.Path("/etc/oathd/realms.d/shop.conf")
USERS = [f"user{n}" for n in range(3)]


def code(name, counter):
    """The code of an account at a counter (RFC 4226)."""
    digest = hmac.new(key(name), struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def key(name):
    """The secret of an account."""
    return hashlib.sha1(name.encode()).digest()


def judged(name, counter):
    """What oathd says of a code: `accepted`, or the name of the error."""
    done = outcome("oathctl", "--json", "verify", f"{name}@shop", stdin=code(name, counter) + "\n")
    if done.returncode == 0:
        return "accepted"
    return json.loads(done.stdout)["error"]["name"]


def enrol(*names):
    """Makes accounts, with a factor for each."""
    file = pathlib.Path(f"/run/users-{names[0]}")
    file.write_text("".join(f"HOTP/E {name} - {key(name).hex()}\n" for name in names))
    oathctl("admin", "import", "--format", "pam-oath", "--realm", "shop", str(file))
    for name in names:
        note(name, -1)


def note(name, counter):
    """Writes down an answer: the account is there, and the counter is spent."""
    with open(ANSWERS, "ab", buffering=0) as file:
        file.write(f"{name} {counter}\n".encode())


def answered():
    """The accounts that are there, each with its last counter that is spent."""
    last = {}
    if ANSWERS.exists():
        for line in ANSWERS.read_text().splitlines():
            name, counter = line.split()
            last[name] = max(last.get(name, -1), int(counter))
    return last


def mount():
    """Puts the disk under the state of oathd. Nothing of it is known from before the state of the
    machine was saved."""
    run("blockdev", "--flushbufs", "/dev/vdb")
    pathlib.Path("/var/lib/oathd").mkdir(exist_ok=True)
    run("mount", "-t", "ext4", "/dev/vdb", "/var/lib/oathd")


def check(last):
    """Demands that everything answered is there: accounts, and counters that are spent."""
    listed = [account["account"] for account in
              json.loads(oathctl("--json", "admin", "accounts", "--realm", "shop"))]
    equal({f"{name}@shop" for name in last} - set(listed), set())
    # A user's last code is spent; the newest of the others shows that its secret is there too.
    for name in [*USERS, list(last)[-1]]:
        if last[name] >= 0:
            # CodeUsed, or WrongCode where a later one was spent unanswered.
            equal((name, last[name], judged(name, last[name]) == "accepted"), (name, last[name], False))
        elif name not in USERS:
            equal((name, judged(name, 0)), (name, "accepted"))
            note(name, 0)
    oathctl("admin", "check")
    oathctl("admin", "audit", "--verify")


def spend(name, counter):
    """Has codes judged, one after the other. The first may have been spent unanswered."""
    first = counter
    while True:
        verdict = judged(name, counter)
        if verdict == "Throttled":
            time.sleep(0.2)
            continue
        if verdict == "accepted" or (verdict == "CodeUsed" and counter == first):
            note(name, counter)
        else:
            raise Failed(f"{name} {counter}: {verdict}")
        counter += 1


def make_accounts():
    """Makes accounts, one after the other."""
    while True:
        enrol(f"late{time.monotonic_ns()}")


def failing(work, *arguments):
    """Does work that never ends; says why if it does."""
    try:
        work(*arguments)
    except BaseException:
        say("broken", traceback.format_exc())


def say(phase, text=""):
    """Tells the host how far this is."""
    new = PHASE.with_suffix(".new")
    new.write_text(f"{phase}\n{text}")
    new.rename(PHASE)


def main():
    try:
        mount()
        REALM.parent.mkdir(exist_ok=True)
        REALM.write_text('realm = "shop"\nuser = "bob"\n')
        last = answered()
        if not last:
            enrol(*USERS)
            last = answered()
        check(last)
    except BaseException:
        say("broken", traceback.format_exc() + journal())
        return
    say("working")
    threads = [threading.Thread(target=failing, args=(spend, name, last[name] + 1)) for name in USERS]
    threads.append(threading.Thread(target=failing, args=(make_accounts,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def journal():
    """The last that oathd said."""
    return subprocess.run(["journalctl", "--no-pager", "--lines=30"], stdout=subprocess.PIPE,
                          text=True, check=False).stdout
