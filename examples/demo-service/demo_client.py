"""Talks to the demo service, beside `oathctl login` and `oathctl disable`.

    demo_client.py SOCKET OPERATION [KEY=VALUE]...

Secrets are not for the command line: a KEY without a value is asked for, or read from standard
input, one a line.

    demo_client.py SOCKET register email=ada@example.org password
    demo_client.py SOCKET enable email=ada@example.org password session
    demo_client.py SOCKET confirm email=ada@example.org session code
"""

import getpass
import json
import socket
import sys


def secret(key):
    if sys.stdin.isatty():
        return getpass.getpass(f"{key}: ")
    return sys.stdin.readline().rstrip("\n")


def main(path, operation, *arguments):
    request = {"op": operation}
    for argument in arguments:
        key, given, value = argument.partition("=")
        request[key] = value if given else secret(key)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    for key, value in answer.items():
        print(f"{key}: {' '.join(value) if isinstance(value, list) else value}")
    return 0 if answer.get("ok") else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
