"""Proves that a reload takes settings up without an end, that wrong ones are named and change nothing,
and that the vault key comes from an encrypted credential of systemd, made as the guide says; with the
wrong key, with none, or with one that this machine cannot open, oathd answers all the same, nothing is
opened and no other key is made."""

import os
import pathlib
import re

from cases.the_state_outlives_every_end import Remembered, state_is_whole
from system import (STATE, Token, contains, equal, journal, mark, oathctl, outcome, pid, run,
                    settings, stop, unit, until)

CREDENTIAL = pathlib.Path("/etc/credstore.encrypted/oathd.vault-key")
# As the guide says it; without a TPM the key of the host alone seals it.
SEAL = "systemd-creds encrypt --name=oathd.vault-key --tpm2-pcrs= %s " + str(CREDENTIAL)


def reload():
    run("systemctl", "reload", "oathd.service")


def said(since, text):
    return any(text in str(entry) for entry in journal(since))


def a_reload_takes_settings_up():
    with Token():
        before, since = pid(), mark()
        settings("readers = ['No such reader']\n")
        reload()
        until(lambda: said(since, "settings taken up"), "the settings")
        until(lambda: outcome("oathctl", "tokens").returncode == 4, "no token")
        settings(None)
        reload()
        until(lambda: "12345678" in oathctl("tokens", status=None), "the token")
        equal(pid(), before)


def wrong_settings_are_named_and_change_nothing():
    with Token():
        before, since = pid(), mark()
        settings("reader = ['No such key']\n")
        equal(outcome("systemctl", "reload", "oathd.service").returncode, 1)
        until(lambda: said(since, "50-test.conf"), "the complaint")
        since = mark()
        run("systemctl", "kill", "--signal=HUP", "--kill-whom=main", "oathd.service")
        until(lambda: said(since, "settings kept"), "the complaint of the one that runs")
        equal(said(since, "50-test.conf"), True)
        contains(oathctl("tokens"), "12345678")
        equal(pid(), before)
        run("systemctl", "stop", "oathd.service")
        # A start with them fails, is not tried again, and says why.
        since = mark()
        equal(outcome("systemctl", "start", "oathd.service").returncode, 1)
        equal(unit("oathd.service", "ActiveState", "ExecMainStatus"),
              {"ActiveState": "failed", "ExecMainStatus": "69"})
        # By a stream: the journal asks for the unit of no process, which may be gone by then.
        why = until(lambda: [entry for entry in journal(since) if "50-test.conf" in entry["MESSAGE"]], "why")
        equal({(entry["_TRANSPORT"], entry["PRIORITY"]) for entry in why}, {("stdout", "3")})
        settings(None)
        stop()
        until(lambda: "12345678" in oathctl("tokens", status=None), "the token")


def the_key_comes_from_an_encrypted_credential():
    with Remembered():
        key = (STATE / "vault.key").read_bytes()
        run("sh", "-c", SEAL % (STATE / "vault.key"))
        equal(key in CREDENTIAL.read_bytes(), False)
        (STATE / "vault.key").unlink()
        run("systemctl", "restart", "oathd.service")
        state_is_whole()
        equal((STATE / "vault.key").exists(), False)
        # What the credential holds is oathd's alone to read, and nowhere on the disk.
        inside = pathlib.Path("/run/credentials/oathd.service/oathd.vault-key")
        equal(inside.read_bytes(), key)
        equal(outcome("cat", str(inside), user="ada").returncode, 1)
        # systemd starts oathd anew by itself, and opens the key anew.
        before = pid()
        run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "oathd.service")
        until(lambda: pid() not in (0, before), "another oathd")
        state_is_whole()

        on_another_machine_nothing_opens(key)
        with_another_key_nothing_opens(key)
        without_a_key_none_is_made(key)

        put_back(key)
        state_is_whole()


def on_another_machine_nothing_opens(key):
    # As after a change of the TPM: what sealed the key is gone.
    copy = pathlib.Path("/root/copy")
    copy.write_bytes(key)
    run("sh", "-c", SEAL % f"--with-key=host {copy}")
    host = pathlib.Path("/var/lib/systemd/credential.secret")
    host.rename("/root/credential.secret")
    run("systemctl", "restart", "oathd.service")
    refuses_with_vault_key_unavailable()
    pathlib.Path("/root/credential.secret").rename(host)


def with_another_key_nothing_opens(key):
    CREDENTIAL.rename("/root/credential")
    another = pathlib.Path("/root/another")
    another.write_bytes(bytes(byte ^ 1 for byte in key))
    run("sh", "-c", SEAL % another)
    run("systemctl", "restart", "oathd.service")
    refuses_with_vault_key_unavailable()
    CREDENTIAL.unlink()


def without_a_key_none_is_made(_key):
    run("systemctl", "restart", "oathd.service")
    refuses_with_vault_key_unavailable()
    equal((STATE / "vault.key").exists(), False)


def refuses_with_vault_key_unavailable():
    done = outcome("oathctl", "--json", "code", "--single", "--no-interaction", "Example:ada")
    equal(done.returncode in (5, 69), True)
    done = outcome("oathctl", "--json", "password", "remember", "--password-stdin",
                   stdin="correct horse\n")
    equal(re.findall("VaultKeyUnavailable", done.stdout + done.stderr)[:1], ["VaultKeyUnavailable"])


def put_back(key):
    """The key as a file again, which the following cases start with."""
    file = STATE / "vault.key"
    file.write_bytes(key)
    run("chown", "oathd:oathd", str(file))
    os.chmod(file, 0o600)
    run("systemctl", "restart", "oathd.service")


CASES = [
    a_reload_takes_settings_up,
    wrong_settings_are_named_and_change_nothing,
    the_key_comes_from_an_encrypted_credential,
]
