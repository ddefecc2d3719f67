"""Runs a command with an agent of polkit that types one password: agent.py PASSWORD COMMAND...

The agent is polkit's own for terminals, on a terminal of its own. The status is the command's; how
often a password was asked for is the last line on standard error.
"""

import os
import pty
import select
import sys
import termios
import time


def until_hidden(terminal):
    """Waits until typing is not shown: what was typed before that is thrown away."""
    for _ in range(6000):
        if not termios.tcgetattr(terminal)[3] & termios.ECHO:
            return
        time.sleep(0.01)
    sys.exit("agent.py: the password would be shown")


def asked(terminal, password, command):
    """Answers the agent until the command has ended; gives its status and the questions."""
    questions, seen = 0, b""
    while True:
        ready, _, _ = select.select([terminal, command], [], [], 100)
        if not ready:
            sys.exit("agent.py: nothing in 100 s")
        if terminal in ready:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                return questions
            if seen.lower().rstrip().endswith(b"password:"):
                questions, seen = questions + 1, b""
                until_hidden(terminal)
                os.write(terminal, password.encode() + b"\n")
        if command in ready:
            return questions


def main():
    password, command = sys.argv[1], sys.argv[2:]
    # The agent is for this very process; it becomes the command when the agent is there.
    go, release = os.pipe()
    ended, alive = os.pipe()
    client = os.fork()
    if client == 0:
        os.set_inheritable(alive, True)
        os.close(release)
        os.read(go, 1)
        os.execvp(command[0], command)
    os.close(alive)
    registered, tell = os.pipe()
    agent, terminal = pty.fork()
    if agent == 0:
        os.set_inheritable(tell, True)
        os.close(ended)
        os.execvp("pkttyagent", ["pkttyagent", "--notify-fd", str(tell), "--process", str(client)])
    os.close(tell)
    os.read(registered, 1)
    os.write(release, b"g")
    questions = asked(terminal, password, ended)
    _, status = os.waitpid(client, 0)
    os.kill(agent, 15)
    os.waitpid(agent, 0)
    print(f"asked {questions} times", file=sys.stderr)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
