"""Where server-sent events do not come through, the stream goes on by long poll, and loses nothing."""

from __future__ import annotations

import logging

import pytest

from flue.testing import Fault, Reply

from .frames import JSON, RUN, control, data, dumps, empty_poll, indexes, log, logs, offset, page, run_end, sse
from .harness import EAGER, on_both_faces


def modes(face) -> list[tuple[str | None, str | None]]:
    """How each request waited, and from where."""
    return [(request.first("live"), request.first("offset")) for request in face.server.requests]


REST = page(*logs(2, 4), run_end(4), next_offset=offset(4), closed=True)


@pytest.mark.parametrize("status", [406, 415, 501])
@on_both_faces
def test_a_refusal_of_events(face, status):
    """Edge case 97. For the rest of this stream: it is not tried again."""
    first = page(*logs(0, 2), next_offset=offset(1))
    face.server.script(RUN, [Reply(status), first, empty_poll(1), REST])
    assert indexes(face.stream(RUN, live="sse").collect()) == list(range(5))
    poll = ("long-poll", offset(1))
    assert modes(face) == [("sse", "-1"), (None, "-1"), poll, poll]


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, [JSON, ("stream-next-offset", offset(1)), ("stream-up-to-date", "true")], dumps(logs(0, 2))),
        Reply(200, [("content-type", "text/html")], b"<html>hello</html>"),
        Reply(200, [], b"what?"),
        sse(data(log(0)), control(0), fault=Fault(extra_headers=[("stream-sse-data-encoding", "base64")])),
    ],
    ids=["json", "html", "no type", "encoded"],
)
@on_both_faces
def test_something_else_than_events(face, answer):
    """Edge case 95. It is never read as events, and not as a page either: something else was asked for.

    (A page of JSON could be taken; one more request costs less than a second way for items to come in.)
    """
    face.server.script(RUN, [answer, page(*logs(0, 2), next_offset=offset(1)), REST])
    assert indexes(face.stream(RUN, live="sse").collect()) == list(range(5))
    assert modes(face) == [("sse", "-1"), (None, "-1"), ("long-poll", offset(1))]


@on_both_faces(compare=False)
def test_an_empty_answer_is_a_poll_without_news(face):
    """Edge case 96. Events are asked for again, after a pause once it comes twice."""
    events = sse(data(*logs(2, 4), run_end(4)), control(4, streamClosed=True))
    face.server.script(RUN, [empty_poll(1), empty_poll(1), events])
    assert indexes(face.stream(RUN, live="sse", offset=offset(1)).collect()) == [2, 3, 4]
    assert modes(face) == [("sse", offset(1))] * 3
    # None where the machine is so busy that the answers did not come at once.
    assert {line[1] for line in face.transcript if line[0] == "pause"} <= {0.1}


@pytest.mark.parametrize("end", ["clean", "reset"])
@on_both_faces
def test_three_connections_without_a_frame(face, end, caplog):
    """Edge case 98. Something buffers them: long polls take over and go on; it is said once."""
    caplog.clear()
    silent = sse(b": heartbeat\n\n", fault=Fault(end=end))
    face.server.script(RUN, [silent, silent, silent, page(*logs(0, 2), next_offset=offset(1)), empty_poll(1), REST])
    with caplog.at_level(logging.WARNING, "flue"):
        assert indexes(face.stream(RUN, live="sse", backoff_options=EAGER).collect()) == list(range(5))
    assert [mode for mode, _ in modes(face)] == ["sse", "sse", "sse", None, "long-poll", "long-poll"]
    said = [record.message for record in caplog.records if "server-sent events" in record.message]
    assert len(said) == 1


@on_both_faces
def test_the_change_is_logged(face, caplog):
    """Edge case 98. At WARNING, on the library's logger, so that a plain script shows it."""
    caplog.clear()
    face.server.script(RUN, [Reply(406), page(*logs(0, 2), next_offset=offset(1)), REST])
    with caplog.at_level(logging.WARNING, "flue"):
        face.stream(RUN, live="sse").collect()
    said = [record for record in caplog.records if "server-sent events" in record.message]
    assert [(record.levelname, record.name) for record in said] == [("WARNING", "flue")]


@on_both_faces
def test_connections_with_frames_do_not_count(face):
    """Edge cases 98, 99.

    Frameless ones count in a row only: one frame, even without items, and the count begins anew.
    """
    silent = sse(fault=Fault(end="close"))
    alive = [sse(control(n, upToDate=True), fault=Fault(end="close")) for n in range(3)]
    replies = [silent, silent, alive[0], silent, silent, alive[1], silent, silent, alive[2]]
    face.server.script(RUN, [*replies, sse(data(run_end(3)), control(3, streamClosed=True))])
    assert indexes(face.stream(RUN, live="sse", backoff_options=EAGER).collect()) == [3]
    assert {mode for mode, _ in modes(face)} == {"sse"}


@on_both_faces(poll_hold=0.1)
def test_a_server_behind_a_buffering_proxy(face):
    """Edge case 98. The whole way, on a real stream: every event once, in order."""
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, 120), raw=True)
    face.server.faults.add(Fault(stall_after=0, stall=0.02, cut_after=0, end="close"), live="sse", times=None)
    stream = face.stream(run_id, live="sse", backoff_options=EAGER)
    assert indexes(stream.collect(120)) == list(range(120))
    face.server.append(run_id, *logs(120, 130), raw=True)
    face.server.finish_run(run_id)
    assert len(stream.collect()) == 11
    assert [mode for mode, _ in modes(face)][:5] == ["sse", "sse", "sse", None, None]
