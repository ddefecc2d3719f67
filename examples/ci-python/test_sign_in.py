"""Run it as: oathd-sim run --clock manual --touch manual -- pytest"""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from dasbus.connection import SystemMessageBus
from dasbus.typing import Bool, Str, UInt32, get_variant
from dasbus.unix import GLibClientUnix

import sign_in

SEED = b"12345678901234567890"  # of RFC 6238, appendix B, like the codes below
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sim(path, interface):
    """The control of the simulation."""
    bus = SystemMessageBus()
    return bus.get_proxy("org.oathd.Sim1", path, interface_name=f"org.oathd.Sim1.{interface}")


@pytest.fixture
def clock():
    return sim("/org/oathd/Sim1", "Clock")


@pytest.fixture
def card():
    card = sim("/org/oathd/Sim1/card/0", "Card")
    yield card
    card.Insert()


@pytest.fixture
def account(request):
    """An account whose seed is on the token; a test may ask for touches by a parameter."""
    # dasbus passes file descriptors with this client only.
    token = sign_in.find_token(SystemMessageBus(), client=GLibClientUnix)
    # A seed travels in a sealed memory file, never inside a message. dasbus closes it.
    seed = os.memfd_create("seed", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(seed, SEED)
    fcntl.fcntl(seed, fcntl.F_ADD_SEALS, SEALS)
    parameters = {
        "name": get_variant(Str, request.node.name[:60]),
        "digits": get_variant(UInt32, 8),
        "touch": get_variant(Bool, getattr(request, "param", False)),
    }
    return token.AddCredential(seed, parameters)


class Service:
    """Accepts one code."""

    def __init__(self, code):
        self.code = code

    def __call__(self, _account, code):
        return code == self.code


@pytest.mark.parametrize(
    "now, code",
    [(59, "94287082"), (1111111109, "07081804"), (20000000000, "65353130")],
)
def test_the_code_of_the_moment_signs_in(clock, account, now, code):
    clock.Set(now)
    assert sign_in.sign_in(account, Service(code))
    clock.Advance(30)
    assert not sign_in.sign_in(account, Service(code))


@pytest.mark.parametrize("account", [True], indirect=True)
def test_the_user_is_asked_for_a_touch(clock, account, card):
    clock.Set(59)
    asked = []
    # Touch waits until the token blinks.
    with ThreadPoolExecutor() as hands:
        touched = hands.submit(card.Touch)
        assert sign_in.sign_in(account, Service("94287082"), lambda: asked.append(True))
        touched.result()
    assert asked == [True]


def test_a_token_pulled_before_it_answers_signs_nobody_in(account, card):
    card.Fault("unplug-after=0")
    assert not sign_in.sign_in(account, Service("94287082"))
    assert not card.Present
