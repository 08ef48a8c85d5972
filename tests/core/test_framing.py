"""Bytes to items: pages and server-sent events, wherever they are cut."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest

from flue.core import framing
from flue.core.framing import DecodeError, SseParser, TooLargeError

from .script import recorded_answers

(TICKS,) = recorded_answers("ticks_live_sse.http")
# What Unicode and Python call line ends and JSON does not.
SEPARATORS = "a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\x1dh\x1ei"


def feed(chunks, limit=None):
    parser = SseParser(limit)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def values(items):
    return [framing.parse_json(bytes(item)) if isinstance(item, msgspec.Raw) else item for item in items]


class TestParseJson:
    def test_it_is_read_as_javascript_reads_it(self):
        assert framing.parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
        assert framing.parse_json(b'"a\xff\xe2\x82b"') == "a\ufffd\ufffdb"
        assert framing.parse_json(rb'"\ud83d"') == "\ud83d"

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (b"", "Expecting value"),
            (b"[1", "Expecting"),
            (b"<html>", "Expecting value"),
            (b"[1] x", "Extra data"),
            (b"[NaN]", "NaN is not JSON"),
            (b"-Infinity", "-Infinity is not JSON"),
            (b"[" * 200_000, "nested too deep"),
            (b"9" * 5000, "digits"),
            (b"\xef\xbb\xbf", "Expecting value"),
        ],
        ids=lambda value: value[:12] if isinstance(value, bytes) else "",
    )
    def test_what_is_malformed(self, body, why):
        with pytest.raises(DecodeError, match=why):
            framing.parse_json(body)


class TestSplitPage:
    def test_items_stay_raw(self):
        items = framing.split_array(b' [{"a": 1} , [2], "x", null] ')
        assert all(isinstance(item, msgspec.Raw) for item in items)
        assert [bytes(item) for item in items] == [b'{"a": 1}', b"[2]", b'"x"', b"null"]

    @pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t ", b"[]", b" [ ] \n"])
    def test_a_page_without_items(self, body):
        assert framing.split_array(body) == []

    @pytest.mark.parametrize(
        ("body", "item"), [(b"null", None), (b'{"a": 1}', {"a": 1}), (b"7", 7), (b'"x"', "x")], ids=repr
    )
    def test_a_document_that_is_no_array_is_its_only_item(self, body, item):
        assert framing.split_array(body) == [item]

    @pytest.mark.parametrize(
        ("body", "items"),
        [
            (b"\xef\xbb\xbf[1, 2]", [1, 2]),
            (b'["a\xffb"]', ["a\ufffdb"]),
            (rb'["\ud83d", 1]', ["\ud83d", 1]),
            (json.dumps([SEPARATORS], ensure_ascii=False).encode(), [SEPARATORS]),
            (b"[123456789012345678901234567890, 1e400]", [123456789012345678901234567890, float("inf")]),
        ],
        ids=["bom", "utf8", "surrogate", "separators", "numbers"],
    )
    def test_what_a_strict_parser_refuses_arrives_all_the_same(self, body, items):
        assert values(framing.split_array(body)) == items

    @pytest.mark.parametrize(
        "body", [b"[1,", b"[1]x", b"[NaN]", b"<html>", b"[" * 5_000, b"[1 2]", b"\x0b"], ids=lambda body: body[:8]
    )
    def test_what_is_malformed(self, body):
        with pytest.raises(DecodeError):
            framing.split_array(body)

    def test_every_proper_prefix_of_a_page_is_malformed(self):
        """So a page of unknown length that was cut is never taken for a whole one."""
        body = json.dumps([{"a": [1, "]"]}, {"b": "}]"}]).encode()
        for position in range(1, len(body)):
            with pytest.raises(DecodeError):
                framing.split_array(body[:position])


TRANSCRIPT = [
    ("event: data", "data:[1,", 'data: "é🎉",', f"data:{json.dumps(SEPARATORS, ensure_ascii=False)}]", ""),
    (": heartbeat", ""),
    ("id: 7", "retry: 10", "event:control", 'data:{"a":1}', ""),
    ("data:no type", ""),
    ("event: lonely", ""),
    ("event: data", "data", "data:  two spaces", "data", "", ""),
    ("event", "data:nameless\t", "other: field", "eventx: y", "dataset:z", ""),
    ("data:cut off by the end",),
]
EXPECTED = [
    (b"data", f'[1,\n"é🎉",\n{json.dumps(SEPARATORS, ensure_ascii=False)}]'.encode()),
    (b"control", b'{"a":1}'),
    (b"", b"no type"),
    (b"data", b"\n two spaces\n"),
    (b"", b"nameless\t"),
]
ENDS = {"lf": ["\n"], "crlf": ["\r\n"], "cr": ["\r"], "mixed": ["\r\n", "\r", "\n", "\r", "\r\n"]}


def transcript(name):
    """The lines with line ends of one kind, or of all in turn."""
    text = ""
    for line, end in zip(itertools.chain(*TRANSCRIPT), itertools.cycle(ENDS[name]), strict=False):
        # An LF that ends an empty line would make a CRLF of the CR before it.
        text += line + ("\r\n" if not line and end == "\n" and text.endswith("\r") else end)
    return text.encode()


class TestSse:
    @pytest.mark.parametrize("ends", ENDS)
    def test_the_grammar_at_every_byte_boundary(self, ends):
        text = transcript(ends)
        assert feed([text]) == EXPECTED
        for position in range(len(text) + 1):
            assert feed([text[:position], text[position:]]) == EXPECTED, position
        for size in (1, 2, 3, 5, 7):
            assert feed(text[i : i + size] for i in range(0, len(text), size)) == EXPECTED, size

    def test_a_recording_at_every_byte_boundary(self):
        whole = feed([TICKS])
        assert [kind for kind, _ in whole] == [b"data", b"control"] * 6
        assert len([item for kind, data in whole if kind == b"data" for item in framing.split_array(data)]) == 7
        for position in range(len(TICKS) + 1):
            assert feed([TICKS[:position], TICKS[position:]]) == whole, position
        assert feed(TICKS[i : i + 1] for i in range(len(TICKS))) == whole

    def test_a_byte_order_mark_is_dropped_once(self):
        text = b"\xef\xbb\xbfdata:a\n\ndata:\xef\xbb\xbfb\n\n\xef\xbb\xbfdata:c\n\n"
        expected = [(b"", b"a"), (b"", b"\xef\xbb\xbfb")]
        for position in range(len(text)):
            assert feed([text[:position], text[position:]]) == expected
        assert feed([b"\xef\xbb\xbf\n\ndata:a\n\n"]) == [(b"", b"a")]

    def test_an_event_ends_at_its_carriage_return(self):
        """The next byte may be a long time in coming."""
        parser = SseParser()
        assert parser.feed(b"data:a\r\r") == [(b"", b"a")]
        assert parser.feed(b"") == []
        assert parser.feed(b"\n") == []  # the second half of a CRLF, not an empty line
        assert parser.feed(b"data:b\r\n\r") == [(b"", b"b")]
        assert parser.feed(b"\ndata:c\r") == []
        assert parser.feed(b"\n") == []
        assert parser.feed(b"\n") == [(b"", b"c")]  # this one is


class TestLimit:
    EVENT = b"event: data\ndata:" + b"x" * 40 + b"\ndata:" + b"y" * 40 + b"\n\n"

    def test_a_larger_event_is_refused(self):
        with pytest.raises(TooLargeError, match="larger than the limit of 79 bytes"):
            feed([self.EVENT], limit=79)
        assert len(feed([self.EVENT], limit=80)) == 1

    def test_a_line_without_end_is_refused_before_it_is_held(self):
        parser = SseParser(100)
        parser.feed(b"data:" + b"x" * 101)  # of which one may be the space behind the colon
        with pytest.raises(TooLargeError):
            parser.feed(b"x")

    @pytest.mark.parametrize("size", [1, 7, 46])
    def test_an_event_within_the_limit_passes_however_it_is_chunked(self, size):
        for text in (self.EVENT * 3, self.EVENT.replace(b":", b": ") * 3):
            chunks = [text[i : i + size] for i in range(0, len(text), size)]
            assert feed(chunks, limit=80) == feed([text])

    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_what_came_before_a_larger_event_is_returned(self, size):
        parser = SseParser(80)
        text = self.EVENT * 2 + self.EVENT.replace(b"x", b"xx")
        seen = []
        with pytest.raises(TooLargeError):
            for start in (*range(0, len(text), size), len(text)):
                seen += parser.feed(text[start : start + size])
        assert seen == feed([self.EVENT * 2])

    def test_comments_do_not_count_as_an_event(self):
        heartbeat = b": heartbeat\n"
        assert feed([heartbeat[:5], heartbeat[5:]] * 200, limit=100) == []

    def test_one_huge_event_takes_linear_time_in_small_pieces(self):
        pieces = [b"x" * 1000] * 4000
        assert len(feed([b"data:", *pieces, b"\n\n"])[0][1]) == 4_000_000
