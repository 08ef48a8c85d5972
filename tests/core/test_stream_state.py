"""What a response says about the stream: headers, offsets, URLs, origins; the way of the offset, and pauses."""

from __future__ import annotations

import copy
import json
import pickle
from urllib.parse import parse_qs, urlsplit

import pytest

from flue.core import stream_state
from flue.core.framing import DecodeError
from flue.core.stream_state import IdleBackoff, OffsetHistory, StreamState

from .script import Response, at, nothing, page

EIGHT = 1_800_000_000.0
"""Fri, 15 Jan 2027 08:00:00 GMT"""


def headers(**values: str) -> stream_state.Headers:
    return stream_state.Headers((name.replace("_", "-"), value) for name, value in values.items())


class TestHeaders:
    def test_names_are_case_insensitive(self):
        got = stream_state.Headers([("Stream-Next-Offset", "a"), ("ETag", "x")])
        assert got["STREAM-NEXT-OFFSET"] == got.get("stream-next-offset") == "a"
        assert list(got) == ["stream-next-offset", "etag"]
        assert len(got) == 2
        assert "etag" in got
        assert got.get("absent") is None
        assert repr(got) == "Headers({'stream-next-offset': 'a', 'etag': 'x'})"

    def test_repeated_headers_are_joined(self):
        got = stream_state.Headers([("Stream-Next-Offset", "a"), ("stream-next-offset", "b")])
        assert got["stream-next-offset"] == "a, b"
        assert not stream_state.is_valid_offset(got["stream-next-offset"])

    def test_cookies_are_left_out(self):
        assert dict(stream_state.Headers([("Set-Cookie", "s=1"), ("set-cookie", "t=2"), ("Date", "x")])) == {
            "date": "x"
        }

    def test_they_copy_and_pickle_with_their_error(self):
        got = headers(etag="x")
        assert dict(pickle.loads(pickle.dumps(got))) == dict(copy.deepcopy(got)) == {"etag": "x"}

    def test_a_flag_is_true_in_any_case_and_nothing_else(self):
        for value in ("true", "TRUE", "True", " true "):
            assert headers(Stream_Closed=value).flag(stream_state.CLOSED), value
        for value in ("false", "1", "yes", "", "truee", "true, true"):
            assert not headers(Stream_Closed=value).flag(stream_state.CLOSED), value
        assert not headers().flag(stream_state.CLOSED)


class TestSegment:
    def test_it_is_encoded_as_javascript_does(self):
        for value, encoded in {
            "run_01M83TZN14DGXVVJ3MAMTKWXNP": "run_01M83TZN14DGXVVJ3MAMTKWXNP",
            "a/b": "a%2Fb",
            "%2F": "%252F",
            "a b?c#d;e+f&g\"h'i": "a%20b%3Fc%23d%3Be%2Bf%26g%22h'i",
            "-_.!~*'()": "-_.!~*'()",
            "Größe": "Gr%C3%B6%C3%9Fe",
            "🎉": "%F0%9F%8E%89",
            "a\0\x1fb": "a%00%1Fb",
            "...": "...",
        }.items():
            assert stream_state.quote_path_segment(value, "run_id") == encoded

    @pytest.mark.parametrize(
        ("value", "why"), [("", "not be ''"), (".", "not be"), ("..", "not be"), ("a\ud83d", "a lone surrogate")]
    )
    def test_what_no_encoding_keeps_inside_its_segment_is_refused(self, value, why):
        with pytest.raises(ValueError, match=f"run_id .*{why}"):
            stream_state.quote_path_segment(value, "run_id")

    def test_only_str_is_taken(self):
        for value in (7, b"run", None, ["run"]):
            with pytest.raises(TypeError, match="run_id must be str, not"):
                stream_state.quote_path_segment(value, "run_id")


class TestOffsets:
    def test_a_callers_offset_is_one_opaque_token(self):
        for value in ("-1", "now", "0_5", "AbC-._~", "a,b", "größe"):
            assert stream_state.check_offset(value) == value
        for value in ("", " ", "a b", "a\n", "\t", "a\0", "a\u2028b", "\ud83d", "\x7f"):
            with pytest.raises(ValueError, match="offset must"):
                stream_state.check_offset(value)

    def test_a_callers_offset_is_str(self):
        for value in (-1, None, b"-1", True):
            with pytest.raises(TypeError, match="offset must be str"):
                stream_state.check_offset(value)

    def test_a_servers_offset_is_one_that_can_be_sent_back(self):
        for value in ("-1", "0000000000000000_0000000000000006", "opaque~token", "Z"):
            assert stream_state.is_valid_offset(value), value
        for value in ("", "a, b", "a,b", "a b", "a&b", "a=b", "a?b", "a/b", "größe", "a\x7f", "now"):
            assert not stream_state.is_valid_offset(value), value
        for character in map(chr, range(256)):
            usable = character.isascii() and character.isprintable() and character not in " ,&=?/"
            assert stream_state.is_valid_offset(f"a{character}b") is usable, character

    @pytest.mark.parametrize(
        ("old", "new", "back", "on"),
        [
            ("0_5", "0_4", True, False),
            ("0_5", "0_5", False, False),
            ("0_5", "0_6", False, True),
            (f"0_{9:016}", f"0_{10:016}", False, True),
            (f"0_{10:016}", f"0_{9:016}", True, False),
            ("0_9", "0_10", False, False),  # as numbers, not as text
            (f"0_{10:016}", "0_9", True, False),
            ("1_23", "12_3", False, False),  # forward, which the quick answer does not know
            ("12_3", "1_23", True, False),  # backward, though greater as a text
            ("-1", "0_0", False, False),
            ("0_0", "-1", True, False),
            ("aa", "zz", False, False),  # opaque
            ("zz", "0_1", False, False),
            ("0_1", "aa", False, False),
            ("zz", "-1", True, False),
            ("-1", "-1", False, False),
            ("now", "-1", False, False),  # an empty stream has nothing before its end
            ("\u0661_5", "0_4", False, False),  # digits, but not Flue's
        ],
    )
    def test_which_way_an_offset_goes(self, old, new, back, on):
        """Whether it is certainly a step forward is the quick answer; the slow one agrees with it."""
        assert stream_state.is_before(old, new) is back
        assert stream_state.is_after(old, new) is on


class TestReadUrl:
    def test_parameters_come_in_lexicographic_order(self):
        url = stream_state.read_url("https://h/runs/r", offset="0_1", tail=5, live="sse", cursor="c")
        assert url == "https://h/runs/r?cursor=c&live=sse&offset=0_1&tail=5"
        assert stream_state.read_url("https://h/runs/r", offset="-1") == "https://h/runs/r?offset=-1"

    def test_tokens_arrive_as_they_are(self):
        for token in ("a&b=c", "a+b", "a b", "größe", "a%2Fb", "a/b?c#d"):
            url = stream_state.read_url("https://h/runs/r", offset=token, live="long-poll", cursor=token)
            assert parse_qs(urlsplit(url).query) == {"cursor": [token], "live": ["long-poll"], "offset": [token]}
            assert "+" not in url


class TestRedirects:
    def test_origin(self):
        for url, expected in {
            "https://h/a": ("https", "h", 443),
            "HTTPS://H:443/a": ("https", "h", 443),
            "http://h": ("http", "h", 80),
            "http://h:8080/x": ("http", "h", 8080),
            "http://h:0": ("http", "h", 0),  # another one than that of http://h
            "http://[::1]:3583/x": ("http", "::1", 3583),
            "nonsense": ("", "", 80),
        }.items():
            assert stream_state.origin(url) == expected

    def test_the_same_origin_is_followed(self):
        for location, target in {
            "/b?x=1": "https://h:443/b?x=1",
            "b": "https://h:443/runs/b",
            "?y=2": "https://h:443/runs/r?y=2",
            "https://h/b": "https://h/b",
            "https://H/b#part": "https://H/b",
            "//h/b": "https://h/b",
            "/a\tb": "https://h:443/ab",  # as browsers read it
            "https://h/x/../../c/./d": "https://h/c/d",
            "https://h/a/b/..": "https://h/a/",
            "https://h": "https://h/",
            "https://h?x=1": "https://h/?x=1",
            "/a/../%2f%zz|\\?q=[%c3]": "https://h:443/%2F%25zz%7C%5C?q=%5B%C3%5D",  # one spelling for both libraries
        }.items():
            assert stream_state.redirect_target("https://h:443/runs/r?offset=-1", location) == target

    @pytest.mark.parametrize(
        "location",
        [
            *(None, "", "/a b", "/größe", "file:///etc/passwd"),
            *("https://evil/b", "http://h/b", "https://h:8443/b", "//evil/b"),
            *("https://user:pw@h/b", "https://h@evil/b", "https://[::1/b", "https://h:99999/b"),
        ],
    )
    def test_nothing_else_is(self, location):
        assert stream_state.redirect_target("https://h/runs/r", location) is None


class TestMedia:
    def test_types(self):
        for value, media, is_json in (
            ("application/json", "application/json", True),
            ("Application/JSON; charset=utf-8", "application/json", True),
            ("application/problem+json", "application/problem+json", True),
            ("text/json", "text/json", True),
            ("text/html; charset=utf-8", "text/html", False),
            ("text/event-stream", "text/event-stream", False),
            ("application/jsonp", "application/jsonp", False),
            (None, "", True),  # given the benefit of the doubt
        ):
            given = headers() if value is None else headers(content_type=value)
            assert stream_state.media_type(given) == media
            assert stream_state.is_json(media) is is_json, media


@pytest.mark.parametrize(
    ("values", "known", "known_of_http2"),
    [
        ({"content_length": "3"}, True, True),
        ({"transfer_encoding": "Chunked"}, True, True),
        ({}, False, True),
        ({"content_length": "3", "content_encoding": "gzip"}, False, False),
        ({"transfer_encoding": "chunked", "content_encoding": "br"}, False, False),
        ({"content_length": "3", "content_encoding": "Identity"}, True, True),
        ({"content_length": "3", "content_encoding": ""}, True, True),
    ],
)
def test_whether_the_end_of_a_body_is_known(values, known, known_of_http2):
    assert stream_state.body_length_known(headers(**values)) is known
    assert stream_state.body_length_known(headers(**values), http2=True) is known_of_http2


class TestRetryAfter:
    def test_seconds_and_dates(self):
        for value, seconds in {
            "2": 2.0,
            "0": 0.0,
            "1.5": 1.5,
            " 7 ": 7.0,
            "3600": 3600.0,
            "3601": 3600.0,
            "9" * 400: 3600.0,
            "Fri, 15 Jan 2027 08:01:30 GMT": 90.0,
            "Fri, 15 Jan 2027 09:01:30 +0100": 90.0,
            "Fri, 15 Jan 2027 08:01:30": 90.0,  # no zone: GMT, as HTTP has it
            "Fri, 15 Jan 2027 07:00:00 GMT": 0.0,
            "Wed, 01 Jan 2070 00:00:00 GMT": 3600.0,
            "Friday, 15-Jan-27 08:01:30 GMT": 90.0,
        }.items():
            assert stream_state.retry_after(headers(retry_after=value), EIGHT) == seconds, value

    def test_nonsense_is_nothing(self):
        numbers = ("-1", "inf", "nan", "1e3", "0x10", "1,5", "٣", "2, 3", "1 s")
        for value in ("", "soon", "Fri, 99 Jan 2027 08:00:00 GMT", *numbers):
            assert stream_state.retry_after(headers(retry_after=value), EIGHT) == 0.0, value
        assert stream_state.retry_after(headers(), EIGHT) == 0.0


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (page([1], at(1), up_to_date=True, cursor="c"), StreamState(at(1), "c", up_to_date=True, closed=False)),
        (Response(200), StreamState(None, None, up_to_date=False, closed=False)),
        (nothing(None, up_to_date=False), StreamState(None, None, up_to_date=True, closed=False)),
        (page([], at(3), closed=True), StreamState(at(3), None, up_to_date=True, closed=True)),
    ],
    ids=["a page", "nothing said", "a 204 ends a long poll", "closed"],
)
def test_a_page_says_it_in_headers(response, said):
    assert stream_state.from_head(response.head()) == said


class TestFromControl:
    @pytest.mark.parametrize(
        ("control", "said"),
        [
            ({"streamNextOffset": "0_1"}, StreamState("0_1", None, up_to_date=False, closed=False)),
            ({"streamNextOffset": "-1", "upToDate": True}, StreamState("-1", None, up_to_date=True, closed=False)),
            (
                {"streamNextOffset": "a", "streamCursor": "c", "streamClosed": True},
                StreamState("a", "c", up_to_date=True, closed=True),
            ),
            (
                {"streamNextOffset": "a", "new": {"key": 1}, "upToDate": False},
                StreamState("a", None, up_to_date=False, closed=False),
            ),
            ({"streamNextOffset": 7, "streamCursor": 7}, StreamState(None, None, up_to_date=False, closed=False)),
            (
                {"streamNextOffset": "a", "upToDate": "true", "streamClosed": 1},
                StreamState("a", None, up_to_date=False, closed=False),
            ),
            ({}, StreamState(None, None, up_to_date=False, closed=False)),
        ],
    )
    def test_a_control_event_says_it_in_json(self, control, said):
        assert stream_state.from_control(json.dumps(control).encode()) == said

    def test_it_is_read_as_javascript_reads_it(self):
        for payload in (b'\xef\xbb\xbf{"streamNextOffset": "a"}', b'{"streamNextOffset": "a", "x": "\\ud83d\xff"}'):
            assert stream_state.from_control(payload).offset == "a"

    @pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b'"a"', b"{'a': 1}"])
    def test_nothing_else_will_do(self, payload):
        with pytest.raises(DecodeError):
            stream_state.from_control(payload)


class TestOffsetHistory:
    def test_forward(self):
        course = OffsetHistory()
        for count in range(100):
            assert not course.is_backward(at(count), at(count + 1))
            course.add(at(count))
        assert course.is_backward(at(100), at(99))
        assert course.is_backward(at(100), at(3))
        assert course.is_backward(at(100), "-1")

    def test_an_opaque_offset_that_comes_again(self):
        course = OffsetHistory()
        course.add("xx")
        course.add("bb")
        assert not course.is_backward("aa", "Aa")
        assert course.is_backward("aa", "xx")

    def test_it_remembers_a_bounded_number(self):
        course = OffsetHistory()
        for index in range(65):
            course.add(f"o{index}")
        assert not course.is_backward("zz", "o0")
        assert course.is_backward("zz", "o1")


class TestIdleBackoff:
    def test_pauses_grow_to_two_seconds(self):
        pace = IdleBackoff()
        pauses = [pace.next_delay(received=False, took=0.0) for _ in range(20)]
        assert pauses[:6] == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.8, 1.6])
        assert set(pauses[6:]) == {2.0}
        for news in ({"received": True, "took": 0.0}, {"received": False, "took": 1.0}):  # it begins anew
            delays = [pace.next_delay(**news), *(pace.next_delay(received=False, took=0.5) for _ in range(2))]
            assert delays == pytest.approx([0.0, 0.0, 0.1])
