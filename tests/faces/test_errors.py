"""Errors as the caller meets them: one tree, plain words, whole after pickling, nothing of the libraries."""

from __future__ import annotations

import pytest

from flue import (
    BackoffOptions,
    DurableStreamError,
    FlueConnectionError,
    FlueError,
    FlueTimeoutError,
    NotFoundError,
)
from flue.testing import Fault, Reply

from .frames import JSON, RUN, log, offset, page
from .harness import BRIEF, on_both_faces

ONCE = BackoffOptions(max_retries=0)


@on_both_faces
def test_the_original_is_the_cause(face):
    """Not a bare `from None`: who wants to know what the library saw finds it there."""
    face.server.faults.add(Fault(refuse=True), times=None)
    for call in (face.get, face.events):
        with pytest.raises(FlueConnectionError) as caught:
            call(RUN, backoff_options=BRIEF)
        module = type(caught.value.__cause__).__module__
        assert module.split(".")[0] == ("httpx" if face.is_async else "requests")
        assert not type(caught.value).__module__.startswith(module)
    assert type(caught.value).__mro__[1] is FlueError


@on_both_faces
def test_notes_tell_where_to_go_on(face):
    """Of a stream that was read from; a call that reads none has no such note."""
    face.server.script(
        RUN, [page(log(0), log(1), next_offset=offset(1)), Reply(404, [JSON], b"{}"), Reply(404, [JSON], b"{}")]
    )
    stream = face.stream(RUN)
    stream.collect(2)
    with pytest.raises(NotFoundError) as caught:
        stream.next()
    assert caught.value.__notes__ == [f"the stream can be resumed from offset '{offset(1)}'"]
    with pytest.raises(NotFoundError) as caught:
        face.get(RUN)
    assert not hasattr(caught.value, "__notes__")


@on_both_faces
def test_the_offset_of_a_protocol_error(face):
    """The checkpoint before the answer that was not understood: what came before it is with the caller."""
    face.server.script(RUN, [page(log(0), next_offset=offset(0)), page(log(1), next_offset=None)])
    stream = face.stream(RUN)
    assert stream.next().event_index == 0
    with pytest.raises(DurableStreamError, match=r"^MISSING_OFFSET: ") as caught:
        stream.next()
    assert (caught.value.code, caught.value.offset, stream.offset) == ("MISSING_OFFSET", offset(0), offset(0))


@on_both_faces(compare=False)
def test_the_offset_of_a_time_out(face):
    """Of the caller's overall limit. Raised again at each later pull, and the same."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, log(0), log(1))
    face.get(RUN)  # what a first request costs is not to be part of the limit
    stream = face.stream(RUN, timeout=1.0)
    assert len(stream.collect(2)) == 2
    with pytest.raises(FlueTimeoutError, match=r"did not end within 1 s; it can be resumed from offset") as caught:
        stream.next()
    assert caught.value.offset == stream.offset == offset(1)
    with pytest.raises(FlueTimeoutError) as again:
        stream.next()
    assert again.value is caught.value


@on_both_faces
def test_headers_of_an_answer(face):
    """In any case, repeated ones joined, cookies left out."""
    headers = [JSON, ("X-Trace", "a"), ("x-trace", "b"), ("Set-Cookie", "session=s3cret")]
    face.server.script(RUN, [Reply(404, headers, b"{}")])
    with pytest.raises(NotFoundError) as caught:
        face.get(RUN)
    seen = caught.value.headers
    assert (seen["x-TRACE"], seen.get("set-cookie")) == ("a, b", None)
    assert "s3cret" not in repr(vars(caught.value))
