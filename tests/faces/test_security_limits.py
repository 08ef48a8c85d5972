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
PACKED = pytest.mark.parametrize("packed", [False, True], ids=["plain", "bomb"])
ENDLESS = 300_000_000
"""Bytes of what may not be read; nobody waits for all of them."""
LITTLE = ENDLESS // 5
"""Bytes that a read may take to find that out, the server's own pieces and the buffers between the two included."""
LITTLE_OF_A_BOMB = ENDLESS // 2


def endless(prefix: bytes, head: list[tuple[str, str]], *, packed: bool, status: int = 200) -> Reply:
    """White space without end: legal in JSON, and compressed a bomb, a thousand to one."""

    def pieces():
        packer = zlib.compressobj(9, wbits=31)
        yield packer.compress(prefix) if packed else prefix
        for _ in range(ENDLESS // 1_000_000):
            piece = b" " * 1_000_000
            yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) if packed else piece

    return Reply(status, [*head, GZIP] if packed else head, pieces())


def refused(face: Face, call, *, packed: bool = False) -> None:
    """A read that is too large fails, and does not take much memory to say so.

    The libraries unpack what arrived in one go, 64 KB at a time, so the peak of a bomb is a matter of their pieces.
    """
    with memory_below(LITTLE_OF_A_BOMB if packed else LITTLE), pytest.raises(DurableStreamError) as caught:
        call(face.new_client(max_event_bytes=LIMIT))
    assert caught.value.code == "EVENT_TOO_LARGE"


HEAD = [JSON, ("stream-next-offset", offset(0)), ("stream-closed", "true")]
READS = {
    "get": lambda face, client: face.wait(client.runs.get, RUN),
    "poll": lambda face, client: face.stream(RUN, client=client).next(),
}


@PACKED
@pytest.mark.parametrize("name", READS)
@on_both_faces
def test_an_endless_answer(face, name, packed):
    """It is given up as soon as it is too large, before all of it has come out of the decompressor."""
    face.server.script(RUN, [endless(b"[", HEAD, packed=packed)])
    refused(face, lambda client: READS[name](face, client), packed=packed)
    assert len(face.targets) == 1


@PACKED
@on_both_faces
def test_an_endless_event(face, packed):
    """A line that does not end is an event in the making."""
    face.server.script(RUN, [endless(b"event: data\ndata:[", [SSE], packed=packed)])
    refused(face, lambda client: face.stream(RUN, client=client, live="sse").next(), packed=packed)
    assert len(face.targets) == 1


@on_both_faces
def test_an_endless_batch_of_events(face):
    """Frames whose control frame never comes would pile up: all that one waits for counts together."""

    def frames():
        for index in range(ENDLESS // 100_000):
            yield data(log(index, message="x" * 100_000))

    face.server.script(RUN, [Reply(200, [SSE], frames())])
    refused(face, lambda client: face.stream(RUN, client=client, live="sse").next())


@PACKED
@on_both_faces
def test_an_endless_refusal(face, packed):
    """Of the body of an error only the beginning is read, limit or not."""
    face.server.script(RUN, [endless(b"<html>", [("content-type", "text/html")], packed=packed, status=404)])
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
