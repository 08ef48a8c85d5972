"""Traces: a span for each call, what happened on the way as its events, and the context on every request."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, closing

import pytest
from faces.harness import face_on

from flue import BackoffOptions, FlueClient, FlueTimeoutError, NotFoundError, UnsupportedFlueEventVersionError
from flue.testing import Fault, FlueTestServer

pytest.importorskip("opentelemetry.sdk", reason="needs opentelemetry-sdk (group test)")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from flue import otel

SOON = BackoffOptions(initial_delay=0.001, max_delay=0.001, max_retries=3)
SECRET = "a-very-secret-token"


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(exporter))
    otel.instrument(made)
    yield made
    otel.uninstrument()
    made.shutdown()


@pytest.fixture
def server():
    with FlueTestServer(SECRET) as running:

        @running.workflow("greet")
        def greet(run):
            run.log("hello")
            return {"greeting": run.input["password"]}

        yield running
        assert running.problems == []


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def face(request, server, provider):
    with face_on(server, is_async=request.param, token=SECRET) as made:
        yield made


def greet(face):
    return face.run("greet", input={"password": SECRET})


def run_of(server, *messages, **fields):
    """A run of these log events that goes on."""
    run_id = server.create_run()
    for message in messages:
        server.append(run_id, {"type": "log", "level": "info", "message": message, **fields})
    return run_id


def finished_run(server):
    run_id = run_of(server, "one", "two", "three")
    server.finish_run(run_id)
    return run_id


def follow(face, run_id, *, count=None, client=None, **options):
    """Follow a run to its end, or for so many events, and leave the stream."""
    with closing(face.stream(run_id, client, **options)) as stream:
        return stream.collect(count)


def parent_sent(request):
    """The `traceparent` of a request, once at most."""
    (value,) = [value for name, value in request.headers if name.lower() == "traceparent"] or [None]
    return value


def events_of(span):
    return [(event.name, dict(event.attributes)) for event in span.events]


def test_a_run_is_a_span_for_its_start_and_one_for_following_it(face, server, exporter):
    greet(face)
    start, follow = exporter.get_finished_spans()
    assert (start.name, start.attributes["flue.call"]) == ("flue post workflow", "workflow greet")
    assert start.attributes["http.response.status_code"] == 202
    assert (follow.name, follow.attributes["flue.call"]) == ("flue follow run", f"run {server.run_ids[0]}")
    for span in (start, follow):
        assert span.kind is SpanKind.CLIENT
        assert span.status.status_code is StatusCode.UNSET
        assert span.attributes["server.address"] == "127.0.0.1"
        assert span.attributes["server.port"] == server.port
        assert span.events == ()


def test_the_current_span_is_the_parent_and_the_context_is_sent_along(face, server, exporter, provider):
    with provider.get_tracer("test").start_as_current_span("job") as job:
        greet(face)
    start, follow, _ = exporter.get_finished_spans()
    expected = {"POST": start, "GET": follow}
    for request in server.requests:
        span = expected[request.method]
        assert span.parent.span_id == job.get_span_context().span_id
        trace_id, span_id = format_trace_id(span.context.trace_id), format_span_id(span.context.span_id)
        assert parent_sent(request) == f"00-{trace_id}-{span_id}-{span.context.trace_flags:02x}"


def test_the_callers_own_trace_context_wins(face, server):
    run_id = finished_run(server)
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    follow(face, run_id, client=face.new_client(headers={"Traceparent": given}))
    assert {parent_sent(request) for request in server.requests} == {given}


def test_a_failure_and_the_reconnect_are_events(face, server, exporter):
    run_id = finished_run(server)
    server.faults.add(Fault(status=503), times=1)
    assert len(follow(face, run_id, backoff_options=SOON)) == 4
    (span,) = exporter.get_finished_spans()
    (failed, reconnect) = events_of(span)
    assert failed[0] == "flue.attempt_failed"
    assert 0 <= failed[1].pop("flue.delay") <= 0.001
    assert failed[1] == {
        "flue.attempt": 1,
        "flue.will_retry": True,
        "flue.offset": "-1",
        "error.type": "ServerError",
        "http.response.status_code": 503,
    }
    assert reconnect == ("flue.reconnect", {"flue.reason": "ServerError", "flue.offset": "-1"})
    assert span.attributes["flue.requests"] == len(server.requests)
    assert span.status.status_code is StatusCode.UNSET


def test_events_that_a_server_ends_and_the_client_asks_for_again(face, server, exporter):
    run_id = run_of(server, "hello")
    server.faults.add(Fault(cut_after=2000, end="clean"), live="sse", times=1)
    for number in range(20):
        server.append(run_id, {"type": "log", "level": "info", "message": f"line {number}"})
    server.finish_run(run_id)
    assert len(follow(face, run_id, live="sse", backoff_options=SOON)) == 22
    (span,) = exporter.get_finished_spans()
    assert events_of(span) == [("flue.reconnect", {"flue.reason": "connection closed", "flue.offset": "-1"})]
    assert span.attributes["flue.live"] == "sse"
    assert span.attributes["flue.requests"] == 2


def test_an_error_is_the_status_of_the_span(face, exporter):
    with pytest.raises(NotFoundError):
        face.get("run_nowhere")
    (span,) = exporter.get_finished_spans()
    assert span.name == "flue get run"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "NotFoundError")
    assert span.attributes["error.type"] == "NotFoundError"
    assert events_of(span)[0][1]["flue.will_retry"] is False


def test_an_event_that_cannot_be_decoded_is_an_error(face, server, exporter):
    run_id = run_of(server, "of another time", v=4)
    with pytest.raises(UnsupportedFlueEventVersionError):
        follow(face, run_id)
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "UnsupportedFlueEventVersionError")


def test_so_is_it_where_nothing_but_a_loop_is_around_the_stream(server, provider, exporter):
    run_id = run_of(server, "of another time", v=4)
    with FlueClient(server.base_url, token=SECRET) as client, pytest.raises(UnsupportedFlueEventVersionError):
        list(client.runs.stream(run_id))
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "UnsupportedFlueEventVersionError")


def test_the_consumers_own_error_is_one_of_the_span(face, server, exporter):
    """The kind of it, and nothing else: its text may be anything."""
    stream = face.stream(finished_run(server))
    leave = stream.__aexit__ if face.is_async else stream.__exit__
    with pytest.raises(ValueError, match=SECRET), ExitStack() as block:
        block.push(lambda *error: face.wait(leave, *error))
        stream.next()
        int(SECRET)
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert span.attributes["error.type"] == "ValueError"
    assert SECRET not in span.to_json()


def test_a_callback_that_fails_is_an_error_of_the_span(face, server, exporter):
    server.faults.add(Fault(status=503), times=1)
    with pytest.raises(ZeroDivisionError):
        face.get("run_1", backoff_options=BackoffOptions(on_failed_attempt=lambda attempt: 1 / 0))
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ZeroDivisionError")


def test_leaving_a_stream_ends_its_span(face, server, exporter):
    run_id = run_of(server, "hello")
    assert len(follow(face, run_id, count=1)) == 1
    (span,) = exporter.get_finished_spans()
    assert span.attributes["flue.ended_by"] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


def test_a_time_limit_is_an_error(face, server, exporter):
    run_id = server.create_run()
    with pytest.raises(FlueTimeoutError):
        follow(face, run_id, timeout=0.2)
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "FlueTimeoutError")


def test_a_stream_that_is_never_read_has_no_span(server, provider, exporter):
    with FlueClient(server.base_url) as client:
        client.runs.stream("run_1").close()
    assert exporter.get_finished_spans() == ()


def test_the_runs_of_one_loop_have_the_callers_span_as_parent(server, provider, exporter):
    run_ids = [finished_run(server) for _ in range(3)]
    with (
        FlueClient(server.base_url, token=SECRET) as client,
        provider.get_tracer("test").start_as_current_span("job") as job,
        client.runs.stream_many(run_ids) as many,
    ):
        assert len(list(many)) == 12
    spans = [span for span in exporter.get_finished_spans() if span.name == "flue follow run"]
    assert {span.attributes["flue.call"] for span in spans} == {f"run {run_id}" for run_id in run_ids}
    assert {span.parent.span_id for span in spans} == {job.get_span_context().span_id}


def test_no_secret_is_in_a_span(face, server, exporter):
    server.faults.add(Fault(status=500, body=SECRET.encode()), method="GET", times=1)
    greet(face)
    assert len(exporter.get_finished_spans()) == 2
    assert not [span for span in exporter.get_finished_spans() if SECRET in span.to_json()]


def test_after_uninstrument_nothing_is_traced_or_sent(face, server, exporter):
    otel.uninstrument()
    follow(face, finished_run(server))
    assert exporter.get_finished_spans() == ()
    assert {parent_sent(request) for request in server.requests} == {None}


def test_without_instrument_nothing_is_imported():
    script = (
        "import flue, sys; flue.FlueClient; flue.AsyncFlueClient; "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
