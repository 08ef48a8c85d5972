"""Where server-sent events do not come through, long polls do."""

from __future__ import annotations

import pytest

from flue.errors import ServerError

from .driver import follow, play
from .script import (
    REFUSED,
    RESET,
    SILENCE,
    Response,
    at,
    control_frame,
    data_frame,
    events,
    frames,
    nothing,
    page,
    refusal,
)
from .server import StreamServer


class TestFallingBack:
    def test_a_portal_that_answers_everything_with_html_is_an_error(self):
        played = play(follow("sse"), lambda request, now: page(b"<html>", None, content_type="text/html"))
        assert (played.code, played.modes) == ("UNEXPECTED_CONTENT_TYPE", ["sse", "plain"])

    def test_an_encoding_that_is_not_spoken(self):
        answer = Response(
            200,
            (*events().headers, ("Stream-SSE-Data-Encoding", "base64")),
            (data_frame(b"WzBd") + control_frame(at(1)),),
        )
        played = play(follow("sse"), [answer, page([0], at(1), closed=True)])
        assert (played.items, played.modes) == ([0], ["sse", "plain"])

    def test_no_run_store_is_an_error_in_every_mode(self):
        played = play(follow("sse"), lambda request, now: refusal(501))
        assert isinstance(played.error, ServerError)
        assert played.modes == ["sse", "plain"]

    @pytest.mark.parametrize("end", [(), (RESET,)], ids=["clean", "reset"])
    @pytest.mark.parametrize(
        "body", [(), (b": heartbeat\n\n",), (data_frame([0]),)], ids=["nothing", "comments", "no control"]
    )
    def test_three_connections_without_a_frame(self, body, end):
        machine = follow("sse")
        played = play(
            machine, [*[events(*body, *end)] * 3, page([0], at(1), up_to_date=True), page([1], at(2), closed=True)]
        )
        assert played.modes == ["sse", "sse", "sse", "plain", "long-poll"]
        assert (played.items, played.done, machine.live) == ([0, 1], True, "long-poll")

    def test_one_frame_is_enough_to_stay(self):
        machine = follow("sse")
        silent, sound = events(), events(control_frame("-1"))
        play(machine, [silent, silent, sound, silent, silent, sound, silent, silent])
        assert machine.live == "sse"

    @pytest.mark.parametrize("held", [events(SILENCE), SILENCE], ids=["body", "head"])
    def test_a_proxy_that_holds_back_what_has_not_ended(self, held):
        """While the connection lives it lets nothing through, most often not even the head."""
        server = StreamServer(range(3))
        played = play(follow("sse"), lambda request, now: held if "live=sse" in request.url else server(request, now))
        assert (played.items, played.done) == ([0, 1, 2], True)
        assert 1 <= played.modes.count("sse") <= 3

    @pytest.mark.parametrize("held", [events(SILENCE), SILENCE], ids=["body", "head"])
    def test_a_proxy_that_comes_into_the_way_later(self, held):
        """A laptop is carried to another network."""
        server, opened = StreamServer(range(3), ready=2), []

        def serve(request, now):
            if "live=sse" not in request.url:
                return server(request, now)
            opened.append(request)
            return events(frames([0], at(1), upToDate=True), RESET) if len(opened) == 1 else held

        played = play(follow("sse"), serve, until=86_400.0)
        assert (played.items, played.done) == ([0, 1, 2], True)
        assert len(opened) <= 4

    def test_a_server_that_is_down_is_no_reason(self):
        machine = follow("sse")
        play(machine, [REFUSED] * 9)
        assert machine.live == "sse"

    def test_once_fallen_back_it_stays(self):
        machine = follow("sse")
        played = play(
            machine, [refusal(406), page([0], at(1), up_to_date=True), RESET, nothing(at(1)), RESET, REFUSED, REFUSED]
        )
        assert "sse" not in played.modes[1:]
