"""Checked arguments to requests, before any I/O."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest

from flue import UNSET, AbortSignal, BackoffOptions, Timeouts
from flue._requests import Deadline, build_get_run, build_invoke, build_run_stream, check_handler, is_run_end
from flue.config import resolve
from flue.core.actions import Fail, Open
from flue.errors import DurableStreamError, FlueConnectionError

SETTINGS = resolve("https://flue.test/api", "t", None, Timeouts(), None, allow_async=False)


def stream(run_id="run_1", **options):
    return build_run_stream(SETTINGS, run_id, **options)


def asked(spec):
    action = spec.machine.next_action(0.0)
    assert isinstance(action, Open)
    return action.request.url


def invoke(name="report", *, input=UNSET, wait=None, signal=None, timeout=None):
    return build_invoke(SETTINGS, name, input=input, wait=wait, signal=signal, timeout=timeout)


def get(run_id="run_1", *, signal=None, backoff_options=None, timeout=None):
    return build_get_run(SETTINGS, run_id, signal=signal, backoff_options=backoff_options, timeout=timeout)


class TestStream:
    def test_what_is_asked_first(self):
        base = "https://flue.test/api/runs/run_1"
        assert asked(stream()) == f"{base}?offset=-1"
        assert asked(stream(live="sse")) == f"{base}?live=sse&offset=-1"
        assert asked(stream(tail=5)) == f"{base}?offset=-1&tail=5"
        assert asked(stream(offset="0_3", tail=5)) == f"{base}?offset=0_3"
        assert asked(stream(offset="now", live="sse")) == f"{base}?offset=now"
        assert asked(stream("a/b?c")) == "https://flue.test/api/runs/a%2Fb%3Fc?offset=-1"

    @pytest.mark.parametrize(
        ("live", "waits"), [(True, "long-poll"), ("long-poll", "long-poll"), ("sse", "sse"), (False, None)]
    )
    def test_how_it_waits(self, live, waits):
        assert stream(live=live).machine.live == waits

    @pytest.mark.parametrize(
        ("error", "options"),
        [
            (ValueError, {"run_id": ""}),
            (TypeError, {"run_id": None}),
            (ValueError, {"offset": ""}),
            (TypeError, {"offset": None}),
            (ValueError, {"tail": 0}),
            (ValueError, {"tail": -3}),
            (TypeError, {"tail": True}),
            (TypeError, {"tail": 1.0}),
            (TypeError, {"tail": "5"}),
            (ValueError, {"live": "websocket"}),
            (ValueError, {"live": ""}),
            (TypeError, {"live": None}),
            (TypeError, {"live": 1}),
            (TypeError, {"live": 0}),
            (TypeError, {"signal": 1}),
            (TypeError, {"backoff_options": {"max_retries": 3}}),
            (ValueError, {"timeout": 0}),
            (ValueError, {"timeout": math.inf}),
            (TypeError, {"timeout": True}),
            (TypeError, {"timeout": "5"}),
            (TypeError, {"consumer": None}),
            (ValueError, {"consumer": ""}),
            (TypeError, {"checkpoint": 1}),
        ],
        ids=str,
    )
    def test_what_is_refused(self, error, options):
        with pytest.raises(error):
            stream(**options)

    def test_what_is_kept_for_the_face(self):
        signal = AbortSignal()
        spec = stream(signal=signal, timeout=5)
        assert (spec.signal, spec.timeout, spec.checkpointer) == (signal, 5.0, None)

    @pytest.mark.parametrize(
        ("event", "last", "ends"),
        [
            (("run_end", "run_1"), True, True),
            (("run_end", "run_1"), False, True),
            (("run_end", "run_2"), False, False),
            (("run_end", "run_2"), True, True),
            (("run_end", None), True, True),
            (("run_end", None), False, False),
            (("log", "run_1"), True, False),
        ],
    )
    def test_what_ends_it(self, event, last, ends):
        kind, run_id = event
        assert stream().events._is_terminal(SimpleNamespace(type=kind, run_id=run_id), last) is ends
        assert is_run_end("run_1")(SimpleNamespace(type=kind, run_id=run_id), last) is (event == ("run_end", "run_1"))


class TestGet:
    def test_what_is_refused(self):
        for error, options in [
            (ValueError, {"run_id": ".."}),
            (TypeError, {"run_id": b"x"}),
            (TypeError, {"signal": 1}),
            (TypeError, {"backoff_options": 3}),
            (ValueError, {"timeout": -1}),
        ]:
            with pytest.raises(error):
                get(**options)

    def test_the_clients_options_are_those_of_every_read(self):
        options = BackoffOptions(max_retries=0)
        ours = resolve("https://flue.test", None, None, None, None, options, allow_async=False)
        spec = build_get_run(ours, "run_1", signal=None, backoff_options=None, timeout=None)
        assert spec.options is options
        assert spec.budget.attempt_failed(0.0) is None
        machine = build_run_stream(ours, "run_1").machine
        machine.next_action(0.0)
        machine.connection_failed(FlueConnectionError("reset"), 0.0)
        assert isinstance(machine.next_action(0.0), Fail)

    def test_it_may_be_repeated(self):
        options = BackoffOptions(max_retries=3)
        spec = get(backoff_options=options)
        assert spec.budget is not None
        assert spec.options is options


class TestInvoke:
    def test_omitted_and_null(self):
        assert invoke().call.request.body is None
        assert invoke(input=None).call.request.body == b"null"
        assert json.loads(invoke(input={"a": [1]}).call.request.body) == {"a": [1]}
        assert repr(UNSET) == "UNSET"

    def test_it_is_sent_once(self):
        assert invoke().budget is None

    def test_a_result_may_take_as_long_as_the_caller_waits(self):
        assert invoke(timeout=300).call.request.read_timeout is None
        assert invoke(wait="result").call.request.read_timeout is None
        assert invoke(wait="result", timeout=300).call.request.read_timeout == 300.0
        assert invoke(wait="result", timeout=5).call.request.read_timeout == SETTINGS.timeouts.read

    def test_how_it_waits(self):
        assert invoke().call.request.url == "https://flue.test/api/workflows/report"
        assert invoke(wait="result").call.request.url == "https://flue.test/api/workflows/report?wait=result"
        for wrong in ("", "yes", True, False, 1, ["result"]):
            with pytest.raises(ValueError, match="wait must be None or 'result'"):
                invoke(wait=wrong)

    @pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"runId": 7}', b'"run_1"'])
    def test_what_cannot_be_an_answer(self, body):
        with pytest.raises(DurableStreamError, match="PARSE_ERROR: the response does not fit"):
            invoke().call.parse(body, SimpleNamespace(status=202))

    def test_what_is_no_json_is_refused(self):
        for input in (math.nan, math.inf, {"a": -math.inf}, {1, 2}, object()):
            with pytest.raises(ValueError):
                invoke(input=input)

    def test_a_circle_is_refused(self):
        circle = []
        circle.append(circle)
        with pytest.raises(ValueError):
            invoke(input=circle)

    @pytest.mark.parametrize(
        ("name", "error"), [("", ValueError), (".", ValueError), ("..", ValueError), (None, TypeError)]
    )
    def test_names_are_checked(self, name, error):
        with pytest.raises(error, match="name must"):
            invoke(name)


class TestDeadline:
    def test_none_is_no_limit(self):
        assert Deadline(None).remaining() is None

    def test_it_runs_down_and_leaves_a_moment(self):
        assert 59.0 < Deadline(60).remaining() <= 60.0
        assert Deadline(1e-9).remaining() == 0.001

    def test_it_is_checked(self):
        with pytest.raises(ValueError, match="timeout must be"):
            Deadline(0)


def test_a_handler_is_called_or_not_there():
    check_handler(SETTINGS, None)
    check_handler(SETTINGS, print)
    with pytest.raises(TypeError, match="on_event must be callable, not str"):
        check_handler(SETTINGS, "print")
