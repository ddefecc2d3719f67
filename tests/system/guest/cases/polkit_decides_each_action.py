"""Proves that the real polkitd, asked by the real user oathd, decides what a program may: the defaults
refuse everything to a program in no session, a rule opens exactly what it names to whom it names, and
oathd's annotation lets it, and no other user, ask about others. Sessions are in a file of their own."""

import json
import re

from system import PASSWORD, SECRET, Token, contains, equal, may, oathctl, outcome, rules, run, until

POLICY = "/usr/share/polkit-1/actions/org.oathd.oathd1.policy"
PREFIX = "org.oathd.oathd1."

# What oathctl does, with the last parts of the actions that it needs and, where it is done,
# what takes it back. `list-credentials` finds the token.
COMMANDS = [
    (["list"], {"list-credentials"}, "", None),
    (["code", "--single", "Example:ada"], {"list-credentials", "generate-code"}, "", None),
    (["add", "New:ada"], {"list-credentials", "add-credential"}, SECRET, ["remove", "--yes", "New:ada"]),
    (["rename", "Example:ada", "Other:ada"], {"list-credentials", "change-credential"}, "",
     ["rename", "Other:ada", "Example:ada"]),
    (["password", "set", "--password-stdin"], {"list-credentials", "manage-access"}, PASSWORD, None),
    (["reset", "--yes"], {"list-credentials", "reset-token"}, "", None),
]

# The actions about accounts, what needs them, and how it ends when polkit has let it through: no code
# confirms the factor, and bob has none to be rescued from.
ACCOUNTS = {
    "change-account": (["enroll", "--uri", "--no-recovery-codes", "--no-channel", "--yes"], 5),
    "administer": (["admin", "accounts"], 0),
    "rescue-account": (["admin", "rescue", "bob", "seen in person"], 1),
}


def granting(user, actions):
    """A rule that lets a user do what it names, and says nothing else."""
    ids = json.dumps([PREFIX + action for action in sorted(actions)])
    return f"""polkit.addRule(function (action, subject) {{
        if (subject.user == "{user}" && {ids}.indexOf(action.id) >= 0) return polkit.Result.YES;
    }});"""


def actions():
    """The actions of the policy that is installed."""
    return re.findall(r'<action id="(\S+)">', open(POLICY).read())


def asked_by(user, action):
    """What comes of a user's question about a process of bob."""
    return may("bob", action, user, "token", "12345678")


def without_a_session_the_defaults_refuse_everything():
    rules(None)
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        for command, _, stdin, _ in COMMANDS:
            oathctl(*command, user="ada", stdin=stdin, status=77)


def a_rule_opens_what_it_names_to_whom_it_names():
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        for command, needed, stdin, undo in COMMANDS:
            for missing in needed:
                rules(granting("ada", set(a.removeprefix(PREFIX) for a in actions()) - {missing}))
                oathctl(*command, user="ada", stdin=stdin, status=77)
            rules(granting("ada", needed))
            oathctl(*command, user="bob", stdin=stdin, status=77)
            oathctl(*command, user="ada", stdin=stdin)
            if undo is not None:
                oathctl(*undo)
    rules(None)


def a_rule_opens_accounts_as_well():
    rules(None)
    for action, (command, status) in ACCOUNTS.items():
        oathctl(*command, user="ada", status=77)
        rules(granting("ada", set(a.removeprefix(PREFIX) for a in actions()) - {action}))
        oathctl(*command, user="ada", status=77)
        rules(granting("ada", {action}))
        oathctl(*command, user="bob", status=77)
        oathctl(*command, user="ada", status=status)
    rules(None)


def a_rule_sees_which_token_is_meant():
    rule = """polkit.addRule(function (action, subject) {
        if (subject.user == "ada" && action.id == "org.oathd.oathd1.list-credentials") return "yes";
        if (subject.user == "ada" && action.id == "org.oathd.oathd1.generate-code" &&
            action.lookup("token") == "%s") return polkit.Result.YES;
    });"""
    with Token():
        oathctl("add", "Example:ada", stdin=SECRET)
        for serial, status in [("12345678", 0), ("87654321", 77)]:
            rules(rule % serial)
            oathctl("code", "--single", "Example:ada", user="ada", status=status)
    rules(None)


def oathd_may_ask_about_others_and_nobody_else():
    equal(len(actions()), 9)
    rules(granting("bob", [action.removeprefix(PREFIX) for action in actions()]))
    for action in actions():
        equal((action, asked_by("oathd", action)), (action, (0, "")))
        for user in ["ada", "oathd-deliver"]:
            status, said = asked_by(user, action)
            equal(status != 0, True)
            contains(said, "Only trusted callers")
    rules(None)
    for action in actions():
        equal((action, asked_by("oathd", action)[0] != 0), (action, True))


def without_polkit_root_alone_may():
    rules(granting("ada", ["list-credentials"]))
    # The token of the case before is on its way out.
    until(lambda: outcome("oathctl", "list", user="ada").returncode == 4, "no token")
    run("systemctl", "mask", "--runtime", "--now", "polkit.service")
    try:
        oathctl("list", user="ada", status=77)
        # pcscd of Debian 13 ends with polkit, so that there is no token: but root was let in.
        equal(outcome("oathctl", "list").returncode in (4, 69), True)
    finally:
        run("systemctl", "unmask", "--runtime", "polkit.service")
        run("systemctl", "start", "polkit.service", "pcscd.socket")
        rules(None)


CASES = [
    without_a_session_the_defaults_refuse_everything,
    a_rule_opens_what_it_names_to_whom_it_names,
    a_rule_opens_accounts_as_well,
    a_rule_sees_which_token_is_meant,
    oathd_may_ask_about_others_and_nobody_else,
    without_polkit_root_alone_may,
]
