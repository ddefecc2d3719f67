"""Power cuts: the machine is killed at random moments while oathd judges codes and makes accounts, and
the next one must find everything that was answered. tests/vm/guest/power.py is what it does."""

import random
import time

ROUNDS = 20
PATIENCE = 300
# When the power goes: at so many writes and flushes of the disk since the work began, at most. What is
# answered takes about ten. A machine that does not come to that is cut after some seconds.
CHANGES = 80
SECONDS = 10


class Broken(Exception):
    """A power cut took something that was answered, or could take nothing."""


def await_work(machine, phase):
    """Waits until the machine has checked what was before, and works."""
    end = time.monotonic() + PATIENCE
    while True:
        if phase.exists():
            word, text = phase.read_text().split("\n", 1)
            if word != "working":
                raise Broken(text)
            return
        if not machine.alive() or time.monotonic() > end:
            raise Broken(f"no work; its console:\n{machine.console.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


def cuts(bench):
    """Cuts the power again and again; a last round only looks."""
    phase, answers = bench.result / "phase", bench.result / "answers"
    before = all_kept = all_lost = 0
    for number in range(1, ROUNDS + 2):
        began = time.monotonic()
        phase.unlink(missing_ok=True)
        with bench.resumed("power_cuts") as machine:
            await_work(machine, phase)
            if number <= ROUNDS:
                bench.disk.cut_after(random.randint(1, CHANGES), SECONDS)
            else:
                bench.disk.cut()
        kept, lost = bench.disk.restore()
        # What went wrong before the power did.
        await_work(machine, phase)
        after = len(answers.read_text().splitlines())
        if number <= ROUNDS:
            print(f"ok     power cut {number}: {after - before} answers, {kept + lost} blocks not "
                  f"flushed, {lost} lost ({time.monotonic() - began:.1f} s)", flush=True)
        before, all_kept, all_lost = after, all_kept + kept, all_lost + lost
    if before < ROUNDS or not all_kept or not all_lost or not bench.disk.flushes:
        raise Broken(f"nothing was at stake: {before} answers, {all_kept} blocks kept, {all_lost} lost")
    print(f"{ROUNDS} passed, 0 failed", flush=True)
