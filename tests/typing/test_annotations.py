"""Annotations of public names resolve at run time, for the libraries that read them."""

from __future__ import annotations

import inspect
import typing

import cattrs
import pytest

import flue
from flue import codec, testing

PUBLIC = [value for name in flue.__all__ if inspect.isclass(value := getattr(flue, name))]
NAMESPACES = [
    namespace
    for client in (flue.FlueClient, flue.AsyncFlueClient)
    for namespace in typing.get_type_hints(client).values()
]
CLASSES = [*PUBLIC, *NAMESPACES]


@pytest.mark.parametrize(
    "value",
    CLASSES,
    ids=lambda value: f"{value.__module__}.{value.__name__}",
)
def test_classes(value: type) -> None:
    typing.get_type_hints(value)
    typing.get_type_hints(value.__init__)
    for name, member in vars(value).items():
        function = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function) and (not name.startswith("_") or name in {"__next__", "__anext__"}):
            typing.get_type_hints(function)


@pytest.mark.parametrize(
    "function",
    [
        *(
            flue.replay,
            flue.timeline,
            flue.to_json,
            codec.decode,
            codec.decode_run_record,
            codec.dumps_input,
            codec.EventDecoder,
        ),
        *(testing.Fault, testing.Reply, testing.RecordedRequest, testing.ReceivedMessage, testing.ReceivedAttachment),
    ],
)
def test_functions(function: typing.Any) -> None:
    typing.get_type_hints(function)


def test_options_from_a_dictionary() -> None:
    options = cattrs.structure({"max_retries": 3, "on_failed_attempt": None}, flue.BackoffOptions)
    assert options == flue.BackoffOptions(max_retries=3)
