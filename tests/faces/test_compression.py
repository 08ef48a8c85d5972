"""Compressed bodies: read, cut, spoilt."""

from __future__ import annotations

import gzip
import zlib

import pytest

from flue import DurableStreamError, FlueConnectionError

from .by_hand import raw_page
from .frames import RUN, dumps, indexes, logs
from .harness import BRIEF, EAGER, on_both_faces

BODY = dumps(logs(0, 3))


def packed(data):
    """The same bytes at any time of day."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@on_both_faces
def test_a_compressed_body_that_is_cut(face, framing):
    """Both libraries return what they have without a word, even when the length is right: the JSON shows it."""
    cut = raw_page(BODY, gzip=True, framing=framing, cut_after=len(packed(BODY)) - 20, end="clean")
    face.server.script(RUN, [cut, raw_page(BODY, gzip=True, framing=framing), *[cut] * 10])
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    assert len(face.targets) == 2
    with pytest.raises(DurableStreamError, match="PARSE_ERROR"):
        face.events(RUN, backoff_options=EAGER)
    assert len(face.targets) <= 7


@pytest.mark.parametrize("spoilt", [b"not gzip at all", packed(BODY)[:-8] + b"\0" * 8, packed(BODY)[:30] + b"??"])
@on_both_faces
def test_a_compressed_body_that_is_spoilt(face, spoilt):
    """Perhaps the next copy is better; the budget bounds the tries."""
    bad = raw_page(spoilt, headers=[("content-encoding", "gzip")])
    face.server.script(RUN, [bad, raw_page(BODY), *[bad] * 10])
    assert indexes(face.events(RUN, backoff_options=EAGER)) == [0, 1, 2]
    with pytest.raises(FlueConnectionError):
        face.events(RUN, backoff_options=BRIEF)
    assert len(face.targets) == 6


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", packed(BODY)),
        ("GZIP", packed(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("deflate, gzip", packed(zlib.compress(BODY))),
        ("identity", BODY),
    ],
)
@on_both_faces
def test_compressed_bodies(face, encoding, body):
    """What is advertised is what every installation can read: gzip and deflate."""
    face.server.script(
        RUN,
        [
            raw_page(body, headers=[("content-encoding", encoding)], framing=framing)
            for framing in ("length", "chunked")
        ],
    )
    for _ in range(2):
        assert indexes(face.events(RUN, backoff_options=BRIEF)) == [0, 1, 2]
    assert {request.header("accept-encoding") for request in face.server.requests} == {"gzip, deflate"}
