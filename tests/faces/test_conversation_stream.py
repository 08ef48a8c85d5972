"""`stream`: chunks as they come, from an admission to its settlement, or without end."""

from __future__ import annotations

import pickle

import pytest

from flue import (
    AbortSignal,
    FlueTimeoutError,
    NotFoundError,
    OffsetGoneError,
    PermissionDeniedError,
    ServerError,
)
from flue.testing import Fault

from .harness import BRIEF, EAGER, later, on_both_faces
from .test_conversation_reply import by_hand, message, receipt, settled

on_flue_2 = on_both_faces(flue_version=2)
GONE = "0000000000000000_0000000000000077"
LIVES = pytest.mark.parametrize("live", ["sse", "long-poll", True, False])


def offset(count):
    """Behind so many batches; the first is the reset of the creation."""
    return f"{0:016d}_{count - 1:016d}"


def types(chunks):
    return [chunk.type for chunk in chunks]


# Where it starts and ends.


@LIVES
@on_flue_2
def test_from_the_admission_of_a_target_to_its_settlement(face, live):
    append = by_hand(face.server)
    append(message("sub_0"))
    append(message("sub_1", role="user"))
    append(message("sub_1"), settled("sub_1"), message("sub_2"))
    append(message("sub_3"))
    stream = face.conversation().stream(receipt(offset(2)), live=live)
    assert types(stream.collect()) == ["message-appended", "message-appended", "submission-settled"]
    assert stream.closed
    assert stream.up_to_date
    with pytest.raises(StopIteration):
        stream.next()
    mode = {"sse": "live=sse&", True: "", "long-poll": "", False: ""}[live]
    assert face.asked == [f"GET ?{mode}offset={offset(2)}&view=updates"]


@on_flue_2
def test_no_request_is_made_before_the_first_chunk_is_asked_for(face):
    stream = face.conversation().stream()
    observation = face.conversation().observe()
    assert (stream.offset, observation.phase, observation.state, observation.offset) == ("-1", "loading", None, "-1")
    face.idle()
    assert face.asked == []


@on_flue_2
def test_now_is_where_the_history_ends(face):
    append = by_hand(face.server)
    append(message("sub_0"))
    stream = face.conversation().stream()
    face.after(2, lambda: append(message("sub_1")))
    chunk = stream.next()
    assert chunk.message.submission_id == "sub_1"
    assert face.asked == ["GET ?view=history", f"GET ?live=sse&offset={offset(2)}&view=updates"]
    assert stream.offset == offset(3)


@on_flue_2
def test_a_bare_id_that_has_not_settled_starts_at_the_offset_of_the_history(face):
    append = by_hand(face.server)
    append(message("sub_1", role="user"))
    stream = face.conversation().stream("sub_1")
    face.after(2, lambda: append(settled("sub_1")))
    assert types(stream.collect()) == ["submission-settled"]
    assert face.asked == ["GET ?view=history", f"GET ?live=sse&offset={offset(2)}&view=updates"]


@on_flue_2
def test_an_offset_is_a_checkpoint(face):
    """It moves with the last chunk of a batch, and another stream goes on from it."""
    append = by_hand(face.server)
    append(message("sub_1", role="user"), message("sub_1"))
    append(settled("sub_1"))
    append(message("sub_2"))
    talk = face.conversation()
    first = talk.stream(offset=offset(1), live=False)
    first.next()
    assert first.offset == offset(1)
    assert not first.up_to_date
    taken = [chunk.position for chunk in first.collect()]
    assert len(taken) == 3
    assert first.offset == offset(4)
    assert types(talk.stream(offset=offset(2), live=False).collect()) == ["submission-settled", "message-appended"]
    assert talk.stream(offset=first.offset, live=False).collect() == []


# What comes.


# What goes wrong.


@LIVES
@pytest.mark.parametrize("cut", [0, 1, 30, 100, 500, 1000])
@on_flue_2
def test_cut_connections_lose_and_repeat_nothing(face, live, cut):
    append = by_hand(face.server)
    for index in range(4):
        append(message(f"sub_{index}"), settled(f"sub_{index}"))
    for end in ("reset", "close", "reset"):
        face.server.faults.add(Fault(cut_after=cut, end=end))
    stream = face.conversation(backoff_options=EAGER).stream("sub_3", offset="-1", live=live)
    chunks = stream.collect()
    positions = [(chunk.position.batch, chunk.position.index) for chunk in chunks]
    assert positions == [(0, 0), *((batch, index) for batch in (1, 2, 3, 4) for index in (0, 1))]
    assert stream.closed


@on_flue_2
def test_an_offset_that_is_gone_is_an_error(face):
    by_hand(face.server)
    for live in ("sse", "long-poll", False):
        with pytest.raises(OffsetGoneError) as gone:
            face.conversation().stream(offset=GONE, live=live).next()
        assert gone.value.error.meta["nextOffset"] == offset(1)


@pytest.mark.parametrize(("status", "error"), [(404, NotFoundError), (403, PermissionDeniedError), (503, ServerError)])
@on_flue_2
def test_refusals(face, status, error):
    append = by_hand(face.server)
    append(message("sub_1"))
    face.server.faults.add(Fault(status=status), times=None)
    for options in ({}, {"target": "sub_1"}, {"offset": "-1"}, {"target": receipt(offset(1))}):
        with pytest.raises(error) as refused:
            face.conversation(backoff_options=BRIEF).stream(**options).next()
        assert refused.value.submission_id == ("sub_1" if "target" in options else None)


# How it is ended.


@on_flue_2
def test_a_limit(face):
    append = by_hand(face.server)
    append(message("sub_1"))
    stream = face.conversation().stream(offset=offset(1), timeout=0.3)
    stream.next()
    with pytest.raises(FlueTimeoutError) as over:
        stream.next()
    assert over.value.offset == offset(2)
    assert isinstance(over.value, TimeoutError)


@on_flue_2
def test_a_signal_ends_it_quietly(face):
    append = by_hand(face.server)
    append(message("sub_1"))
    signal = AbortSignal()
    talk = face.conversation()
    stream = talk.stream(offset=offset(1), signal=signal)
    stream.next()
    later(signal.abort, 0.1)
    assert stream.collect() == []
    assert talk.stream(offset=offset(1), signal=signal).collect() == []
    assert talk.stream("sub_1", signal=signal).collect() == []


@on_flue_2
def test_cancelling_ends_it_quietly(face):
    append = by_hand(face.server)
    append(message("sub_1"), message("sub_2"))
    stream = face.conversation().stream(offset=offset(1))
    stream.next()
    stream.cancel()
    assert stream.collect() == []
    assert stream.offset == offset(1)


@on_flue_2
def test_it_stays_where_it_is(face):
    stream, observation = face.conversation().stream(), face.conversation().observe()
    for made in (stream.inner, observation.inner, face.conversation().inner):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(made)


@on_flue_2
def test_reprs_tell_no_secrets(face):
    by_hand(face.server)
    talk = face.conversation(token="secret", headers={"x-key": "secret"})
    made = [talk.inner, talk.stream().inner, talk.observe().inner]
    assert all("secret" not in repr(one) for one in made)
    assert talk.url in repr(talk.inner)


@LIVES
@on_flue_2
def test_a_checkpoint_behind_the_settlement(face, live):
    """Who has had all of it, and starts again, waits for nothing."""
    append = by_hand(face.server)
    append(message("sub_1"), settled("sub_1"))
    talk = face.conversation()
    first = talk.stream(receipt(offset(1)), live=live)
    assert types(first.collect()) == ["message-appended", "submission-settled"]
    append(message("sub_2"))
    again = talk.stream("sub_1", offset=first.offset, live=live)
    assert types(again.collect()) == ["message-appended"]
    assert again.closed is (live is not False)
    assert talk.stream("sub_1", offset=again.offset, live=live).collect() == []
