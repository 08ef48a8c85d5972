"""Answers that say no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import flue

from .server import TOKEN

if TYPE_CHECKING:
    from .faces import Face
    from .server import LiveServer

pytestmark = pytest.mark.live


def every_read(client: Face, run_id: str, error: type[flue.FlueApiError], **options: Any) -> list[Any]:
    """The errors of all ways to read a run."""
    errors = []
    for read, method, live in [
        (client.call, "runs.events", {}),
        (client.read, "runs.stream", {}),
        (client.read, "runs.stream", {"live": "sse"}),
        (client.read, "runs.stream", {"live": False}),
    ]:
        with pytest.raises(error) as caught:
            read(method, run_id, timeout=20, **live, **options)
        errors.append(caught.value)
    return errors


def test_a_run_that_is_not_exposed(client: Face, server: LiveServer) -> None:
    run_id = server.start_run("hidden")
    with pytest.raises(flue.NotFoundError) as caught:
        client.call("runs.get", run_id)
    assert str(caught.value) == f'Flue API error 404 [run_not_found]: Run "{run_id}" was not found.'
    for error in [caught.value, *every_read(client, run_id, flue.NotFoundError)]:
        assert (error.status, error.error.type) == (404, "run_not_found")
        assert str(error).startswith("Flue API error 404 [run_not_found]: ")


def test_a_wrong_token(face: type[Face], server: LiveServer, history: str) -> None:
    stranger = face(server.base_url, token="wrong")
    with pytest.raises(flue.AuthenticationError) as caught:
        stranger.call("runs.get", history)
    with pytest.raises(flue.AuthenticationError) as refused:
        stranger.call("workflows.invoke", "ticks", input={"count": 1})
    for error in [caught.value, refused.value, *every_read(stranger, history, flue.AuthenticationError)]:
        assert (error.status, error.error.type) == (401, "unauthorized")


def test_headers_that_are_renewed(face: type[Face], server: LiveServer, history: str) -> None:
    tokens = iter(["expired", "expired", TOKEN, TOKEN, TOKEN])
    client = face(server.base_url, headers=lambda: {"Authorization": f"Bearer {next(tokens)}"})
    assert len(client.call("runs.events", history)) == 262
    assert list(tokens) == []  # two refusals, three pages


def test_an_offset_the_server_does_not_take(client: Face, history: str) -> None:
    for error in every_read(client, history, flue.BadRequestError, offset="zzz"):
        assert (error.status, error.error.type) == (400, "invalid_request")
        assert error.error.details == "Invalid offset format."


def test_a_path_that_is_no_route(face: type[Face], server: LiveServer) -> None:
    lost = face(f"{server.base_url}/elsewhere", token=TOKEN)
    with pytest.raises(flue.NotFoundError) as caught:
        lost.call("runs.get", "run_x")
    assert (caught.value.error, caught.value.body) == (None, "404 Not Found")
