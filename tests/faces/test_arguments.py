"""Arguments are checked before any I/O: of streams, of calls, of clients."""

from __future__ import annotations

import math

import pytest

import flue
from flue import AbortSignal, AsyncFlueClient, BackoffOptions, FlueClient, Timeouts

from .frames import RUN, log, logs, offset, page, run_end
from .harness import on_both_faces

BOTH = pytest.mark.parametrize("client_class", [FlueClient, AsyncFlueClient])


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tail": 0}, ValueError, "tail must be >= 1"),
        ({"tail": -3}, ValueError, "tail must be >= 1"),
        ({"tail": True}, TypeError, "tail must be an int, not bool"),
        ({"tail": 2.0}, TypeError, "tail must be an int, not float"),
        ({"tail": "2"}, TypeError, "tail must be an int, not str"),
        ({"offset": ""}, ValueError, "offset must not be empty"),
        ({"offset": None}, TypeError, "offset must be str, not NoneType"),
        ({"offset": 7}, TypeError, "offset must be str, not int"),
        ({"offset": b"-1"}, TypeError, "offset must be str, not bytes"),
        ({"offset": "1 2"}, ValueError, "without white space"),
        ({"offset": "1\n"}, ValueError, "without white space"),
        ({"offset": "1\0"}, ValueError, "one token"),
        ({"signal": object()}, TypeError, "signal must be a flue.AbortSignal, not object"),
        ({"timeout": 0}, ValueError, "timeout must be a finite number of seconds > 0"),
        ({"timeout": -1.0}, ValueError, "timeout must be a finite number"),
        ({"timeout": math.inf}, ValueError, "timeout must be a finite number"),
        ({"timeout": math.nan}, ValueError, "timeout must be a finite number"),
        ({"timeout": True}, TypeError, "timeout must be a number of seconds, not bool"),
        ({"timeout": "5"}, TypeError, "timeout must be a number of seconds, not str"),
        ({"backoff_options": {"max_retries": 3}}, TypeError, "backoff_options must be BackoffOptions, not dict"),
    ],
)
@on_both_faces
def test_arguments_that_cannot_work(face, options, error, text):
    """Edge cases 13, 15. Every read checks alike, and nothing is asked."""
    calls = [face.stream, face.events]
    if not {"offset", "tail"} & set(options):
        calls.append(face.get)
    for call in calls:
        with pytest.raises(error, match=text):
            call(RUN, **options)
    assert face.targets == []


@pytest.mark.parametrize(
    ("live", "error"),
    [("", ValueError), ("true", ValueError), ("SSE", ValueError), (None, TypeError), (1, TypeError), (0, TypeError)],
)
@on_both_faces
def test_live_is_one_of_four(face, live, error):
    """Edge case 16."""
    with pytest.raises(error, match="live must be True, False, 'long-poll' or 'sse'"):
        face.stream(RUN, live=live)
    assert face.targets == []


@on_both_faces
def test_a_stream_asks_nothing_before_its_first_event(face):
    """Making a stream, looking at it and leaving it is no request."""
    stream = face.stream(RUN, offset=offset(3), tail=5, live="sse")
    assert (stream.offset, stream.up_to_date, stream.closed) == (offset(3), False, False)
    stream.close()
    assert stream.collect() == []
    assert face.targets == []


@on_both_faces
def test_no_tail_is_no_parameter(face):
    """Edge case 13. None is the same as nothing."""
    face.server.script(RUN, [page(run_end(0), next_offset=offset(0), closed=True)])
    face.stream(RUN, tail=None).collect()
    assert face.targets == ["/api/runs/run_1?offset=-1"]


@on_both_faces
def test_a_tail_behind_an_offset_has_no_effect(face):
    """Edge case 14. Flue counts a tail from the start only, so it is sent with offset `-1` only."""
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 6))
    assert [event.event_index for event in face.events(RUN, offset=offset(1), tail=1)] == [2, 3, 4, 5]
    assert [event.event_index for event in face.events(RUN, tail=2)] == [4, 5]
    assert [event.event_index for event in face.events(RUN, tail=10**30)] == [0, 1, 2, 3, 4, 5]
    assert face.targets == [
        f"/api/runs/run_1?offset={offset(1)}",
        "/api/runs/run_1?offset=-1&tail=2",
        f"/api/runs/run_1?offset=-1&tail={10**30}",
    ]


@on_both_faces
def test_a_tail_is_not_sent_again_once_a_page_has_been_read(face):
    """Edge case 14.

    Over pages of a capped history, the first request says it and the others go on from their offset.
    """
    face.server.create_run(run_id=RUN)
    face.server.append(RUN, *logs(0, 250))
    assert len(face.events(RUN, tail=150)) == 150
    assert face.targets == ["/api/runs/run_1?offset=-1&tail=150", f"/api/runs/run_1?offset={offset(199)}"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("abc", "abc"),
        ("0_1", "0_1"),
        ("a&b=c", "a%26b%3Dc"),
        ("z/?#+%", "z%2F%3F%23%2B%25"),
        ("é", "%C3%A9"),
        ("-1", "-1"),
        ("x" * 300, "x" * 300),
    ],
)
@on_both_faces
def test_offsets_are_opaque(face, given, sent):
    """Edge case 15. Encoded and sent; what they mean is the server's business."""
    face.server.script(RUN, [page(log(9), next_offset="whatever-9", closed=True)])
    stream = face.stream(RUN, offset=given)
    assert stream.next().event_index == 9
    assert stream.offset == "whatever-9"
    assert face.targets == [f"/api/runs/run_1?offset={sent}"]


@BOTH
@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (math.inf, ValueError),
        (math.nan, ValueError),
        (True, TypeError),
        ("90", TypeError),
        ((10, 90), TypeError),
    ],
)
def test_time_outs_of_a_client(client_class, timeout, error):
    """Never infinite, never by accident."""
    with pytest.raises(error, match="timeout must be"):
        client_class("http://flue.example", timeout=timeout)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_time_outs_are_finite(value):
    with pytest.raises(ValueError, match=r"timeout\.read must be a finite number"):
        Timeouts(read=value)
    with pytest.raises(ValueError, match=r"timeout\.connect must be a finite number"):
        Timeouts(connect=value)


def test_time_outs_have_defaults():
    assert Timeouts() == Timeouts(connect=10.0, read=90.0)


@BOTH
def test_the_environment_fills_in(client_class, monkeypatch):
    with pytest.raises(ValueError, match="base_url is missing: pass it, or set FLUE_BASE_URL"):
        client_class()
    monkeypatch.setenv("FLUE_BASE_URL", "https://flue.example/api/")
    assert repr(client_class()) == f"<{client_class.__name__} https://flue.example/api>"
    assert repr(client_class("https://other.example")) == f"<{client_class.__name__} https://other.example>"
    monkeypatch.setenv("FLUE_BASE_URL", "nonsense")
    with pytest.raises(ValueError, match="relative"):
        client_class()
    monkeypatch.setenv("FLUE_BASE_URL", "")
    with pytest.raises(ValueError, match="base_url is missing"):
        client_class()


@BOTH
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "1"])
def test_the_limit_of_an_event(client_class, value):
    error = ValueError if type(value) is int else TypeError
    with pytest.raises(error, match="max_event_bytes must be"):
        client_class("http://flue.example", max_event_bytes=value)


def test_each_face_takes_its_own_library():
    with pytest.raises(TypeError, match=r"session must be a requests\.Session, not object"):
        FlueClient("http://flue.example", session=object())
    with pytest.raises(TypeError, match=r"http_client must be an httpx\.AsyncClient, not object"):
        AsyncFlueClient("http://flue.example", http_client=object())


@pytest.mark.parametrize("seconds", [-1, math.inf, math.nan, True])
def test_a_signal_with_a_time_limit(seconds):
    with pytest.raises(ValueError, match="timeout must be a finite number of seconds >= 0"):
        AbortSignal.timeout(seconds)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"initial_delay": -1}, ValueError),
        ({"max_delay": math.inf}, ValueError),
        ({"multiplier": 0.5}, ValueError),
        ({"max_retries": -1}, ValueError),
        ({"max_retries": 1.5}, TypeError),
        ({"max_retries": True}, TypeError),
        ({"max_elapsed": math.nan}, ValueError),
        ({"max_elapsed": "60"}, TypeError),
        ({"on_failed_attempt": "print"}, TypeError),
    ],
)
def test_back_off_options_that_cannot_work(options, error):
    with pytest.raises(error, match=next(iter(options))):
        BackoffOptions(**options)


def test_back_off_options_have_the_values_of_the_reference_client():
    options = BackoffOptions()
    assert (options.initial_delay, options.max_delay, options.multiplier) == (0.1, 60.0, 1.3)
    assert (options.max_retries, options.max_elapsed, options.on_failed_attempt) == (None, None, None)


def test_unset_says_what_it_is():
    assert repr(flue.UNSET) == "UNSET"
