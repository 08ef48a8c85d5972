"""What an answer says about the stream, the way of the offset, and the pace of questions."""

from __future__ import annotations

import json

import pytest

from flue.core import stream_state
from flue.core.framing import DecodeError
from flue.core.stream_state import IdleBackoff, OffsetHistory, StreamState

from .script import Response, at, nothing, page


class TestFromHead:
    def test_a_page_says_it_in_headers(self):
        said = stream_state.from_head(page([1], at(1), up_to_date=True, cursor="c").head())
        assert said == StreamState(at(1), "c", up_to_date=True, closed=False)

    def test_what_is_not_said_is_not_so(self):
        assert stream_state.from_head(Response(200).head()) == StreamState(None, None, up_to_date=False, closed=False)

    def test_a_204_ends_a_long_poll_and_so_is_up_to_date(self):
        assert stream_state.from_head(nothing(None, up_to_date=False).head()) == StreamState(
            None, None, up_to_date=True, closed=False
        )

    def test_closed_is_up_to_date(self):
        assert stream_state.from_head(page([], at(3), closed=True).head()) == StreamState(
            at(3), None, up_to_date=True, closed=True
        )

    def test_a_repeated_header_is_no_offset(self):
        answer = Response(200, (("stream-next-offset", "a"), ("stream-next-offset", "b")))
        assert stream_state.from_head(answer.head()).offset == "a, b"

    def test_only_true_is_true(self):
        for value, so in {"true": True, "TRUE": True, "false": False, "1": False, "yes": False, "": False}.items():
            said = stream_state.from_head(Response(200, (("stream-closed", value),)).head())
            assert (said.closed, said.up_to_date) == (so, so)
            assert stream_state.from_head(Response(200, (("stream-up-to-date", value),)).head()).up_to_date is so


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

    @pytest.mark.parametrize("event", [{"received": True, "took": 0.0}, {"received": False, "took": 1.0}])
    def test_news_and_a_long_wait_begin_it_anew(self, event):
        pace = IdleBackoff()
        assert [pace.next_delay(received=False, took=0.5) for _ in range(3)][-1] > 0
        assert pace.next_delay(**event) == 0.0
        assert pace.next_delay(received=False, took=0.5) == 0.0
        assert pace.next_delay(received=False, took=0.5) == pytest.approx(0.1)
