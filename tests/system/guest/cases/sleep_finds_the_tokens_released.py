"""Proves with the real logind that oathd has the sleep of the machine delayed until its tokens are
released, and no longer, and that it finds them again after it. The kernel's part is a file that takes
the order to sleep: the machine wakes at once."""

from system import SECRET, Token, equal, journal, mark, oathctl, pid, run, stop, until

RELEASED = "tokens released for the sleep of the machine"
BACK = "tokens looked for after the sleep of the machine"


def inhibitors():
    """What oathd holds back."""
    shown = run("systemd-inhibit", "--list", "--no-legend", "--mode=delay")
    return [line for line in shown.splitlines() if line.startswith("oathd ")]


def messages(since):
    return [entry["MESSAGE"] for entry in journal(since)]


def logind_is_asked_for_a_delay():
    stop()
    until(lambda: not inhibitors(), "no inhibitor")
    oathctl("tokens", status=None)
    held = until(inhibitors, "the inhibitor")
    equal(len(held), 1)
    equal([word in held[0].split() for word in ["oathd", "sleep", "delay"]], [True] * 3)
    stop()
    until(lambda: not inhibitors(), "no inhibitor")


def tokens_are_released_before_a_sleep_and_found_after_it():
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        until(inhibitors, "the inhibitor")
        for _ in range(3):
            oathctl("code", "--single", "Example:ada")
            before, since = pid(), mark()
            run("systemctl", "suspend")
            until(lambda: BACK in messages(since), "the end of the sleep")
            said = [line for line in messages(since) if line in (RELEASED, BACK)]
            equal(said, [RELEASED, BACK])
            until(inhibitors, "the next inhibitor")
            oathctl("code", "--single", "Example:ada")
            equal(pid(), before)
            timed_out = run("sh", "-c", "journalctl --sync; journalctl --unit=systemd-logind "
                            f"--after-cursor='{since}' | grep -c 'inhibitor timeout' || true")
            equal(timed_out.strip(), "0")


CASES = [
    logind_is_asked_for_a_delay,
    tokens_are_released_before_a_sleep_and_found_after_it,
]
