"""The chunked coding, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flue.core.chunked import ChunkedDecoder
from flue.core.framing import Malformed

WHOLE = b"5\r\nhello\r\n6;name=value\r\n world\r\n01\n!\n0\r\nTrailer: x\r\n\r\n"
BODY = b"hello world!"


def decoded(pieces):
    decoder = ChunkedDecoder()
    body = b"".join(decoder.feed(piece) for piece in pieces)
    return body, decoder.finished


def test_what_arrived_together_stays_together():
    assert ChunkedDecoder().feed(WHOLE) == BODY


@pytest.mark.parametrize("position", range(len(WHOLE) + 1))
def test_it_may_be_cut_at_every_byte(position):
    """Edge case 45. Only the whole is finished: a connection that ends before was cut."""
    head, tail = WHOLE[:position], WHOLE[position:]
    decoder = ChunkedDecoder()
    first = decoder.feed(head)
    assert BODY.startswith(first)
    assert decoder.finished == (not tail)
    assert first + decoder.feed(tail) == BODY
    assert decoder.finished


def test_every_byte_by_itself():
    assert decoded([WHOLE[i : i + 1] for i in range(len(WHOLE))]) == (BODY, True)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 300), max_size=6))
def test_any_body_in_any_pieces(chunks, cuts):
    wire = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    assert decoded(wire[a:b] for a, b in zip(edges, edges[1:], strict=False)) == (b"".join(chunks), True)


def test_what_follows_the_end_is_not_the_body():
    decoder = ChunkedDecoder()
    assert decoder.feed(b"1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK") == b"x"
    assert decoder.feed(b"more") == b""


@pytest.mark.parametrize(
    "wire", [b"x\r\n", b"\r\n", b"-1\r\n", b"5 6\r\n", b"1\r\nab\r\n", b"11111111111111111\r\n", b"1" * 70_000]
)
def test_what_is_not_the_coding(wire):
    with pytest.raises(Malformed):
        ChunkedDecoder().feed(wire)
