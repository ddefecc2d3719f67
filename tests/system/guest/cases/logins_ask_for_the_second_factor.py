"""Proves that sudo, su, sshd, a polkit agent and a screen locker of the release ask for the second
factor and abide by it, with the profile and with each stack as the guide has it; that a trial takes
itself back; that nobody gets in while oathd cannot be asked, but who is exempt; and that a removal leaves
the logins as they were. What the module says word by word is proved elsewhere."""

import fcntl
import json
import os
import pathlib
import re
import types

import sessions
from snippets import AFTER_A_KEY, ONE_FIELD, SIMPLE, SSHD, STRICT, TOUCH, service
from system import Token, contains, equal, oathctl, outcome, run, stop, unit, until
from talk import INTERRUPT, Person, make_user, talk

COMMON = pathlib.Path("/etc/pam.d/common-auth")
ASKS = "Second factor (? for help): "
PEOPLE = {}


def person(name, groups="", options=()):
    """Somebody with a factor, enrolled once."""
    if name not in PEOPLE:
        PEOPLE[name] = Person(name, groups, options)
    return PEOPLE[name]


def su(who, *answers, caller="bob"):
    """Becomes somebody else by su."""
    return talk(["su", "-c", "id -un", who.name], answers, user=caller)


class ServiceFile:
    """Another file for a service of PAM, while the block runs."""

    def __init__(self, service, text):
        self.path, self.text = pathlib.Path("/etc/pam.d", service), text
        self.before = self.path.read_text() if self.path.exists() else None

    def __enter__(self):
        self.path.write_text(self.text)

    def __exit__(self, *_):
        if self.before is None:
            self.path.unlink()
        else:
            self.path.write_text(self.before)


def trial():
    """Whether common-auth asks, whether the next boot takes it back."""
    enabled = outcome("systemctl", "is-enabled", "oathd-pam-undo.service").returncode == 0
    return "pam_oathd.so" in COMMON.read_text(), enabled


def it_is_off_after_the_installation():
    equal(trial(), (False, False))
    equal(oathctl("pam", "status"), "No login asks for the second factor.\n")
    equal(outcome("oathctl", "pam", "enable", user="ada").returncode, 77)


def a_trial_takes_itself_back():
    before = COMMON.read_text()
    oathctl("pam", "enable", "--try")
    equal(trial(), (True, True))
    timer = unit("oathd-pam-undo.timer", "ActiveState", "Unit", "TimersMonotonic")
    equal((timer["ActiveState"], timer["Unit"]), ("active", "oathd-pam-undo.service"))
    contains(timer["TimersMonotonic"], "OnActiveUSec=5min")
    contains(outcome("oathctl", "pam", "enable", "--try").stderr, "nothing is left to try")
    # What the next boot does.
    run("systemctl", "start", "oathd-pam-undo.service")
    equal(trial(), (False, False))
    equal(COMMON.read_text(), before)
    # What the timer does, sooner: a moment after its start, which is over.
    oathctl("pam", "enable", "--try")
    equal(trial(), (True, True))
    folder = pathlib.Path("/etc/systemd/system/oathd-pam-undo.timer.d")
    folder.mkdir()
    (folder / "sooner.conf").write_text("[Timer]\nOnActiveSec=\nOnActiveSec=1ms\n")
    run("systemctl", "daemon-reload")
    until(lambda: trial() == (False, False), "the end of the trial")
    equal(COMMON.read_text(), before)
    (folder / "sooner.conf").unlink()
    folder.rmdir()
    run("systemctl", "daemon-reload")
    run("systemd-analyze", "verify", "--man=no", "/usr/lib/systemd/system/oathd-pam-undo.service")


class Apt:
    """What an apt that waits for an answer keeps for itself, while the block runs."""

    def __enter__(self):
        self.database = open("/var/cache/debconf/config.dat", "r+", encoding="utf-8")
        fcntl.flock(self.database, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __exit__(self, *_):
        self.database.close()


def a_trial_that_cannot_be_taken_back_at_once_is_taken_back_later():
    before = COMMON.read_text()
    oathctl("pam", "enable", "--try")
    with Apt():
        equal(outcome("systemctl", "start", "oathd-pam-undo.service").returncode, 1)
        equal(trial(), (True, True))
    until(lambda: trial() == (False, False), "the end of the trial")
    equal(COMMON.read_text(), before)


def what_is_confirmed_stays():
    oathctl("pam", "confirm", status=1)
    oathctl("pam", "enable", "--try")
    with Apt():
        equal(outcome("systemctl", "start", "oathd-pam-undo.service").returncode, 1)
        oathctl("pam", "confirm")
    equal(trial(), (True, False))
    # It is not tried once more.
    equal(unit("oathd-pam-undo.service", "ActiveState")["ActiveState"] in ("inactive", "failed"), True)
    equal(unit("oathd-pam-undo.timer", "ActiveState")["ActiveState"], "inactive")
    contains(oathctl("pam", "status"), "sudo")


def whoever_has_no_factor_is_not_asked():
    make_user("nofactor", "password of nofactor")
    status, shown = talk(["su", "-c", "id -un", "nofactor"], ["password of nofactor"], user="bob")
    equal((status, shown.splitlines()[-1], ASKS in shown), (0, "nofactor", False))


def sudo_asks():
    sam = person("sam", "sudo")
    sudo = ["sudo", "-k", "id", "-un"]
    code = sam.code()
    status, shown = talk(sudo, [sam.password, code], user="sam")
    equal((status, shown.splitlines()[-1]), (0, "root"))
    contains(shown, ASKS)
    for typed, told in [(code, "used before"), (sam.wrong(), "Wrong code.")]:
        status, shown = talk(sudo, [sam.password, typed], user="sam")
        equal((status == 0, "root" in shown.splitlines()), (False, False))
        contains(shown, told)
    status, shown = talk(sudo, ["guess"], user="sam")
    equal(ASKS in shown, False)


def su_asks_for_somebody_without_privileges():
    sue = person("sue")
    status, shown = su(sue, sue.password, sue.code())
    equal((status, shown.splitlines()[-1]), (0, "sue"))
    equal(su(sue, sue.password, sue.wrong())[0] == 0, False)


def a_recovery_code_is_replaced():
    sue = person("sue")
    status, shown = su(sue, sue.password, sue.recovery[0])
    equal((status, shown.splitlines()[-1]), (0, "sue"))
    replacement = re.search(r"takes its place: (\S+)", shown)[1]
    equal(replacement in sue.recovery, False)
    equal(su(sue, sue.password, sue.recovery[0])[0] == 0, False)
    sue.recovery[0] = replacement


class Sshd:
    """sshd on the loopback that asks PAM, while the block runs; without methods, those of its settings."""

    started = 0

    def __init__(self, methods=None):
        self.methods = methods
        # systemd forgets a unit some time after it ended, so that each has a name of its own.
        Sshd.started += 1
        self.unit = f"sshd-that-asks-{Sshd.started}"

    def __enter__(self):
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        options = ["Port=2222", "ListenAddress=127.0.0.1", "MaxAuthTries=2"]
        if self.methods:
            options += ["UsePAM=yes", "PasswordAuthentication=no", "KbdInteractiveAuthentication=yes",
                        f"AuthenticationMethods={self.methods}"]
        # Newer ones refuse an address for a while from which many logins failed, as they do here on purpose.
        if "persourcepenalties" in run("/usr/sbin/sshd", "-T"):
            options.append("PerSourcePenalties=no")
        run("systemd-run", "--quiet", "--collect", f"--unit={self.unit}", "/usr/sbin/sshd", "-D",
            *(word for option in options for word in ("-o", option)))
        until(lambda: ":08AE 00000000:0000 0A" in pathlib.Path("/proc/net/tcp").read_text(), "sshd")
        return self

    def __exit__(self, *_):
        run("systemctl", "stop", f"{self.unit}.service")

    @staticmethod
    def log_in(who, *answers, options=()):
        """Logs in as somebody by ssh; one prompt for a password at most is repeated."""
        return talk(["ssh", "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o",
                     "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1", "-o",
                     "PreferredAuthentications=publickey,keyboard-interactive", *options,
                     f"{who.name}@127.0.0.1", "id -un"], answers)


def sshd_asks_for_password_and_code():
    pia = person("pia")
    with Sshd("keyboard-interactive") as sshd:
        code = pia.code()
        status, shown = sshd.log_in(pia, pia.password, code)
        equal((status, shown.splitlines()[-1]), (0, "pia"))
        contains(shown, ASKS)
        status, shown = sshd.log_in(pia, pia.password, code)
        equal((status == 0, "pia" in shown.splitlines()), (False, False))
        contains(shown, "used before")
        equal(sshd.log_in(pia, pia.password, pia.wrong())[0], 255)
        status, shown = sshd.log_in(pia, pia.password, pia.recovery[0])
        equal((status, shown.splitlines()[-1]), (0, "pia"))
        contains(shown, "takes its place")


def a_stranger_on_ssh_locks_nobody_out_of_the_console():
    pia = person("pia")
    with Sshd("keyboard-interactive") as sshd:
        shown = ""
        for _ in range(12):
            if "Too many attempts" in shown:
                break
            _, shown = sshd.log_in(pia, pia.password, pia.wrong())
        contains(shown, "Too many attempts: wait")
        # The very next attempt at the console is looked at.
        status, shown = su(pia, pia.password, pia.code())
        equal((status, shown.splitlines()[-1]), (0, "pia"))


def key_of(name):
    """The options of ssh with a key that lets in as somebody."""
    key = pathlib.Path(f"/root/key-of-{name}")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    home = pathlib.Path(f"/home/{name}/.ssh")
    home.mkdir(mode=0o700)
    (home / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    run("chown", "-R", f"{name}:{name}", str(home))
    return "-i", str(key)


def sshd_asks_for_a_code_after_a_key():
    kim, nofactor = person("kim"), types.SimpleNamespace(name="nofactor")
    key, other_key = key_of("kim"), key_of("nofactor")
    settings = pathlib.Path(SSHD.splitlines()[0].removeprefix("# "))
    settings.write_text(SSHD)
    methods = run("sshd", "-T", "-C", "user=kim,host=pc.example.org,addr=192.0.2.7")
    contains(methods.lower(), "authenticationmethods publickey,keyboard-interactive")
    with ServiceFile("sshd", service("sshd", AFTER_A_KEY)), Sshd() as sshd:
        status, shown = sshd.log_in(kim, kim.code(), options=key)
        equal((status, shown.splitlines()[-1]), (0, "kim"))
        equal("assword" in shown, False)
        equal(sshd.log_in(kim, kim.wrong(), options=key)[0], 255)
        equal(sshd.log_in(kim, kim.code())[0], 255)
        status, shown = sshd.log_in(nofactor, options=other_key)
        equal((status, shown.splitlines()[-1]), (0, "nofactor"))
    # Without the key before it the stack asks for nothing, but where it denies whoever has no factor.
    denies = AFTER_A_KEY.replace("pam_oathd.so", "pam_oathd.so deny_unenrolled")
    settings.unlink()
    for stack, expected in [(AFTER_A_KEY, 0), (denies, 255)]:
        with ServiceFile("sshd", service("sshd", stack)), Sshd("keyboard-interactive") as sshd:
            equal((stack, sshd.log_in(nofactor)[0]), (stack, expected))


def the_strict_stack_lets_a_correct_password_alone_cost_an_attempt():
    max_ = person("max")
    with ServiceFile("su", service("su", STRICT)):
        for _ in range(6):
            status, shown = su(max_, "guess", max_.wrong())
            equal((status == 0, shown.count(ASKS)), (False, 1))
        wrong_code = su(max_, max_.password, max_.wrong())
        equal((wrong_code[0], wrong_code[1]), (status, shown))
        nobody = talk(["su", "-c", "id -un", "nofactor"], ["guess", "123456"], user="bob")
        equal(nobody, (status, shown))
        status, shown = su(max_, max_.password, max_.code())
        equal((status, shown.splitlines()[-1]), (0, "max"))
        status, shown = talk(["su", "-c", "id -un", "nofactor"], ["password of nofactor", ""], user="bob")
        equal((status, shown.splitlines()[-1]), (0, "nofactor"))


def sudo_takes_each_documented_stack():
    sam, sudo = person("sam", "sudo"), ["sudo", "-k", "id", "-un"]
    for stack in [SIMPLE, STRICT]:
        with ServiceFile("sudo", service("sudo", stack)):
            for answers, is_right in [((sam.password, sam.code()), True), ((sam.password, sam.wrong()), False)]:
                status, shown = talk(sudo, answers, user="sam")
                equal((stack, answers, status == 0), (stack, answers, is_right))
                equal((stack, "root" in shown.splitlines()), (stack, is_right))
                contains(shown, ASKS)


def a_touch_lets_in_at_the_seat_alone():
    def at_the_seat(who, *answers, session=sessions.at_the_seat):
        return session("bob", "python3", "-B", "/cases/talk.py", "su", "-c", "id -un", who.name,
                       stdin="".join(f"{answer}\n" for answer in answers))[:2]

    card = ["--state", "/root/card-of-tia"]
    with Token(*card, "--touch", "always"):
        oathctl("pair")
        tia = person("tia", "sudo", ("--verifier", "12345678"))
        # By the profile, with nothing but Enter, and by the stack that asks for nothing.
        status, shown = at_the_seat(tia, tia.password, "")
        equal((status, shown.splitlines()[-1]), (0, "tia"))
        with ServiceFile("su", service("su", TOUCH)):
            status, shown = at_the_seat(tia, tia.password)
            equal((status, shown.splitlines()[-1], ASKS in shown), (0, "tia", False))
            status, shown = at_the_seat(tia, tia.password, session=sessions.of_no_person)
            equal((status == 0, "tia" in shown.splitlines()), (False, False))
            contains(shown, "Only somebody at this host")
        # Where the helper of the agent is in no session, that of its user counts.
        _, shown, _ = sessions.at_the_seat(
            "tia", "python3", "-B", "/cases/talk.py", "/cases/ask-with-agent",
            "org.oathd.oathd1.change-account", stdin=f"{tia.password}\n\n")
        contains(shown, "status 0")
        with Sshd("keyboard-interactive") as sshd:
            status, shown = sshd.log_in(tia, tia.password, "")
            equal((status == 0, "tia" in shown.splitlines()), (False, False))
            status, shown = sshd.log_in(tia, tia.password, tia.code())
            equal((status, shown.splitlines()[-1]), (0, "tia"))
    with Token(*card, "--touch", "never", "--touch-timeout", "1500"), \
            ServiceFile("su", service("su", TOUCH)):
        status, shown = at_the_seat(tia, tia.password)
        equal((status == 0, "tia" in shown.splitlines()), (False, False))
        contains(shown, "Nobody touched the token in time.")
    with Token(*card, "--touch", "never"), ServiceFile("sudo", service("sudo", TOUCH)):
        status, shown, _ = sessions.at_the_seat(
            "tia", "python3", "-B", "/cases/talk.py", "sudo", "-k", "id", "-un",
            stdin=f"{tia.password}\n{INTERRUPT}\n")
        equal((status == 0, "root" in shown.splitlines()), (False, False))
        contains(shown, "Interrupted.")


def a_locker_of_the_user_takes_both_in_one_field():
    lou = person("lou")
    with ServiceFile("locker", ONE_FIELD):
        locker = ["python3", "-B", "/cases/locker.py", "locker"]
        for typed, answer in [(lou.password + lou.code(), "0"), (lou.password + lou.wrong(), "7"),
                              ("guess" + lou.code(), "7"), (lou.password, "7"),
                              (lou.password + lou.recovery[0], "0")]:
            equal((typed, run(*locker, typed, user="lou").strip()), (typed, answer))
        equal(run(*locker, "password of nofactor", user="nofactor").strip(), "0")


def the_agent_of_polkit_asks():
    ann = person("ann")

    def agent_asks():
        for code, is_right in [(ann.code(), True), (ann.wrong(), False)]:
            _, shown, _ = sessions.at_the_seat(
                "ann", "python3", "-B", "/cases/talk.py", "/cases/ask-with-agent",
                "org.oathd.oathd1.change-account", stdin=f"{ann.password}\n{code}\n")
            contains(shown, ASKS)
            equal("status 0" in shown, is_right)

    agent_asks()
    with ServiceFile("polkit-1", service("polkit-1", STRICT)):
        agent_asks()
    # From polkit 127 on the helper of the agent runs PAM without devices, homes and network.
    run("journalctl", "--sync")
    lines = run("journalctl", "--output=json", "SYSLOG_IDENTIFIER=pam_oathd").splitlines()
    # Of a helper that has ended by the time that the journal asks, the unit is not known.
    units = [json.loads(line).get("_SYSTEMD_UNIT", "") for line in lines]
    walls = any(unit.startswith("polkit-agent-helper@") for unit in units)
    equal(walls, pathlib.Path("/usr/lib/systemd/system/polkit-agent-helper@.service").exists())


def whoever_is_exempt_is_not_asked():
    eve = person("eve")
    run("usermod", "--append", "--groups", "oathd-exempt", "eve")
    status, shown = su(eve, eve.password)
    equal((status, shown.splitlines()[-1], ASKS in shown), (0, "eve", False))


def without_oathd_nobody_gets_in_but_who_is_exempt():
    stop()
    run("systemctl", "mask", "--runtime", "oathd.service")
    try:
        status, shown = su(person("sue"), "password of sue")
        equal((status == 0, "sue" in shown.splitlines()), (False, False))
        contains(shown, "The second factor cannot be checked: oathd is not running")
        status, shown = talk(["su", "-c", "id -un", "nofactor"], ["password of nofactor"], user="bob")
        equal((status == 0, "nofactor" in shown.splitlines()), (False, False))
        equal(su(person("eve"), "password of eve")[0], 0)
    finally:
        run("systemctl", "unmask", "--runtime", "oathd.service")
    sue = person("sue")
    equal(su(sue, sue.password, sue.code())[0], 0)


def the_prompt_of_the_rescue_target_does_not_ask():
    # It goes without PAM, so that no stack can shut it.
    equal("libpam" in run("ldd", "/usr/sbin/sulogin"), False)


def nothing_typed_is_written_down():
    run("journalctl", "--sync")
    said = run("journalctl", "--no-pager", "--output=cat", "SYSLOG_IDENTIFIER=pam_oathd")
    contains(said, "WrongCode")
    everything = run("journalctl", "--no-pager", "--output=cat")
    for who in PEOPLE.values():
        for secret in [who.password, who.secret, *who.recovery, who.at(who.last)]:
            equal((secret, re.search(rf"\b{secret}\b", everything)), (secret, None))


def a_removal_leaves_the_logins_as_they_were():
    run("dpkg", "--purge", "libpam-oathd")
    equal("pam_oathd" in COMMON.read_text(), False)
    sue = person("sue")
    status, shown = su(sue, sue.password)
    equal((status, shown.splitlines()[-1]), (0, "sue"))
    equal(os.path.exists("/usr/share/pam-configs/oathd"), False)


CASES = [
    it_is_off_after_the_installation,
    a_trial_takes_itself_back,
    a_trial_that_cannot_be_taken_back_at_once_is_taken_back_later,
    what_is_confirmed_stays,
    whoever_has_no_factor_is_not_asked,
    sudo_asks,
    su_asks_for_somebody_without_privileges,
    a_recovery_code_is_replaced,
    sshd_asks_for_password_and_code,
    a_stranger_on_ssh_locks_nobody_out_of_the_console,
    sshd_asks_for_a_code_after_a_key,
    the_strict_stack_lets_a_correct_password_alone_cost_an_attempt,
    sudo_takes_each_documented_stack,
    a_touch_lets_in_at_the_seat_alone,
    a_locker_of_the_user_takes_both_in_one_field,
    the_agent_of_polkit_asks,
    whoever_is_exempt_is_not_asked,
    without_oathd_nobody_gets_in_but_who_is_exempt,
    the_prompt_of_the_rescue_target_does_not_ask,
    nothing_typed_is_written_down,
    a_removal_leaves_the_logins_as_they_were,
]
