"""The chunked coding, cut anywhere."""

from __future__ import annotations

import pytest

from flue.core.chunked import ChunkedDecoder
from flue.core.framing import DecodeError

WHOLE = (
    b"5\r\nhello\r\n"
    b"1;name=value; other\r\n \r\n"
    b"00C \t\r\nwor\r\nld\n0\r\n!\r\n"
    b"2\nok\n"
    b"0;last\r\nTrailer: value\r\nOther: x\r\n\r\n"
)
BODY = b"hello wor\r\nld\n0\r\n!ok"


def decoded(pieces):
    decoder = ChunkedDecoder()
    return b"".join(decoder.feed(piece) for piece in pieces), decoder.finished


def test_what_arrived_together_stays_together():
    assert ChunkedDecoder().feed(WHOLE) == BODY
    assert decoded([b"0\r\n\r\n"]) == (b"", True)
    assert decoded([]) == (b"", False)


def test_it_may_be_cut_at_every_byte():
    """Only the whole is finished: a connection that ends before was cut."""
    for position in range(len(WHOLE) + 1):
        decoder = ChunkedDecoder()
        first = decoder.feed(WHOLE[:position])
        assert BODY.startswith(first)
        assert decoder.finished == (position == len(WHOLE))
        assert first + decoder.feed(WHOLE[position:] + b"HTTP/1.1 200 OK") == BODY
        assert decoder.finished
        assert decoder.feed(b"more") == b""
    assert decoded(WHOLE[i : i + 1] for i in range(len(WHOLE))) == (BODY, True)


def test_what_comes_early_is_given_early():
    decoder = ChunkedDecoder()
    assert decoder.feed(b"a\r\n01234") == b"01234"
    assert decoder.feed(b"56789") == b"56789"
    assert decoder.feed(b"\r\n3\r\nab") == b"ab"


@pytest.mark.parametrize(
    "wire",
    [
        *(b"x\r\n", b"\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b" 1\r\n", b"5 6\r\n", b"event: data\n"),
        *(b"1\r\nab\r\n", b"2\r\nab0\r\n\r\n"),  # longer than it says
        *(b"11111111111111111\r\n", b"\xd9\xa3\r\n"),  # too many digits; digits, but not ASCII
    ],
)
def test_what_is_not_the_coding(wire):
    for pieces in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        with pytest.raises(DecodeError):
            decoded(pieces)


@pytest.mark.parametrize("begin", [b"1", b"5;", b"0\r\nTrailer: "], ids=["size", "extension", "trailer"])
def test_a_line_without_end_is_not_held(begin):
    with pytest.raises(DecodeError, match="has no end"):
        decoded([begin, *[b"1" * 1000] * 100])


def test_lines_that_end_may_be_long_together():
    wire = b"".join(b"1;" + b"x" * 60_000 + b"\r\na\r\n" for _ in range(5)) + b"0\r\n\r\n"
    assert decoded([wire]) == (b"aaaaa", True)
