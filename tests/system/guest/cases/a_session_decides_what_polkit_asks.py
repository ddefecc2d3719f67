"""Proves the defaults of the policy with real sessions of logind and the real agent of polkit: who sits
at the machine sees accounts, gets codes for the own password and wipes a token for an administrator's;
who is in the background or comes from elsewhere is refused, and nothing is asked then."""

from sessions import Session, Sshd, at_the_seat, in_the_background
from system import SECRET, Token, contains, equal, oathctl, rules, run

CODE = ["oathctl", "code", "--single", "Example:ada"]
RESET = ["oathctl", "reset", "--yes"]


def with_agent(password, command):
    """A command with an agent that types a password."""
    return ["python3", "-B", "/cases/agent.py", password, *command]


def sessions_are_what_they_seem():
    session = Session("ada", "true")
    session.activate()
    equal((session.shown(session.id, "Remote"), session.shown(session.id, "Seat")), ("no", "seat0"))
    equal(session.go()[0], 0)
    with Sshd() as sshd:
        ours = 'loginctl show-session "$XDG_SESSION_ID" --property=Remote --value'
        equal(sshd.ssh(ours)[1].strip(), "yes")


def at_the_seat_accounts_are_seen_without_a_question():
    rules(None)
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        status, output, errors = at_the_seat("ada", *with_agent("unused", ["oathctl", "list"]))
        equal((status, output.strip()), (0, "Example:ada"))
        contains(errors, "asked 0 times")


def at_the_seat_a_code_costs_the_own_password():
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        status, output, errors = at_the_seat("ada", *with_agent("password of ada", CODE))
        equal((status, output.strip().isdigit()), (0, True))
        contains(errors, "asked 1 times")
        for wrong in ["password of bob", "guess"]:
            status, output, errors = at_the_seat("ada", *with_agent(wrong, CODE))
            equal((status, output), (77, ""))
            contains(errors, "asked")


def who_may_not_be_asked_is_refused():
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        quietly = with_agent("password of ada", [*CODE, "--no-interaction"])
        status, output, errors = at_the_seat("ada", *quietly)
        equal((status, output), (77, ""))
        contains(errors, "asked 0 times")
        status, output, _ = at_the_seat("ada", *CODE)
        equal((status, output), (77, ""))


def a_reset_costs_the_password_of_an_administrator():
    run("usermod", "--append", "--groups", "sudo", "bob")
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        status, _, errors = at_the_seat("ada", *with_agent("password of ada", RESET))
        equal(status, 77)
        contains(oathctl("list"), "Example:ada")
        status, _, errors = at_the_seat("ada", *with_agent("password of bob", RESET))
        equal(status, 0)
        contains(errors, "asked 1 times")
        equal(oathctl("list").strip(), "")


def in_the_background_everything_is_refused():
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        for command in [["oathctl", "list"], CODE, RESET]:
            status, _, errors = in_the_background("ada", *with_agent("password of ada", command))
            equal((command, status), (command, 77))
            contains(errors, "asked 0 times")


def from_elsewhere_everything_is_refused():
    with Token(), Sshd() as sshd:
        oathctl("add", "Example:ada", stdin=SECRET)
        for command in ["oathctl list", "oathctl code --single Example:ada", "oathctl reset --yes"]:
            equal((command, sshd.ssh(command)[0]), (command, 77))


CASES = [
    sessions_are_what_they_seem,
    at_the_seat_accounts_are_seen_without_a_question,
    at_the_seat_a_code_costs_the_own_password,
    who_may_not_be_asked_is_refused,
    a_reset_costs_the_password_of_an_administrator,
    in_the_background_everything_is_refused,
    from_elsewhere_everything_is_refused,
]
