"""Conversations with pam_oathd.so in the real libpam, word by word.

Proves: what is asked, told and answered for each outcome, in each stack; that a wrong password costs
no attempt; that nothing is written to the standard streams, and nothing stays in the process.
Proves not: that oathd judges rightly – a stand-in answers – nor what sudo or sshd make of it."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from libpam import SILENT, Login, authenticate, standard_streams

MODULE = Path(os.environ["PAM_OATHD"]).resolve()
HERE = Path(__file__).resolve().parent
ASK = "ask: Second factor (? for help): "
ASK_PASSWORD = "ask: Password: "
RECOVERY = "9ZZZ-ZZZZ-ZZZZ-ZZZZ-ZG"
REPLACEMENT = "7QQQ-QQQQ-QQQQ-QQQQ-QK"
WAYS = "Open: a code; Enter, and a touch of the token (blue key); a recovery code (9 left); `send 4` \
for a code (a…@example.org). Support: help@example.org"
WAYS_ELSEWHERE = WAYS.replace(" Enter, and a touch of the token (blue key);", "")
TOUCH = "tell: Touch your token when it blinks."
REENROL = "tell: You came in by a way back. Enrol your new factor with `oathctl replace`."
HERE_SESSION = {"own": {"Remote": False}, "others": []}

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>"""


def memory(pid):
    """What a process may write to, in parts."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            places, mode = line.split()[:2]
            begin, end = (int(place, 16) for place in places.split("-"))
            if mode.startswith("rw"):
                mem.seek(begin)
                yield mem.read(end - begin)


class Conversations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.address = f"unix:path={cls.folder}/bus"
        (cls.folder / "bus.conf").write_text(BUS_CONFIG.format(folder=cls.folder))
        cls.bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={cls.folder}/bus.conf", "--nofork", "--print-address"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(cls.stop, cls.bus)
        cls.bus.stdout.readline()
        cls.knows(HERE_SESSION)
        cls.mock = subprocess.Popen(
            [sys.executable, HERE / "mock.py", cls.address, cls.folder], stdout=subprocess.PIPE
        )
        cls.addClassCleanup(cls.stop, cls.mock)
        assert cls.mock.stdout.readline() == b"ready\n"
        password = cls.folder / "password"
        password.write_text("#!/bin/sh\n[ \"$(tr -d '\\0')\" = secret ]\n")
        password.chmod(0o700)
        # As Debian's common-auth goes on after pam_unix.
        cls.password = [
            f"auth [success=1 default=ignore] pam_exec.so quiet expose_authtok {password}",
            "auth requisite pam_deny.so",
            "auth required pam_permit.so",
        ]

    @staticmethod
    def stop(process):
        process.kill()
        process.wait()
        process.stdout.close()

    @classmethod
    def knows(cls, sessions):
        """What logind knows."""
        (cls.folder / "sessions.json").write_text(json.dumps(sessions))

    def setUp(self):
        self.knows(HERE_SESSION)
        (self.folder / "calls").write_text("")

    def calls(self, *names):
        """The calls of these methods that came."""
        rows = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [row for row in rows if row[0] in names]

    def line(self, arguments="", control="required", kind="auth"):
        return f"{kind} {control} {MODULE} bus={self.address} {arguments}"

    def simple(self, user, typed=(), arguments="", **more):
        return authenticate([self.line(arguments)], user, typed, **more)

    def strict(self, user, typed=(), arguments="", **more):
        stack = [self.line(f"collect {arguments}"), *self.password, self.line("check")]
        return authenticate(stack, user, typed, **more)

    # --- The simple stack ---------------------------------------------------------------------

    def test_a_code_lets_its_owner_in(self):
        self.assertEqual(self.simple("alice", ["123456"]), [ASK, "PAM_SUCCESS"])
        self.assertEqual(
            self.calls("Verify"), [["Verify", "alice@local", "123456", {"service": "login"}]]
        )

    def test_a_wrong_code_is_refused_at_once(self):
        said = self.simple("alice", ["111111", "123456"])
        self.assertEqual(said, [ASK, "tell: Wrong code.", "PAM_AUTH_ERR"])
        said = self.simple("alice", ["111112", "123456"])
        wait = "tell: Wrong code. Wait 30 seconds before the next one."
        self.assertEqual(said, [ASK, wait, "PAM_AUTH_ERR"])

    def test_a_used_code_is_told_and_costs_no_attempt(self):
        said = self.simple("alice", ["222222", "123456"])
        used = "tell: That code was used before: take another one, or wait for the next."
        self.assertEqual(said, [ASK, used, ASK, "PAM_SUCCESS"])

    def test_codes_that_all_count_as_used_send_to_another_way(self):
        said = self.simple("alice", ["222223", RECOVERY])
        used = "tell: For 90 seconds all codes of that factor count as used: take another way in."
        self.assertEqual(said[1:3], [used, f"tell: {WAYS}"])
        self.assertEqual(said[-1], "PAM_SUCCESS")

    def test_the_throttled_are_told_the_seconds(self):
        said = self.simple("alice", ["333333"])
        self.assertEqual(said, [ASK, "tell: Too many attempts: wait 125 seconds.", "PAM_MAXTRIES"])

    def test_the_locked_out_are_told_what_to_do(self):
        self.assertEqual(
            self.simple("alice", ["444444"]),
            [
                ASK,
                "tell: After too many failures this way in is shut. Do not reset your password: "
                "that opens nothing.",
                f"tell: {WAYS}",
                "PAM_MAXTRIES",
            ],
        )

    def test_a_recovery_code_works_at_the_same_prompt_and_is_replaced(self):
        used = "tell: That recovery code is used up. Write down the one that takes its place: "
        self.assertEqual(
            self.simple("alice", [RECOVERY]),
            [ASK, f"{used}{REPLACEMENT}", REENROL, "PAM_SUCCESS"],
        )

    def test_a_clock_that_cannot_be_trusted_leaves_recovery_codes(self):
        said = self.simple("alice", ["555555", RECOVERY])
        self.assertIn("a recovery code works all the same", said[1])
        self.assertEqual((said[2], said[-1]), (ASK, "PAM_SUCCESS"))

    def test_few_recovery_codes_are_told(self):
        said = self.simple("alice", ["123457"])
        few = "tell: Recovery codes left: 2. Make new ones with `oathctl recovery new`."
        self.assertEqual(said, [ASK, few, "PAM_SUCCESS"])

    def test_help_lists_the_ways_that_are_open(self):
        said = self.simple("alice", ["?", "123456"])
        self.assertEqual(said, [ASK, f"tell: {WAYS}", ASK, "PAM_SUCCESS"])
        self.assertEqual(len(self.calls("Verify")), 1)

    def test_help_is_given_three_times_at_most(self):
        said = self.simple("alice", ["?"] * 5)
        self.assertEqual(said, [ASK, f"tell: {WAYS}"] * 3 + ["PAM_AUTH_ERR"])

    def test_a_slip_of_the_finger_is_told(self):
        said = self.simple("alice", ["nonsense", "9ZZZ-ZZZZ-ZZZZ-ZZZZ-ZA", "123456"])
        self.assertEqual(
            said,
            [
                ASK,
                "tell: That is no code; nothing was counted. Type ? for help.",
                ASK,
                "tell: A symbol of that recovery code is wrong; nothing was counted.",
                ASK,
                "PAM_SUCCESS",
            ],
        )

    def test_a_code_is_sent_on_request(self):
        said = self.simple("alice", ["send", "123456"])
        sent = "tell: A code is on its way to a…@example.org. Type it here."
        self.assertEqual(said, [ASK, sent, ASK, "PAM_SUCCESS"])
        self.assertEqual(len(self.calls("RequestOutOfBandCode")), 1)

    def test_nothing_is_sent_where_no_channel_is(self):
        said = self.simple("grace", ["send", "send 9", "123456"])
        self.assertEqual(said[1], "tell: No code can be sent for this account.")
        self.assertEqual(said[3], "tell: The code could not be sent.")
        self.assertEqual(said[-1], "PAM_SUCCESS")

    def test_enter_asks_for_a_touch(self):
        self.assertEqual(self.simple("alice", [""]), [ASK, TOUCH, "PAM_SUCCESS"])
        self.assertEqual(len(self.calls("VerifyPresence")), 2)

    def test_a_touch_that_does_not_come_leaves_the_code(self):
        said = self.simple("alice", ["", "123456"], "service=slow")
        late = "tell: Nobody touched the token in time."
        self.assertEqual(said, [ASK, TOUCH, late, ASK, "PAM_SUCCESS"])

    def test_whoever_needs_no_factor_is_passed_over(self):
        # libpam refuses where every module steps aside.
        self.assertEqual(self.simple("bob"), ["PAM_PERM_DENIED"])
        stack = [self.line(), "auth required pam_permit.so"]
        self.assertEqual(authenticate(stack, "bob"), ["PAM_SUCCESS"])
        told = "tell: From 2027-01-01 on a second factor is asked for here. Enrol one with " \
            "`oathctl enroll`."
        self.assertEqual(authenticate(stack, "carol"), [told, "PAM_SUCCESS"])

    def test_whoever_must_enrol_first_is_told_so(self):
        stack = [self.line(), "auth required pam_permit.so"]
        said = authenticate(stack, "dave")
        self.assertIn("This account needs a second factor first.", said[0])
        self.assertEqual(said[1:], ["PAM_PERM_DENIED"])

    def test_a_login_may_need_a_factor_whatever_the_policy_says(self):
        needs = [self.line("deny_unenrolled"), "auth required pam_permit.so"]
        told = authenticate([self.line(), "auth required pam_permit.so"], "dave")
        for user in ("bob", "carol", "dave"):
            self.assertEqual(authenticate(needs, user), told)
        self.assertEqual(authenticate(needs, "alice", ["123456"]), [ASK, "PAM_SUCCESS"])
        checked = [self.line("collect"), *self.password, self.line("check deny_unenrolled")]
        for user, end in (("bob", "PAM_PERM_DENIED"), ("alice", "PAM_SUCCESS")):
            self.assertEqual(authenticate(checked, user, ["secret", "123456"])[-1], end)

    def test_what_is_not_understood_is_asked(self):
        stack = [self.line(), "auth required pam_permit.so"]
        for user in ("erin", "liar"):
            self.assertEqual(authenticate(stack, user, ["111111"])[-1], "PAM_AUTH_ERR")

    def test_an_unknown_error_lets_nobody_in(self):
        for code in ("666666", "777777"):
            stack = [self.line(), "auth required pam_permit.so"]
            said = authenticate(stack, "alice", [code])
            self.assertEqual((said[0], said[-1]), (ASK, "PAM_AUTHINFO_UNAVAIL"))

    def test_an_answer_without_a_receipt_lets_nobody_in(self):
        said = self.simple("alice", ["888888"])
        self.assertEqual((said[0], said[-1]), (ASK, "PAM_AUTHINFO_UNAVAIL"))

    def test_whatever_is_typed_is_judged_or_refused(self):
        for typed, told in (
            (b"\xff123456", None), ("1" * 600, None),  # No text, and longer than PAM allows.
            ("1" * 512, "Wrong code."),
        ):
            said = self.simple("alice", [typed, "123456"])
            self.assertEqual(said, [ASK, *([f"tell: {told}"] if told else []), "PAM_AUTH_ERR"])
        # What is no code whatever oathd knows may be the password, and does not go over the bus.
        (self.folder / "calls").write_text("")
        for typed in ("\x1b]0;x\x07", "'; --", "secret", "pass word 9!", "send me"):
            said = self.simple("alice", [typed, "123456"])
            no_code = "tell: That is no code; nothing was counted. Type ? for help."
            self.assertEqual(said, [ASK, no_code, ASK, "PAM_SUCCESS"])
        self.assertEqual([call[2] for call in self.calls("Verify")], ["123456"] * 5)
        # A program that answers with nothing at all says what Enter says.
        self.assertEqual(self.simple("alice", [None]), [ASK, TOUCH, "PAM_SUCCESS"])
        self.assertEqual(self.strict("alice", ["secret", None]), [ASK_PASSWORD, ASK, TOUCH, "PAM_SUCCESS"])

    def test_a_user_is_asked_about_by_the_whole_name(self):
        for user in ("x@shop", "al ice", "DOM\\ada", "\N{LATIN SMALL LETTER A WITH DIAERESIS}da",
                     "a\tb", "a" * 300, "--help", "../alice"):
            self.assertEqual(self.simple(user, ["111111"])[-1], "PAM_AUTH_ERR", user)
            self.assertEqual(self.calls("Status")[-1][1], f"{user}@local")
        stack = [self.line(), "auth required pam_permit.so"]
        self.assertEqual(authenticate(stack, b"b\xffob", ["123456"]), ["PAM_CONV_ERR"])

    # --- Elsewhere ----------------------------------------------------------------------------

    def test_whoever_comes_from_elsewhere_is_never_asked_for_a_touch(self):
        said = self.simple("alice", ["?", "", "123456"], rhost="192.0.2.7")
        self.assertEqual(said[1], f"tell: {WAYS_ELSEWHERE}")
        self.assertNotIn(TOUCH, said)
        self.assertEqual(self.calls("VerifyPresence"), [])
        options = {"service": "login", "remote_host": "192.0.2.7"}
        self.assertEqual(self.calls("Verify"), [["Verify", "alice@local", "123456", options]])

    def test_a_host_whose_name_cannot_be_read_is_elsewhere(self):
        said = self.simple("alice", ["", "123456"], rhost=os.fsdecode(b"h\xffst"))
        self.assertNotIn(TOUCH, said)
        options = {"service": "login", "remote_host": "h\N{REPLACEMENT CHARACTER}st"}
        self.assertEqual(self.calls("Verify"), [["Verify", "alice@local", "123456", options]])

    def test_a_remote_session_of_logind_counts_as_elsewhere(self):
        self.knows({"own": {"Remote": True, "RemoteHost": "192.0.2.9"}, "others": []})
        said = self.simple("alice", ["", "123456"])
        self.assertNotIn(TOUCH, said)
        options = {"service": "login", "remote_host": "192.0.2.9"}
        self.assertEqual(self.calls("Verify")[0][3], options)

    def test_a_service_without_a_session_looks_for_the_users(self):
        here = {"Remote": False, "Active": True, "LockedHint": False}
        for session, touched in (
            (here, True),
            (here | {"LockedHint": True}, False),
            (here | {"Active": False}, False),
            (here | {"Remote": True}, False),
            (here | {"Class": "greeter"}, False),
        ):
            self.knows({"own": None, "others": [["alice", session]]})
            said = self.simple("alice", [""])
            self.assertEqual(TOUCH in said, touched, session)
        self.knows({"own": None, "others": [["grace", here]]})
        self.assertNotIn(TOUCH, self.simple("alice", [""]))
        self.assertIn(TOUCH, self.simple("alice", [""], tty="tty2"))

    def test_a_session_of_no_person_does_not_tell_where_its_user_is(self):
        here = {"Remote": False, "Active": True, "LockedHint": False}
        for own in ("background", "manager"):
            for others, touched in (([], False), ([["alice", here]], True)):
                self.knows({"own": {"Class": own}, "others": others})
                said = self.simple("alice", [""])
                self.assertEqual(TOUCH in said, touched, (own, others))
        self.knows({"own": {"Class": "user-early"}, "others": []})
        self.assertIn(TOUCH, self.simple("alice", [""]))

    def test_touch_only_asks_nothing(self):
        self.assertEqual(self.simple("alice", [], "presence"), [TOUCH, "PAM_SUCCESS"])
        said = self.simple("alice", [], "presence", rhost="192.0.2.7")
        only = "tell: Only somebody at this host can be asked to touch a token."
        self.assertEqual(said, [only, "PAM_AUTHINFO_UNAVAIL"])
        said = self.simple("grace", [], "presence")
        self.assertEqual(said[-1], "PAM_AUTHINFO_UNAVAIL")
        said = self.simple("alice", [], "presence prompt=Touch!")
        self.assertEqual(said, ["tell: Touch!", "PAM_SUCCESS"])

    # --- The strict stack ---------------------------------------------------------------------

    def test_everybody_is_asked_the_same_whatever_is_right(self):
        for user in ("alice", "bob", "carol", "dave", "nobody-of-that-name"):
            for password in ("secret", "wrong"):
                for code in ("123456", "111111", "", "nonsense"):
                    said = self.strict(user, [password, code])
                    asked = [line for line in said if line.startswith("ask")]
                    self.assertEqual(asked, [ASK_PASSWORD, ASK], (user, password, code))

    def test_only_a_correct_password_can_cost_an_attempt(self):
        for code in ("123456", "111111", "?", "send", ""):
            said = self.strict("alice", ["wrong", code, code, code])
            self.assertEqual(said[-1], "PAM_AUTH_ERR")
        self.assertEqual(self.calls("Verify", "VerifyPresence", "RequestOutOfBandCode"), [])
        self.assertEqual(self.strict("alice", ["secret", "123456"])[-1], "PAM_SUCCESS")
        self.assertEqual(len(self.calls("Verify")), 1)

    def test_a_wrong_password_and_a_wrong_code_look_alike(self):
        wrong = [self.strict("alice", given) for given in (
            ["wrong", "123456"], ["wrong", "111111"], ["secret", "111111"],
            ["secret", "222222"], ["secret", "222223"], ["secret", "nonsense"], ["wrong", "nonsense"],
        )]
        self.assertEqual(wrong, [[ASK_PASSWORD, ASK, "PAM_AUTH_ERR"]] * len(wrong))

    def test_everybody_is_given_the_same_help(self):
        for user, password, end in (
            ("alice", "secret", "PAM_SUCCESS"), ("alice", "wrong", "PAM_AUTH_ERR"),
            ("nobody-of-that-name", "wrong", "PAM_AUTH_ERR"),
        ):
            said = self.strict(user, [password, "?", "123456"])
            self.assertEqual(said[:2], [ASK_PASSWORD, ASK])
            self.assertTrue(said[2].startswith("tell: Type the code that"), said)
            self.assertEqual(said[3:], [ASK, end])

    def test_the_owner_is_told_to_wait_after_the_password(self):
        said = self.strict("alice", ["secret", "333333"])
        wait = "tell: Too many attempts: wait 125 seconds."
        self.assertEqual(said, [ASK_PASSWORD, ASK, wait, "PAM_MAXTRIES"])

    def test_a_password_that_is_known_is_not_asked_for_again(self):
        twice = [self.line("collect"), self.line("collect prompt=Again:")]
        stack = [*twice, *self.password, self.line("check")]
        said = authenticate(stack, "alice", ["secret", "1", "123456"])
        self.assertEqual(said, [ASK_PASSWORD, ASK, "ask: Again:", "PAM_SUCCESS"])

    def test_a_code_that_was_asked_for_is_never_a_success(self):
        said = authenticate([self.line("collect")], "alice", ["secret", "123456"])
        self.assertEqual(said[-1], "PAM_PERM_DENIED")

    def test_a_check_without_a_code_lets_nobody_in(self):
        stack = [self.line("check"), "auth required pam_permit.so"]
        self.assertEqual(authenticate(stack, "alice"), ["PAM_SERVICE_ERR"])
        self.assertEqual(authenticate(stack, "bob"), ["PAM_SERVICE_ERR"])

    def test_whoever_is_exempt_is_not_checked(self):
        exempt = "auth [success=1 default=ignore] pam_succeed_if.so quiet user = root"
        stack = [self.line("collect"), *self.password, exempt, self.line("check")]
        for user, password, end in (
            ("root", "secret", "PAM_SUCCESS"), ("root", "wrong", "PAM_AUTH_ERR"),
            ("alice", "secret", "PAM_AUTH_ERR"),
        ):
            self.assertEqual(authenticate(stack, user, [password, ""], rhost="h")[-1], end)
        self.assertEqual(self.calls("Verify", "VerifyPresence"), [])

    # --- One field ----------------------------------------------------------------------------

    def test_password_and_code_come_in_one_field(self):
        both = "ask: Password and code: "
        for typed, end in (
            ("secret123456", "PAM_SUCCESS"), (f"secret{RECOVERY}", "PAM_SUCCESS"),
            ("secret111111", "PAM_AUTH_ERR"), ("wrong123456", "PAM_AUTH_ERR"),
            ("wrong", "PAM_AUTH_ERR"),
        ):
            said = self.strict("alice", [typed], "one_field")
            self.assertEqual((said[0], said[-1]), (both, end), typed)
            self.assertEqual([line for line in said if line.startswith("ask")], [both])

    def test_a_password_alone_asks_for_a_touch(self):
        said = self.strict("alice", ["secret"], "one_field")
        self.assertEqual(said, ["ask: Password and code: ", TOUCH, "PAM_SUCCESS"])

    def test_whoever_has_no_factor_types_a_password_alone(self):
        self.assertEqual(self.strict("bob", ["secret"], "one_field")[-1], "PAM_SUCCESS")
        self.assertEqual(self.strict("bob", ["secret123456"], "one_field")[-1], "PAM_AUTH_ERR")

    def test_a_locker_that_shows_no_texts_is_served(self):
        for typed, end in (
            ("secret123456", "PAM_SUCCESS"), ("secret", "PAM_SUCCESS"), ("secret333333", "PAM_MAXTRIES"),
        ):
            said = self.strict("alice", [typed], "one_field", deaf=True)
            self.assertEqual(said, ["ask: Password and code: ", end])

    # --- Arguments, sessions ------------------------------------------------------------------

    def test_a_wrong_argument_lets_nobody_in(self):
        for arguments in ("chekc", "collect check", "one_field", "prompt"):
            said = authenticate([self.line(arguments), "auth required pam_permit.so"], "bob")
            self.assertEqual(said, ["PAM_SERVICE_ERR"], arguments)

    def test_prompt_service_and_echo_are_settings(self):
        stack = [f"auth required {MODULE} bus={self.address} echo service=vpn [prompt=One-time code: ]"]
        said = authenticate(stack, "alice", ["123456"])
        self.assertEqual(said, ["ask openly: One-time code: ", "PAM_SUCCESS"])
        self.assertEqual(self.calls("Verify")[0][3], {"service": "vpn"})

    def test_a_silent_program_is_told_what_must_be_known(self):
        said = self.simple("alice", [RECOVERY], flags=SILENT)
        self.assertIn(REPLACEMENT, said[1])
        stack = [self.line(), "auth required pam_permit.so"]
        self.assertEqual(authenticate(stack, "carol", flags=SILENT), ["PAM_SUCCESS"])

    def test_nobody_to_ask_is_an_error_of_the_conversation(self):
        self.assertEqual(self.simple("alice", []), [ASK, "PAM_CONV_ERR"])

    def test_a_session_redeems_the_receipt_once(self):
        stack = [self.line(), self.line(kind="account"), "account required pam_permit.so",
                 self.line(kind="session"), "session required pam_permit.so"]
        login = Login(stack, "alice", ["123456"])
        for call, flags in (("pam_authenticate", 0), ("pam_acct_mgmt", 0), ("pam_setcred", 2),
                            ("pam_open_session", 0), ("pam_open_session", 0), ("pam_close_session", 0)):
            self.assertEqual(login.call(call, flags), "PAM_SUCCESS", call)
        login.end()
        options = {"service": "login"}
        self.assertEqual(
            self.calls("CheckReceipt"), [["CheckReceipt", "alice@local", "receipt-1", options]]
        )

    def session_after(self, session="own", **items):
        """A login up to its session, which logind calls `session`."""
        stack = [self.line(), self.line(kind="session"), "session required pam_permit.so"]
        login = Login(stack, "alice", ["123456"], **items)
        self.addCleanup(login.end)
        self.assertEqual(login.call("pam_authenticate"), "PAM_SUCCESS")
        if session:
            login.set_variable(f"XDG_SESSION_ID={session}")
        return login

    def test_the_session_that_was_opened_is_bound_once(self):
        login = self.session_after()
        for _ in range(2):
            self.assertEqual(login.call("pam_open_session"), "PAM_SUCCESS")
        self.assertEqual(
            self.calls("BindSession", "CheckReceipt"),
            [["BindSession", "alice@local", "receipt-1", "own", {"service": "login"}]],
        )

    def test_a_session_that_cannot_be_bound_is_opened_all_the_same(self):
        self.assertEqual(self.session_after("another").call("pam_open_session"), "PAM_SUCCESS")
        self.assertEqual(len(self.calls("BindSession")), 1)

    def test_a_session_for_somebody_else_is_not_bound(self):
        login = self.session_after()
        login.become("bob")
        self.assertEqual(login.call("pam_open_session"), "PAM_SUCCESS")
        redeemed = ["CheckReceipt", "alice@local", "receipt-1", {"service": "login"}]
        self.assertEqual(self.calls("BindSession", "CheckReceipt"), [redeemed])

    def test_a_receipt_goes_from_the_process_that_asks_to_the_one_that_opens_the_session(self):
        here = self.session_after()
        self.assertIsNone(here.variable("OATHD_RECEIPT"))
        asks = self.session_after(rhost="192.0.2.7")
        brought = asks.variable("OATHD_RECEIPT")
        self.assertEqual(brought, "receipt-1 alice")
        stack = [self.line(kind="session"), "session required pam_permit.so"]
        opens = Login(stack, "alice", rhost="192.0.2.7")
        self.addCleanup(opens.end)
        opens.set_variable(f"OATHD_RECEIPT={brought}")
        opens.set_variable("XDG_SESSION_ID=own")
        self.assertEqual(opens.call("pam_open_session"), "PAM_SUCCESS")
        options = {"service": "login", "remote_host": "192.0.2.7"}
        self.assertEqual(
            self.calls("BindSession"), [["BindSession", "alice@local", "receipt-1", "own", options]]
        )
        # What the session inherits says nothing of it.
        self.assertIsNone(opens.variable("OATHD_RECEIPT"))

    def test_whoever_came_in_by_a_way_back_is_reminded(self):
        stack = [self.line(kind="account"), "account required pam_permit.so"]
        for user, expected in (("frank", [REENROL, "PAM_SUCCESS"]), ("alice", ["PAM_SUCCESS"])):
            login = Login(stack, user)
            login.call("pam_acct_mgmt")
            login.end()
            self.assertEqual(login.said, expected)

    # --- Without oathd ------------------------------------------------------------------------

    def test_without_a_bus_nobody_gets_in(self):
        stack = [f"auth required {MODULE} bus=unix:path={self.folder}/nothing", "auth required pam_permit.so"]
        said = authenticate(stack, "bob")
        no_bus = "tell: The second factor cannot be checked: the system bus is not there."
        self.assertEqual(said, [no_bus, "PAM_AUTHINFO_UNAVAIL"])

    def another_bus(self):
        """A bus with nobody on it, its address and its folder."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "bus.conf").write_text(BUS_CONFIG.format(folder=folder))
        bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--print-address"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        self.addCleanup(self.stop, bus)
        bus.stdout.readline()
        return bus, f"unix:path={folder}/bus", folder

    def test_a_bus_or_an_oathd_that_ends_in_the_middle_lets_nobody_in(self):
        bus, address, folder = self.another_bus()
        (folder / "sessions.json").write_text(json.dumps(HERE_SESSION))

        def end_of_the_bus():
            bus.kill()
            bus.wait()
            return "123456"

        unchecked = "tell: The second factor cannot be checked:"
        for typed, why in (
            ("999999", "oathd did not answer in time."), (end_of_the_bus, "the system bus is not there."),
        ):
            mock = subprocess.Popen(
                [sys.executable, HERE / "mock.py", address, folder], stdout=subprocess.PIPE
            )
            self.addCleanup(self.stop, mock)
            self.assertEqual(mock.stdout.readline(), b"ready\n")
            stack = [f"auth required {MODULE} bus={address}", "auth required pam_permit.so"]
            said = authenticate(stack, "alice", [typed, "123456"])
            self.assertEqual(said, [ASK, f"{unchecked} {why}", "PAM_AUTHINFO_UNAVAIL"])

    def test_without_oathd_nobody_gets_in(self):
        _, address, _ = self.another_bus()
        line = f"auth required {MODULE} bus={address}"
        said = authenticate([line, "auth required pam_permit.so"], "bob")
        absent = "tell: The second factor cannot be checked: oathd is not running and cannot be started."
        self.assertEqual(said, [absent, "PAM_AUTHINFO_UNAVAIL"])

    def test_the_environment_cannot_name_the_bus(self):
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        self.addCleanup(os.environ.pop, "DBUS_SYSTEM_BUS_ADDRESS")
        authenticate([f"auth required {MODULE}"], "alice", ["123456"])
        self.assertEqual(self.calls("Status"), [])

    # --- A guest in somebody's process ----------------------------------------------------------

    def test_nothing_is_written_and_nothing_stays(self):
        before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        self.addCleanup(signal.signal, signal.SIGPIPE, before)
        self.simple("alice", ["123456"])  # Whatever libpam itself keeps is there after one login.
        files = sorted(os.listdir("/proc/self/fd"))
        with tempfile.TemporaryFile() as written:
            with standard_streams(written):
                for typed in ("123456", "111111", RECOVERY, ""):
                    self.simple("alice", [typed], "debug")
                    self.strict("alice", ["secret", typed])
                self.simple("alice", ["1"], "chekc")
            self.assertEqual(os.lseek(written.fileno(), 0, os.SEEK_END), 0)
        self.assertEqual(sorted(os.listdir("/proc/self/fd")), files)
        with open("/proc/self/maps", encoding="utf-8") as maps:
            mapped = maps.read()
        self.assertNotIn(MODULE.name, mapped)
        self.assertNotIn("libdbus", mapped)
        self.assertEqual(signal.getsignal(signal.SIGPIPE), signal.SIG_DFL)
        with open("/proc/self/status", encoding="utf-8") as status:
            fields = dict(line.split(":", 1) for line in status)
        ignored = int(fields["SigIgn"], 16)
        self.assertEqual(ignored & 1 << (signal.SIGPIPE - 1), 0)
        self.assertEqual(fields["Threads"].strip(), "1")

    def test_a_recovery_code_that_was_told_is_wiped(self):
        # A process of its own, which never looks at the text: whatever has the code was left there.
        login = (
            "import json, sys; from libpam import Login; "
            "login = Login(json.loads(sys.argv[1]), 'alice', [sys.argv[2]], listens=False); "
            "login.call('pam_authenticate'); print(*login.said[1:], flush=True); sys.stdin.read()"
        )
        process = subprocess.Popen(
            ["/usr/bin/python3", "-B", "-c", login, json.dumps([self.line()]), RECOVERY],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE,
        )
        with process:
            self.assertEqual(process.stdout.readline(), "tell tell PAM_SUCCESS\n")
            left = list(memory(process.pid))
            process.stdin.close()
        self.assertTrue(any(RECOVERY.encode() in part for part in left))
        self.assertFalse(any(REPLACEMENT.encode() in part for part in left))

    def test_an_interrupt_ends_the_wait_for_a_touch(self):
        for handler, end, status in (
            # sudo takes notes of a signal and goes on; su has it as it is.
            ("lambda *_: print('interrupted', flush=True)", ["interrupted", "tell tell PAM_CONV_ERR"], 0),
            ("signal.SIG_DFL", [], -signal.SIGINT),
        ):
            (self.folder / "calls").write_text("")
            login = (
                "import json, signal, sys; from libpam import Login; "
                f"signal.signal(signal.SIGINT, {handler}); "
                "login = Login(json.loads(sys.argv[1]), 'alice', listens=False); "
                "login.call('pam_authenticate'); print(*login.said)"
            )
            stack = json.dumps([self.line("presence service=held")])
            process = subprocess.Popen(
                ["/usr/bin/python3", "-B", "-c", login, stack], stdout=subprocess.PIPE, text=True, cwd=HERE
            )
            with process:
                while len(self.calls("VerifyPresence")) < 2:
                    self.assertIsNone(process.poll())
                    os.sched_yield()
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.stdout.read().splitlines(), end)
            self.assertEqual(process.returncode, status)

    def test_many_logins_need_no_more_memory_than_some(self):
        def logins(count):
            for _ in range(count):
                self.simple("alice", ["111111"])
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        first = logins(100)
        self.assertLess(logins(300) - first, 2048)


if __name__ == "__main__":
    unittest.main()
