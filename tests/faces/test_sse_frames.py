"""Server-sent events byte by byte: what counts as a frame, and when its events are handed over."""

from __future__ import annotations

import pytest

from flue import DurableStreamError
from flue.testing import Fault

from .frames import RUN, control, data, dumps, indexes, log, logs, offset, run_end, sse
from .harness import EAGER, Face, on_both_faces

END = control(1, streamClosed=True)


def read_all(face: Face, *frames: bytes, **options) -> list:
    face.server.script(RUN, [sse(*frames, **options)])
    return face.stream(RUN, live="sse", backoff_options=EAGER).collect()


@on_both_faces
def test_frames_before_a_control_frame_are_one_batch(face):
    """Edge case 85."""
    face.server.script(RUN, [sse(data(log(0)), data(log(1), log(2)), control(2), data(run_end(3)), control(3))])
    stream = face.stream(RUN, live="sse")
    moves = [(event.event_index, stream.offset) for event in stream]
    assert moves == [(0, "-1"), (1, "-1"), (2, offset(2)), (3, offset(3))]


@on_both_faces
def test_a_control_frame_alone_moves_the_offset(face):
    """Edge cases 83, 86. The end behind `streamClosed` is the end of the stream."""
    face.server.script(RUN, [sse(control(6, upToDate=True), control(7, streamClosed=True))])
    stream = face.stream(RUN, live="sse", offset=offset(5))
    assert stream.collect() == []
    assert (stream.offset, stream.closed, stream.up_to_date) == (offset(7), True, True)
    assert len(face.targets) == 1


@on_both_faces
def test_a_control_frame_may_say_that_the_stream_is_empty(face):
    """Edge case 89."""
    assert read_all(face, control("-1", upToDate=True), data(*logs(0, 2)), END)[1].event_index == 1


@pytest.mark.parametrize("payload", [b"{", b"", b"[]", b"nonsense", b'{"streamNextOffset":}', b"null"])
@on_both_faces
def test_a_control_frame_that_is_not_an_object(face, payload):
    """Edge case 87. A frame that is complete and malformed is an error at once; what came before it was handed over.

    Without data there is no event at all, by the grammar: an empty line of data is one, and malformed.
    """
    face.server.script(RUN, [sse(data(log(0)), control(0), data(log(1)), b"event: control\ndata:" + payload + b"\n\n")])
    stream = face.stream(RUN, live="sse", backoff_options=EAGER)
    assert stream.next().event_index == 0
    with pytest.raises(DurableStreamError) as caught:
        stream.next()
    assert (caught.value.code, caught.value.offset, stream.offset) == ("PARSE_ERROR", offset(0), offset(0))
    assert len(face.targets) == 1
    with pytest.raises(DurableStreamError) as again:
        stream.next()
    assert again.value is caught.value


@pytest.mark.parametrize("said", [{}, {"streamNextOffset": 7}, {"streamNextOffset": None}, {"upToDate": True}])
@on_both_faces
def test_a_control_frame_without_an_offset(face, said):
    """Edge case 88."""
    with pytest.raises(DurableStreamError) as caught:
        read_all(face, data(log(0)), b"event: control\ndata: " + dumps(said) + b"\n\n")
    assert (caught.value.code, caught.value.offset) == ("MISSING_OFFSET", "-1")
    assert len(face.targets) == 1


@pytest.mark.parametrize("said", ["now", "0_1, 0_2", "a b", "0_\u00e9"])
@on_both_faces
def test_a_control_frame_with_an_unusable_offset(face, said):
    """Edge case 88."""
    with pytest.raises(DurableStreamError) as caught:
        read_all(face, data(log(0)), control(said))
    assert (caught.value.code, caught.value.offset) == ("INVALID_OFFSET", "-1")


@on_both_faces
def test_what_is_not_an_event_is_passed_over(face):
    """Edge case 90."""
    events = read_all(
        face,
        b": a comment\n",
        b"id: 7\nretry: 1\nevent: data\ndata: " + dumps([log(0)]) + b"\nunknown: field\n\n",
        b"event: surprise\ndata: not JSON\n\n",
        b"data: no type, and not JSON\n\n",
        b"data\n\n",
        b"event: data\n\n",
        b"event\n\n",
        b"id\nevent: data\nretry\ndata:" + dumps([log(1)]) + b"\n\n",
        b":\n\n\n\n",
        END,
    )
    assert indexes(events) == [0, 1]


@on_both_faces
def test_one_space_behind_the_colon_goes(face):
    """Edge case 91. In JSON a second one is white space; as an event type it makes another type."""
    events = read_all(
        face,
        b"event:data\ndata:" + dumps([log(0)]) + b"\n\n",
        b"event: data\ndata:  " + dumps([log(1)]) + b"\n\n",
        b"event:  data\ndata: " + dumps([log(9)]) + b"\n\n",
        END,
    )
    assert indexes(events) == [0, 1]


@on_both_faces
def test_data_over_several_lines(face):
    """Edge case 91. The lines are joined, as in the examples of Durable Streams section 5.8."""
    spread = b"event: data\ndata: [\ndata: " + dumps(log(0)) + b",\ndata: " + dumps(log(1)) + b"\ndata: ]\n\n"
    assert indexes(read_all(face, spread, END)) == [0, 1]


TEXT = "\u00e9\u4e2d\U0001f600\u0085\u2028\u2029\u000b\u000c\u001c\u001d\u001e"
TRANSCRIPT = b"\xef\xbb\xbf: hello\n\n" + data(log(0, message=TEXT)) + b": heartbeat\n\n" + data(run_end(1)) + END
CUTS = {"whole": len(TRANSCRIPT), "bytes": 1, "threes": 3}


@pytest.mark.parametrize("size", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@on_both_faces
def test_three_line_ends_and_any_chunk(face, line_end, size):
    """Edge cases 92, 93, 94. BOM, CRLF and characters are cut anywhere; only three line ends are line ends."""
    wire = TRANSCRIPT.replace(b"\n", line_end)
    events = read_all(face, *(wire[start : start + size] for start in range(0, len(wire), size)))
    assert [event.type for event in events] == ["log", "run_end"]
    assert events[0].message == TEXT


@on_both_faces
def test_mixed_line_ends(face):
    """Edge case 92."""
    wire = b"event: data\rdata:" + dumps([log(0)]) + b"\r\n\nevent: data\r\ndata:" + dumps([log(1)]) + b"\n\r" + END
    assert indexes(read_all(face, wire)) == [0, 1]


@on_both_faces
def test_each_byte_in_a_packet_of_its_own(face):
    """Edge cases 92, 94. The same on the wire, below the framing of HTTP."""
    events = read_all(face, data(log(0, message="\u4e2d")), END, fault=Fault(trickle=1, framing="close"))
    assert events[0].message == "\u4e2d"
