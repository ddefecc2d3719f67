"""Runs the cases, in order, as root in a booted container; what they prove is in their first lines.

/packages/chosen names cases to run alone; the first, which installs the packages, always runs.
"""

import importlib
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import traceback

from system import mark, settings, stop

# Files of cases. The last but one takes away what the first has put there; the last begins anew.
FILES = [
    "the_packages_put_oathd_in_its_place",
    "a_first_call_starts_oathd_in_its_sandbox",
    "polkit_decides_each_action",
    "a_session_decides_what_polkit_asks",
    "pcscd_lets_oathd_in",
    "the_state_outlives_every_end",
    "an_idle_oathd_leaves_and_the_next_call_starts_it",
    "accounts_are_whole_after_every_end",
    "settings_and_key_come_from_the_system",
    "sleep_finds_the_tokens_released",
    "delivery_has_the_network_and_nothing_else",
    "doctor_knows_this_system",
    "a_login_proves_what_its_session_asks",
    "logins_ask_for_the_second_factor",
    "a_removal_takes_what_it_should",
    "the_guide_leads_to_sudo_and_back",
]
# Those of a release with a screen.
ON_A_SCREEN = [FILES[0], "lockers_and_gdm_ask_for_the_second_factor"]
SECONDS_A_CASE = 600


class OutOfTime(Exception):
    """A case took longer than it may."""


def out_of_time(_signal, _frame):
    raise OutOfTime(f"after {SECONDS_A_CASE} s")


def attempt(case):
    """Runs a case and says whether it passed."""
    since = mark()
    began = time.monotonic()
    signal.alarm(SECONDS_A_CASE)
    try:
        case()
        failure = None
    except BaseException:
        failure = traceback.format_exc()
    finally:
        signal.alarm(0)
    seconds = time.monotonic() - began
    name = case.__name__.replace("_", " ")
    print(f"{'ok    ' if failure is None else 'FAILED'} {name} ({seconds:.1f} s)", flush=True)
    if failure is not None:
        print(failure)
        journal = ["journalctl", "--no-pager", "--quiet", "-o", "short-monotonic",
                   f"--after-cursor={since}", "--lines=40"]
        subprocess.run(journal, check=False)
        # Why oathd refused stands in a field of its own.
        subprocess.run([*journal, "--unit=oathd.service", "--output=verbose",
                        "--output-fields=MESSAGE,REASON,ERROR"], check=False)
        sys.stdout.flush()
    return failure is None


def main(files, always):
    """Runs the cases of files, those of `always` even if others were chosen."""
    signal.signal(signal.SIGALRM, out_of_time)
    chosen = pathlib.Path("/packages/chosen").read_text().split()
    release = subprocess.run(
        ["sh", "-c", ". /etc/os-release; echo $PRETTY_NAME; systemctl --version | head -n 1"],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout.split("\n")
    print(f"== {release[0]}, {release[1].split(' (')[0]}")
    passed, failed, left_out = 0, [], 0
    for file in files:
        module = importlib.import_module(f"cases.{file}")
        for case in module.CASES:
            if chosen and case.__name__ not in chosen and file not in chosen and file != always:
                left_out += 1
            elif attempt(case):
                passed += 1
            else:
                failed.append(case.__name__)
                # What a case did not come to put back is put back.
                settings(None)
                stop()
    print(f"{passed} passed, {len(failed)} failed" + (f", {left_out} not chosen" if chosen else ""))
    verdict = "passed" if passed and not failed else "failed: " + ", ".join(failed)
    pathlib.Path("/result/verdict").write_text(verdict)


if __name__ == "__main__":
    main(ON_A_SCREEN if shutil.which("swaylock") else FILES, always=FILES[0])
