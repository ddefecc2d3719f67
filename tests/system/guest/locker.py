"""A screen locker without a screen: locker.py SERVICE TYPED asks PAM about the user who runs it, gives
TYPED to every question, shows nothing, and prints what PAM answers."""

import ctypes
import getpass
import sys

LIBC, LIBPAM = ctypes.CDLL("libc.so.6"), ctypes.CDLL("libpam.so.0")
LIBC.calloc.restype = LIBC.strdup.restype = ctypes.c_void_p


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("unused", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)


class Conversation(ctypes.Structure):
    _fields_ = [("function", CONVERSE), ("data", ctypes.c_void_p)]


@CONVERSE
def converse(count, messages, responses, _):
    """Types the same into every field."""
    array = LIBC.calloc(ctypes.c_size_t(count), ctypes.c_size_t(ctypes.sizeof(Response)))
    for at in range(count):
        if messages[at].contents.style == 1:
            response = Response.from_address(array + at * ctypes.sizeof(Response))
            response.text = LIBC.strdup(sys.argv[2].encode())
    responses[0] = array
    return 0


def main():
    handle, conversation = ctypes.c_void_p(), Conversation(converse, None)
    user = getpass.getuser().encode()
    LIBPAM.pam_start(sys.argv[1].encode(), user, ctypes.byref(conversation), ctypes.byref(handle))
    answer = LIBPAM.pam_authenticate(handle, 0)
    LIBPAM.pam_end(handle, answer)
    print(answer)


main()
