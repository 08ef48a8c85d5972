"""Actions are values, and both machines speak the protocol of the faces."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from flue.core import actions
from flue.core.actions import Batch, Done, Fault, Head, Machine, Open, Request, Sleep
from flue.core.agent_stream import FollowAgent
from flue.core.exchange import Exchange
from flue.core.follow import Follow
from flue.core.wire import WireHeaders
from flue.errors import FlueConnectionError

VALUES = [
    Request("GET", "https://h/"),
    Head(200, WireHeaders(), framed=True, wall=0.0),
    Fault(FlueConnectionError("reset")),
    Open(Request("GET", "https://h/")),
    actions.READ,
    Sleep(1.0),
    actions.Deliver(Batch([1], "0_0", up_to_date=True, closed=False)),
    Done(),
    actions.Fail(FlueConnectionError("reset")),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_asked_and_told_cannot_be_changed_on_the_way(value):
    for name in value.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(value, name, None)
    assert value == msgspec.structs.replace(value)


def test_what_is_not_said_is_the_harmless_case():
    assert Request("GET", "https://h/") == Request("GET", "https://h/", headers=(), body=None, patient=False)
    assert Fault(VALUES[2].error) == Fault(VALUES[2].error, retry=True, silent=False)
    assert Sleep(1.0).attempt is None
    assert Done().value is None


@pytest.mark.parametrize("machine", [Follow, FollowAgent, Exchange])
def test_the_machines_speak_the_protocol(machine):
    for name, asked in inspect.getmembers(Machine, inspect.isfunction):
        if not name.startswith("_"):
            given = inspect.signature(getattr(machine, name))
            assert list(given.parameters) == list(inspect.signature(asked).parameters), name


def test_a_transport_says_what_went_wrong():
    fault = Fault(FlueConnectionError("reset"))
    raised = actions.TransportFault(fault)
    assert raised.fault is fault
    assert str(raised) == "reset"
