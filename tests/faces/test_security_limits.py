"""`max_event_bytes`: a page or an event that is too large ends the read before it fills the memory, compressed or not."""

from __future__ import annotations

import gzip
import zlib

import pytest

from flue import DurableStreamError
from flue.testing import Reply

from .frames import JSON, RUN, SSE, control, data, dumps, indexes, log, offset, page, run_end
from .harness import Face, on_both_faces
from .reading import memory_below

LIMIT = 1_000_000
GZIP = ("content-encoding", "gzip")
ENDLESS = 300_000_000
"""Bytes of what may not be read; nobody waits for all of them."""
LITTLE = ENDLESS // 5
"""Bytes that a read may take to find that out, the server's own pieces and the buffers between the two included."""
LITTLE_OF_A_BOMB = ENDLESS // 2


def zeros(count: int = ENDLESS, *, prefix: bytes = b""):
    """White space without end: legal in JSON, and a bomb once it is compressed."""
    yield prefix
    for _ in range(count // 1_000_000):
        yield b" " * 1_000_000


def bomb(prefix: bytes = b""):
    """The same compressed: a thousand to one."""
    packer = zlib.compressobj(9, wbits=31)
    for piece in zeros(prefix=prefix):
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def refused(face: Face, call, *, peak: int) -> None:
    """A read that is too large fails, and does not take much memory to say so."""
    with memory_below(peak), pytest.raises(DurableStreamError) as caught:
        call(face.new_client(max_event_bytes=LIMIT))
    assert caught.value.code == "EVENT_TOO_LARGE"


HEAD = [JSON, ("stream-next-offset", offset(0)), ("stream-closed", "true")]
READS = {
    "get": lambda face, client: face.wait(client.runs.get, RUN),
    "poll": lambda face, client: face.stream(RUN, client=client).next(),
}


@pytest.mark.parametrize("name", READS)
@on_both_faces
def test_an_endless_answer(face, name):
    """It is given up as soon as it is too large."""
    face.server.script(RUN, [Reply(200, HEAD, zeros(prefix=b"["))])
    refused(face, lambda client: READS[name](face, client), peak=LITTLE)
    assert len(face.targets) == 1


@pytest.mark.parametrize("name", READS)
@on_both_faces
def test_a_bomb(face, name):
    """The limit holds for what comes out of the decompressor, and before all of it has come out.

    The libraries unpack what arrived in one go, 64 KB at a time, so the peak is a matter of their pieces.
    """
    face.server.script(RUN, [Reply(200, [*HEAD, GZIP], bomb(b"["))])
    refused(face, lambda client: READS[name](face, client), peak=LITTLE_OF_A_BOMB)
    assert len(face.targets) == 1


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "bomb"])
@on_both_faces
def test_an_endless_event(face, packed):
    """A line that does not end is an event in the making."""
    prefix = b"event: data\ndata:["
    body = bomb(prefix) if packed else zeros(prefix=prefix)
    face.server.script(RUN, [Reply(200, [SSE, *([GZIP] if packed else [])], body)])
    refused(
        face,
        lambda client: face.stream(RUN, client=client, live="sse").next(),
        peak=LITTLE_OF_A_BOMB if packed else LITTLE,
    )
    assert len(face.targets) == 1


@on_both_faces
def test_an_endless_batch_of_events(face):
    """Frames whose control frame never comes would pile up: all that one waits for counts together."""

    def frames():
        for index in range(ENDLESS // 100_000):
            yield data(log(index, message="x" * 100_000))

    face.server.script(RUN, [Reply(200, [SSE], frames())])
    refused(face, lambda client: face.stream(RUN, client=client, live="sse").next(), peak=LITTLE)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "bomb"])
@on_both_faces
def test_an_endless_refusal(face, packed):
    """Of the body of an error only the beginning is read, limit or not."""
    body = bomb(b"<html>") if packed else zeros(prefix=b"<html>")
    face.server.script(RUN, [Reply(404, [("content-type", "text/html"), *([GZIP] if packed else [])], body)])
    with memory_below(LITTLE_OF_A_BOMB if packed else LITTLE), pytest.raises(Exception, match="404") as caught:
        face.get(RUN)
    assert len(str(caught.value.__notes__)) < 2000


@on_both_faces
def test_what_is_just_small_enough(face):
    """The limit is for one page, not for a stream; one that large is accepted, also compressed."""
    big = log(0)
    big["message"] = "x" * (LIMIT - len(dumps([big])) + len(big["message"]))
    assert len(dumps([big])) == LIMIT
    first = Reply(200, [JSON, ("stream-next-offset", offset(0)), GZIP], gzip.compress(dumps([big])))
    second = page(big | {"eventIndex": 1}, next_offset=offset(1), up_to_date=False)
    face.server.script(RUN, [first, second, page(run_end(2), next_offset=offset(2), closed=True)])
    stream = face.stream(RUN, client=face.new_client(max_event_bytes=LIMIT), live=False)
    assert indexes(stream.collect()) == [0, 1, 2]


@on_both_faces
def test_without_a_limit(face):
    """None by default: an event of many megabytes arrives, over any framing."""
    text = "x" * 8_000_000
    face.server.script(RUN, [page(log(0, message=text), next_offset=offset(0), closed=True)])
    face.server.script("run_2", [Reply(200, [SSE], [data(log(0, message=text)), control(0, streamClosed=True)])])
    assert len(face.events(RUN)[0].message) == len(text)
    assert len(face.stream("run_2", live="sse").next().message) == len(text)
