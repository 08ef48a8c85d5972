"""Actions are values."""

from __future__ import annotations

import msgspec
import pytest

from flue.core import actions
from flue.core.actions import Done, LiveModeChanged, Open, Request, ResponseHead, Retry, Sleep
from flue.core.retry import FailedAttempt
from flue.core.stream_state import Headers
from flue.errors import FlueConnectionError

ERROR = FlueConnectionError("reset")
VALUES = [
    Request("GET", "https://h/"),
    ResponseHead(200, Headers(), body_length_known=True, received_at=0.0),
    Open(Request("GET", "https://h/")),
    actions.READ,
    Retry(FailedAttempt(1, 0.5, ERROR, None, will_retry=True)),
    Sleep(1.0),
    LiveModeChanged("long-poll"),
    actions.DELIVER,
    Done(),
    actions.Fail(ERROR),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_they_cannot_be_changed_on_the_way(value):
    for name in value.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(value, name, None)
    assert value == msgspec.structs.replace(value)


def test_defaults():
    assert Request("GET", "https://h/") == Request("GET", "https://h/", headers=(), body=None, read_timeout=None)
    assert (ERROR.retryable, ERROR.is_read_timeout) == (True, False)
    assert Done().value is None
