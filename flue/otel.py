"""OpenTelemetry traces of what the clients do (extra `otel`).

After `flue.otel.instrument()` each run that is followed, and each single request (`get`, `invoke`, `prompt`, ...), is
one client span, a child of the span that was current when the call was made. A span lasts from the first request to
the end of the stream, of the iteration or of the time limit. Its events:

* `flue.attempt_failed`: a request failed; with the pause before the next, the kind of the error and the offset.
* `flue.reconnect`: a request after a failure, or after the server closed a connection of server-sent events.

Every request carries the context of its span in the headers of the propagator that is set up (`traceparent`), unless
the caller gave such a header. Attributes name the call, the server and the state of the read; they hold no header, no
query, no body and no text of an error.

Example:
    >>> from flue import otel
    >>> otel.instrument()  # once, where the process sets its tracing up
    >>> otel.uninstrument()
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

try:
    from opentelemetry import context, propagate, trace
    from opentelemetry.trace import SpanKind, StatusCode
except ImportError as missing:
    raise ImportError("flue.otel needs opentelemetry-api: pip install 'flue-sdk[otel]'") from missing

from flue._instrumentation import trace_calls
from flue.core import stream_state
from flue.errors import FlueApiError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from flue.core.actions import Request
    from flue.core.retry import FailedAttempt

__all__ = ["instrument", "uninstrument"]


def instrument(tracer_provider: TracerProvider | None = None) -> None:
    """Trace the calls of all clients of this process that are made from now on. Called again, it replaces the provider.

    Args:
        tracer_provider: Where spans come from; by default the global one.
    """
    tracer = trace.get_tracer("flue", tracer_provider=tracer_provider)
    trace_calls(lambda what: _CallTrace(tracer, what))


def uninstrument() -> None:
    """Trace no further calls; those that are under way are traced to their end."""
    trace_calls(None)


class _CallTrace:
    """The span of one call. It begins with the first request, so that a stream that is never read has none."""

    def __init__(self, tracer: Tracer, what: str) -> None:
        self._tracer = tracer
        self._what = what
        self._parent: Context = context.get_current()  # a reader's thread does not have it
        self._span: Span | None = None
        self._over = False
        self._requests = 0
        self._again = False  # the next request of the same kind is a reconnect
        self._reason = ""

    def request(self, request: Request, live: str | None, headers: dict[str, str]) -> None:
        if self._over:  # the caller has ended it, from another thread
            return
        query = parse_qs(urlsplit(request.url).query)
        if self._span is None:
            self._span = self._start(request, "offset" in query)
        self._requests += 1
        asked = query.get("live", [""])[0]
        if self._reason or (self._again and asked == "sse"):
            attributes = {"flue.reason": self._reason or "connection closed"}
            if "offset" in query:
                attributes["flue.offset"] = query["offset"][0]
            self._span.add_event("flue.reconnect", attributes)
        self._again, self._reason = asked == "sse", ""
        if live is not None:
            self._span.set_attribute("flue.live", live)
        if "traceparent" not in headers:
            carrier: dict[str, str] = {}
            propagate.inject(carrier, trace.set_span_in_context(self._span, self._parent))
            for name, value in carrier.items():
                headers.setdefault(name.lower(), value)

    def response(self, status: int) -> None:
        if self._span is not None:
            self._span.set_attribute("http.response.status_code", status)

    def failed(self, attempt: FailedAttempt) -> None:
        self._reason = type(attempt.error).__name__
        if self._span is None:
            return
        attributes: dict[str, str | int | float | bool] = {
            "flue.attempt": attempt.attempt,
            "flue.delay": attempt.delay,
            "flue.will_retry": attempt.will_retry,
            "error.type": self._reason,
        }
        if attempt.offset is not None:
            attributes["flue.offset"] = attempt.offset
        if isinstance(attempt.error, FlueApiError):
            attributes["http.response.status_code"] = attempt.error.status
        self._span.add_event("flue.attempt_failed", attributes)

    def ended(self, error: Exception | None, cause: str | None) -> None:
        span, self._over = self._span, True
        self._span = None
        if span is None:
            return
        span.set_attribute("flue.requests", self._requests)
        kind = type(error).__name__ if error is not None else "FlueTimeoutError" if cause == "expired" else None
        if kind is not None:
            span.set_attribute("error.type", kind)
            span.set_status(StatusCode.ERROR, kind)
        elif cause is not None:
            span.set_attribute("flue.ended_by", cause)
        span.end()

    def __del__(self) -> None:
        self.ended(None, None)  # a stream that was left to the collector

    def _start(self, request: Request, follows: bool) -> Span:
        _, host, port = stream_state.origin(request.url)
        kind = self._what.partition(" ")[0]
        attributes: dict[str, str | int] = {
            "flue.call": self._what,
            "http.request.method": request.method,
            "server.address": host,
            "server.port": port,
        }
        name = f"flue {'follow' if follows else request.method.lower()} {kind}"
        return self._tracer.start_span(name, context=self._parent, kind=SpanKind.CLIENT, attributes=attributes)
