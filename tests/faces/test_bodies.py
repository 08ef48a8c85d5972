"""Bodies that were cut, are strange or huge: what is asked again, what is an error, what is read."""

from __future__ import annotations

import pytest

from flue import DurableStreamError, FlueConnectionError, Timeouts, UnsupportedFlueEventVersionError, to_json
from flue.testing import Fault

from .by_hand import raw_page
from .frames import RUN, control, dumps, indexes, log, logs, sse
from .harness import BRIEF, EAGER, on_both_faces

BODY = dumps(logs(0, 3))


@pytest.mark.parametrize("cut", [0, len(BODY) // 2])
@pytest.mark.parametrize("end", ["reset", "close"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@on_both_faces
def test_a_body_that_is_cut(face, framing, end, cut):
    """NeedData of it is handed over; the page is asked for again from the same offset."""
    face.server.script(RUN, [raw_page(BODY, framing=framing, cut_after=cut, end=end), raw_page(BODY)])
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    assert face.targets == ["/api/runs/run_1?offset=-1"] * 2


@pytest.mark.parametrize("cut", [0, len(BODY) // 2])
@on_both_faces
def test_a_body_without_a_length_that_is_cut(face, cut):
    """HTTP cannot tell that from an end, JSON can; a body that is cut at the same byte every time is malformed."""
    broken = raw_page(BODY, framing="close", cut_after=cut, end="close")
    face.server.script(RUN, [broken, broken, raw_page(BODY, framing="close"), *[broken] * 10])
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    assert len(face.targets) == 3
    with pytest.raises(FlueConnectionError if cut == 0 else DurableStreamError) as caught:
        face.events(RUN, backoff_options=EAGER if cut else BRIEF)
    if cut:
        assert caught.value.code == "PARSE_ERROR"
    assert len(face.targets) <= 8


@pytest.mark.parametrize(
    "body",
    [
        b"{broken",
        b"[1, 2",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
@on_both_faces
def test_a_whole_body_that_is_not_json(face, body):
    """At once, not at the fourth time: it came as the server meant it."""
    face.server.script("/", [raw_page(body)], repeat_last=True)
    for call, options in (
        (face.events, {"backoff_options": EAGER}),
        (face.get, {"backoff_options": EAGER}),
        (face.invoke, {}),
    ):
        asked = len(face.targets)
        with pytest.raises((DurableStreamError, UnsupportedFlueEventVersionError)) as caught:
            call(RUN, **options)
        if isinstance(caught.value, DurableStreamError):
            assert caught.value.code == "PARSE_ERROR"
        assert len(face.targets) == asked + 1


@on_both_faces
def test_an_integer_of_thousands_of_digits(face):
    """Python refuses it with a plain `ValueError`; it fails the pull that asked for its event."""
    huge = dumps(log(1))[:-1] + b',"n":' + b"9" * 5000 + b"}"
    face.server.script(RUN, [raw_page(b"[" + dumps(log(0)) + b"," + huge + b"]")])
    stream = face.stream(RUN)
    assert stream.next().event_index == 0
    with pytest.raises(DurableStreamError, match="PARSE_ERROR") as caught:
        stream.next()
    assert caught.value.offset == stream.offset == "-1"


@on_both_faces
def test_characters_that_are_none(face):
    """Bytes that are not UTF-8 are replaced, as in a browser; half an emoji stays half an emoji. Neighbours are not
    touched.
    """
    items = [
        dumps(log(0, message="whole")),
        dumps(log(1, message="@")).replace(b"@", b"caf\xe9 \xff"),
        dumps(log(2, message="@")).replace(b"@", rb"cut \ud83d"),
        dumps(log(3, message="\U0001f680 \u2028 \x85")),
    ]
    face.server.script(RUN, [raw_page(b"[" + b",".join(items) + b"]")] * 2)
    frame = b"event: data\ndata:[" + b",".join(items) + b"]\n\n" + control(3, streamClosed=True)
    face.server.script("run_2", [sse(frame)])
    expected = ["whole", "caf\ufffd \ufffd", "cut \ud83d", "\U0001f680 \u2028 \x85"]
    for events in (face.events(RUN), face.stream(RUN).collect(), face.stream("run_2", live="sse").collect()):
        assert [event.message for event in events] == expected
        assert [to_json(event)["message"] for event in events] == expected
        assert all(repr(event).isprintable() for event in events)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@on_both_faces(client={"timeout": Timeouts(connect=2.0, read=0.1)}, compare=False)
def test_a_body_that_falls_silent(face, framing):
    """In the middle of a page; it is asked for again. Not compared: pauses are as long as silences."""
    silent = raw_page(BODY, framing=framing, stall_after=10, stall=5.0)
    face.server.script(RUN, [silent, raw_page(BODY)], repeat_last=True)
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    assert len(face.targets) >= 2


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@on_both_faces
def test_the_answer_to_a_start_that_is_cut(face, framing):
    """The run may have been started: the request is not repeated."""
    face.server.add_workflow("report", lambda _run: 1)
    face.server.faults.add(Fault(framing=framing, cut_after=12, end="close"), times=None)
    with pytest.raises(FlueConnectionError) as caught:
        face.invoke("report")
    assert caught.value.__notes__ == ["the request is not retried: whether the server has admitted it is not known"]
    assert len(face.targets) == 1
    assert len(face.server.run_ids) == 1
