"""What the headers of an answer say about the stream: offsets, up to date, closed, and what makes no sense."""

from __future__ import annotations

import pytest

from flue import DurableStreamError
from flue.testing import Reply

from .frames import JSON, RUN, dumps, indexes, log, logs, offset, page, run_end
from .harness import EAGER, on_both_faces

NEXT = "stream-next-offset"


def answer(*events, headers=()):
    """A page with these headers and no others."""
    return Reply(200, [JSON, *headers], dumps(events))


@on_both_faces
def test_items_without_a_next_offset(face):
    """Edge case 62.

    They are not handed over, since nothing could be asked for behind them: an error at once, not the same page for
    ever.
    """
    face.server.script(RUN, [answer(log(0), headers=[("stream-up-to-date", "true")])])
    with pytest.raises(DurableStreamError) as caught:
        face.events(RUN, backoff_options=EAGER)
    assert (caught.value.code, caught.value.offset) == ("MISSING_OFFSET", "-1")
    assert len(face.targets) == 1


@on_both_faces
def test_an_empty_page_without_a_next_offset(face):
    """Edge case 63. The offset stays; without being up to date it leads nowhere, and four in a row are an error."""
    face.server.script(
        RUN, [answer(headers=[("stream-up-to-date", "true")]), answer(log(2), headers=[(NEXT, offset(2))])]
    )
    stream = face.stream(RUN, offset=offset(1), backoff_options=EAGER)
    assert stream.next().event_index == 2
    assert face.targets == [f"/api/runs/run_1?offset={offset(1)}", f"/api/runs/run_1?live=long-poll&offset={offset(1)}"]
    face.server.script("run_2", [answer()], repeat_last=True)
    with pytest.raises(DurableStreamError, match="OFFSET_STALLED"):
        face.events("run_2", backoff_options=EAGER)
    assert len(face.targets) == 2 + 4


@pytest.mark.parametrize("headers", [[], [("stream-up-to-date", "false")]])
@on_both_faces
def test_a_204_says_little(face, headers):
    """Edge cases 64, 65. It ends a long poll: the offset stays, and it is up to date whether it says so or not."""
    face.server.script(
        RUN, [page(log(0), next_offset=offset(0)), Reply(204, headers), page(run_end(1), next_offset=offset(1))]
    )
    assert indexes(face.stream(RUN).collect()) == [0, 1]
    poll = f"/api/runs/run_1?live=long-poll&offset={offset(0)}"
    assert face.targets == ["/api/runs/run_1?offset=-1", poll, poll]


@on_both_faces
def test_items_at_an_offset_that_stays(face):
    """Edge case 66. Never handed over; a cache may recover within three tries, the fourth is an error."""
    stale = page(log(0), next_offset=offset(0))
    face.server.script(RUN, [stale, *[stale] * 3, page(run_end(1), next_offset=offset(1))])
    assert indexes(face.stream(RUN, backoff_options=EAGER).collect()) == [0, 1]
    face.server.script("run_2", [stale], repeat_last=True)
    stream = face.stream("run_2", backoff_options=EAGER)
    assert stream.next().event_index == 0
    with pytest.raises(DurableStreamError) as caught:
        stream.next()
    assert (caught.value.code, caught.value.offset, stream.offset) == ("OFFSET_STALLED", offset(0), offset(0))
    assert len(face.targets) == 5 + 5


@on_both_faces
def test_an_empty_page_that_leads_nowhere(face):
    """Edge case 67."""
    face.server.script(RUN, [page(next_offset=offset(3), up_to_date=False)], repeat_last=True)
    with pytest.raises(DurableStreamError, match="OFFSET_STALLED: an empty page without a new offset"):
        face.stream(RUN, offset=offset(3), backoff_options=EAGER).next()
    assert len(face.targets) == 4


@pytest.mark.parametrize("back", [offset(1), "-1", "0_1"])
@on_both_faces
def test_an_offset_that_runs_backwards(face, back):
    """Edge case 69. A stale copy does not move the checkpoint, nor is anything of it handed over."""
    stale = page(*logs(0, 2), next_offset=back)
    face.server.script(RUN, [page(*logs(0, 3), next_offset=offset(2)), stale, page(run_end(3), next_offset=offset(3))])
    stream = face.stream(RUN, backoff_options=EAGER)
    assert indexes(stream.collect(3)) == [0, 1, 2]
    assert indexes(stream.collect()) == [3]
    face.server.script("run_2", [page(*logs(0, 3), next_offset=offset(2)), *[stale] * 9])
    stream = face.stream("run_2", backoff_options=EAGER)
    stream.collect(3)
    with pytest.raises(DurableStreamError) as caught:
        stream.next()
    assert (caught.value.code, caught.value.offset, stream.offset) == ("OFFSET_REGRESSED", offset(2), offset(2))
    assert len(face.targets) == 3 + 5


@on_both_faces
def test_opaque_offsets_that_go_in_a_circle(face):
    """Edge case 69. Offsets of another server mean nothing, but one that was passed before is behind."""
    circle = [page(log(n), next_offset=name, up_to_date=False) for n, name in enumerate(("alpha", "beta", "gamma"))]
    face.server.script(RUN, [*circle, *circle, *circle])
    stream = face.stream(RUN, backoff_options=EAGER)
    assert indexes(stream.collect(3)) == [0, 1, 2]
    with pytest.raises(DurableStreamError, match="OFFSET_REGRESSED"):
        stream.next()
    assert len(face.targets) <= 8


@on_both_faces
def test_a_stream_that_is_empty_so_far(face):
    """Edge case 70. Flue's next offset is then `-1`: legal, no step back, and the tail is not asked for again."""
    face.server.create_run(run_id=RUN)
    assert face.events(RUN, tail=1) == []
    stream = face.stream(RUN, tail=1)
    face.server.faults.add(lambda _request: face.server.append(RUN, *logs(0, 3)), live="long-poll")
    assert indexes(stream.collect(3)) == [0, 1, 2]
    assert face.targets[1:] == ["/api/runs/run_1?offset=-1&tail=1", "/api/runs/run_1?live=long-poll&offset=-1"]


@pytest.mark.parametrize(
    "headers",
    [
        [(NEXT, offset(0)), (NEXT, offset(1))],
        [(NEXT, offset(1)), ("Stream-Next-Offset", offset(1))],
        [(NEXT, "a b")],
        [(NEXT, "a,b")],
        [(NEXT, "a/b")],
        [(NEXT, "a=b&c")],
        [(NEXT, "now")],
        [(NEXT, "")],
    ],
)
@on_both_faces
def test_offsets_that_are_none(face, headers):
    """Edge case 71. A header that came twice is joined by both libraries; what comes of it cannot be sent back."""
    face.server.script(RUN, [answer(log(0), headers=headers)])
    with pytest.raises(DurableStreamError) as caught:
        face.events(RUN, backoff_options=EAGER)
    assert (caught.value.code, caught.value.offset) == ("INVALID_OFFSET", "-1")
    assert len(face.targets) == 1


@pytest.mark.parametrize("value", [b"0_\xe9", b"0_\xc3\xa9", b"\xff\xfe", b"0_1\xa0"])
@on_both_faces(compare=False)
def test_offsets_that_are_not_ascii(face, value):
    """Edge case 72. The libraries decode them differently, which is seen in the message only."""
    face.server.script(RUN, [answer(log(0), headers=[(NEXT, value.decode("latin-1"))])])
    with pytest.raises(DurableStreamError, match="INVALID_OFFSET"):
        face.events(RUN, backoff_options=EAGER)
    assert len(face.targets) == 1


@pytest.mark.parametrize("value", ["true", "TRUE", "True", " true "])
@on_both_faces
def test_closed_in_any_case(face, value):
    """Edge cases 73, 74, 75. It ends the stream behind the items of its page, and needs no other header."""
    face.server.script(RUN, [answer(*logs(0, 2), headers=[(NEXT, offset(1)), ("Stream-Closed", value)])])
    stream = face.stream(RUN)
    assert stream.next().event_index == 0
    assert not stream.closed
    assert stream.next().event_index == 1
    assert (stream.closed, stream.up_to_date, stream.offset) == (True, True, offset(1))
    assert stream.collect() == []
    assert len(face.targets) == 1


@pytest.mark.parametrize("value", ["false", "1", "yes", "", "true, true", "truely"])
@on_both_faces
def test_what_is_not_closed(face, value):
    """Edge case 73. NeedData but `true` is; the same for being up to date."""
    face.server.script(
        RUN,
        [
            answer(log(0), headers=[(NEXT, offset(0)), ("stream-closed", value), ("stream-up-to-date", value)]),
            answer(run_end(1), headers=[(NEXT, offset(1)), ("stream-closed", "true")]),
        ],
    )
    stream = face.stream(RUN)
    assert stream.next().event_index == 0
    assert not stream.up_to_date
    assert indexes(stream.collect()) == [1]
    assert face.targets == ["/api/runs/run_1?offset=-1", f"/api/runs/run_1?offset={offset(0)}"]


@pytest.mark.parametrize("live", [True, False])
@on_both_faces
def test_closed_on_an_empty_page(face, live):
    """Edge case 75. A 200 is believed; what a 204 says about the end is asked again."""
    face.server.script(RUN, [answer(headers=[(NEXT, "-1"), ("stream-closed", "true")])])
    stream = face.stream(RUN, live=live)
    assert stream.collect() == []
    assert (stream.closed, stream.up_to_date, stream.offset) == (True, True, "-1")
    assert len(face.targets) == 1


@on_both_faces
def test_cursors_are_echoed(face):
    """The latest one, on live requests only; an answer without one keeps the old."""
    cursor = "stream-cursor"
    face.server.script(
        RUN,
        [
            page(log(0), next_offset=offset(0)),
            Reply(204, [(cursor, "c 1&2")]),
            Reply(204),
            answer(log(1), headers=[(NEXT, offset(1)), (cursor, "c3")]),
            page(run_end(2), next_offset=offset(2)),
        ],
    )
    assert len(face.stream(RUN).collect()) == 3
    queries = [[value for key, value in request.query if key == "cursor"] for request in face.server.requests]
    assert queries == [[], [], ["c 1&2"], ["c 1&2"], []]
