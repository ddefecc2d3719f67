"""gdm without a screen: gdm.py SERVICE USER starts gdm's own worker, speaks to it as gdm's daemon does,
and answers its hidden questions in turn from standard input, one a line. It prints what the worker asks
and tells, and at the end whether the login is `let in` or `refused`."""

import subprocess
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

WORKER, WORKER_PATH = "org.gnome.DisplayManager.Worker", "/org/gnome/DisplayManager/Worker"
MANAGER_PATH = "/org/gnome/DisplayManager/Session"
# What the worker calls of gdm's daemon.
MANAGER = """<node><interface name="org.gnome.DisplayManager.WorkerManager">
<method name="Hello"/>
<method name="InfoQuery"><arg type="s"/><arg type="s"/><arg type="s" direction="out"/></method>
<method name="SecretInfoQuery"><arg type="s"/><arg type="s"/><arg type="s" direction="out"/></method>
<method name="Info"><arg type="s"/><arg type="s"/></method>
<method name="Problem"><arg type="s"/><arg type="s"/></method>
</interface></node>"""


class Daemon:
    """The side of gdm's daemon."""

    def __init__(self, service, user, answers):
        self.service, self.user, self.answers = service, user, answers
        self.loop, self.verdict = GLib.MainLoop(), None
        self.server = Gio.DBusServer.new_sync(
            "unix:tmpdir=/tmp", Gio.DBusServerFlags.NONE, Gio.dbus_generate_guid(), None, None)
        self.server.connect("new-connection", self.serve)
        self.server.start()

    def serve(self, _server, connection):
        interface = Gio.DBusNodeInfo.new_for_xml(MANAGER).interfaces[0]
        connection.register_object(MANAGER_PATH, interface, self.called, None, None)
        self.connection = connection
        return True

    def called(self, _connection, _sender, _path, _interface, method, arguments, invocation):
        """Answers the worker."""
        if method in ("InfoQuery", "SecretInfoQuery"):
            print("asked:", arguments[1], flush=True)
            if self.answers:
                answer = self.answers.pop(0)
                invocation.return_value(GLib.Variant("(s)", (answer,)))
            else:
                invocation.return_dbus_error("org.gnome.DisplayManager.Session.Error.Cancel", "")
            return
        invocation.return_value(None)
        if method == "Hello":
            details = {"service": GLib.Variant("s", self.service), "username": GLib.Variant("s", self.user),
                       "console": GLib.Variant("s", "/dev/tty1"), "seat-id": GLib.Variant("s", "seat0"),
                       "hostname": GLib.Variant("s", ""), "display-is-local": GLib.Variant("b", True),
                       "display-is-initial": GLib.Variant("b", True)}
            self.steps = iter([("Initialize", GLib.Variant("(a{sv})", (details,))),
                               ("Authenticate", None), ("Authorize", None)])
            self.next()
        else:
            print("told:", arguments[1], flush=True)

    def next(self):
        """Goes on to the next step of a login, or ends."""
        step = next(self.steps, None)
        if step is None:
            self.end("let in")
            return
        self.connection.call(None, WORKER_PATH, WORKER, *step, None, Gio.DBusCallFlags.NONE, 100_000,
                             None, self.stepped)

    def stepped(self, connection, result):
        try:
            connection.call_finish(result)
        except GLib.Error as error:
            print(error.message)
            self.end("refused")
            return
        self.next()

    def end(self, verdict):
        self.verdict = verdict
        self.loop.quit()


def main():
    daemon = Daemon(sys.argv[1], sys.argv[2], sys.stdin.read().splitlines())
    worker = subprocess.Popen(
        ["/usr/libexec/gdm-session-worker"],
        env={"GDM_SESSION_DBUS_ADDRESS": daemon.server.get_client_address(), "PATH": "/usr/bin:/bin"})
    GLib.timeout_add_seconds(100, daemon.end, "nothing came of it")
    daemon.loop.run()
    worker.terminate()
    worker.wait(timeout=10)
    print(daemon.verdict)


main()
