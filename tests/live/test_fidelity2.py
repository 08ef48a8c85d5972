"""`FlueTestServer` answers what a real Flue 2 answers, request by request."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .fidelity import Request, ask
from .fidelity2 import REQUESTS, Double2, comparable, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import LiveServer

pytestmark = pytest.mark.live


class Twins(NamedTuple):
    """A real server and its double, and what the requests leave open on each."""

    servers: tuple[LiveServer, Double2]
    prepared: tuple[dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def twins(flue2: LiveServer) -> Iterator[Twins]:
    with Double2() as double:
        yield Twins((flue2, double), (prepare(flue2), prepare(double)))
        assert double.flue.problems == []


_numbers = itertools.count()


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_the_same_answer(twins: Twins, request_: Request) -> None:
    fresh = str(next(_numbers))
    answers: list[Any] = []
    for server, prepared in zip(twins.servers, twins.prepared, strict=True):
        target = request_.target.format(fresh=fresh, **prepared)
        answers.append(comparable(server, ask(server, request_._replace(target=target))))
    real, double = answers
    assert double == real
