"""The real libpam, with service files of our own and a person who types what is on a list."""

import contextlib
import ctypes
import os
import tempfile

LIBC = ctypes.CDLL("libc.so.6", use_errno=True)
LIBPAM = ctypes.CDLL("libpam.so.0")
LIBC.calloc.restype = ctypes.c_void_p
LIBC.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
LIBC.strdup.restype = ctypes.c_void_p
LIBC.strdup.argtypes = [ctypes.c_char_p]
LIBPAM.pam_getenv.restype = ctypes.c_char_p

CODES = {
    0: "PAM_SUCCESS",
    3: "PAM_SERVICE_ERR",
    4: "PAM_SYSTEM_ERR",
    6: "PAM_PERM_DENIED",
    7: "PAM_AUTH_ERR",
    9: "PAM_AUTHINFO_UNAVAIL",
    11: "PAM_MAXTRIES",
    19: "PAM_CONV_ERR",
    25: "PAM_IGNORE",
}
ASK_HIDDEN, ASK, ERROR, TELL = 1, 2, 3, 4
ITEM_USER, ITEM_TTY, ITEM_RHOST = 2, 3, 4
SILENT = 0x8000


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("unused", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    _fields_ = [("function", CONVERSE), ("data", ctypes.c_void_p)]


class Login:
    """One handle of PAM. `said` is the conversation as both sides saw it; whoever is deaf to texts
    refuses them, and whoever does not listen leaves them where they are. What is typed may be text,
    bytes, nothing at all, or a function that gives one of them."""

    def __init__(
        self, stack, user, typed=(), rhost=None, tty=None, deaf=False, listens=True, service="login"
    ):
        self.said = []
        self.typed = list(typed)
        self.deaf = deaf
        self.listens = listens
        self.folder = tempfile.TemporaryDirectory()
        with open(f"{self.folder.name}/{service}", "w", encoding="utf-8") as file:
            file.write("\n".join(stack) + "\n")
        self.conversation = Conversation(CONVERSE(self.converse), None)
        self.handle = ctypes.c_void_p()
        answer = LIBPAM.pam_start_confdir(
            service.encode(),
            os.fsencode(user) if user is not None else None,
            ctypes.byref(self.conversation),
            self.folder.name.encode(),
            ctypes.byref(self.handle),
        )
        assert answer == 0, f"pam_start: {answer}"
        for item, text in ((ITEM_RHOST, rhost), (ITEM_TTY, tty)):
            if text is not None:
                LIBPAM.pam_set_item(self.handle, item, os.fsencode(text))

    def converse(self, count, messages, responses, _):
        """Answers as a program does that shows texts and asks for what it is told to."""
        array = LIBC.calloc(count, ctypes.sizeof(Response))
        for at in range(count):
            message = messages[at].contents
            if message.style == TELL and not self.listens:
                self.said.append("tell")
                continue
            text = message.text.decode()
            if message.style in (ASK, ASK_HIDDEN):
                self.said.append(f"{'ask' if message.style == ASK_HIDDEN else 'ask openly'}: {text}")
                if not self.typed:
                    return 19
                answer = self.typed.pop(0)
                answer = answer() if callable(answer) else answer
                response = Response.from_address(array + at * ctypes.sizeof(Response))
                response.text = answer if answer is None else LIBC.strdup(os.fsencode(answer))
            elif self.deaf:
                return 19
            else:
                self.said.append(f"{'tell' if message.style == TELL else 'error'}: {text}")
        responses[0] = array
        return 0

    def call(self, name, flags=0):
        """Calls a function of libpam and notes what it answers."""
        answer = getattr(LIBPAM, name)(self.handle, flags)
        self.said.append(CODES.get(answer, str(answer)))
        return self.said[-1]

    def variable(self, name):
        """A variable of PAM's environment."""
        value = LIBPAM.pam_getenv(self.handle, name.encode())
        return value and value.decode()

    def set_variable(self, entry):
        """Sets one, as another module or the program would."""
        assert LIBPAM.pam_putenv(self.handle, entry.encode()) == 0

    def become(self, user):
        """Goes on as somebody else, as sudo does before it opens the session."""
        assert LIBPAM.pam_set_item(self.handle, ITEM_USER, user.encode()) == 0

    def end(self):
        """Ends the handle, which unloads the modules."""
        LIBPAM.pam_end(self.handle, 0)
        self.folder.cleanup()


def authenticate(stack, user, typed=(), flags=0, **items):
    """The whole conversation of one login, and its end."""
    login = Login(stack, user, typed, **items)
    login.call("pam_authenticate", flags)
    login.end()
    return login.said


@contextlib.contextmanager
def standard_streams(into):
    """Sends what is written to the standard streams into a file."""
    saved = [os.dup(1), os.dup(2)]
    os.dup2(into.fileno(), 1)
    os.dup2(into.fileno(), 2)
    try:
        yield
    finally:
        for stream, copy in ((1, saved[0]), (2, saved[1])):
            os.dup2(copy, stream)
            os.close(copy)
