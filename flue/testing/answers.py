"""Answers as values, and the error envelopes of Flue 1.0 in its own words."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, TypeAlias

Headers: TypeAlias = list[tuple[str, str]]
Body: TypeAlias = bytes | AsyncGenerator[bytes, None] | None

SECURITY_HEADERS: Headers = [("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "cross-origin")]
JSON_TYPE = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers; how it is sent is somebody else's business.

    Attributes:
        status: Of the answer.
        headers: Without date, connection and framing, which the writer adds.
        body: The whole body, or its chunks as they come up, or `None` for an answer that has none (204).
    """

    status: int
    headers: Headers
    body: Body


def to_json(value: Any) -> bytes:
    """JSON as ``JSON.stringify`` writes it: no spaces, other scripts as they are, lone surrogates escaped.

    Raises:
        ValueError: NaN, an infinity or a cycle.
        TypeError: Something that JSON does not know.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def json_answer(value: Any, *, status: int = 200, headers: Headers | None = None) -> Answer:
    """An answer whose body is this value."""
    return Answer(status, [JSON_TYPE, *(headers or [])], to_json(value))


def error_answer(
    status: int, kind: str, message: str, details: str, *, headers: Headers | None = None, meta: Any = None
) -> Answer:
    """An answer with Flue's error envelope."""
    error: dict[str, Any] = {"type": kind, "message": message, "details": details}
    if meta is not None:
        error["meta"] = meta
    lowered = [(name.lower(), value) for name, value in SECURITY_HEADERS]
    return json_answer({"error": error}, status=status, headers=[*lowered, *(headers or [])])


def unauthorized() -> Answer:
    """401, as the middleware of an application answers: without Flue's own headers."""
    error = {"type": "unauthorized", "message": "Unauthorized", "details": "bad token"}
    return Answer(401, [("Content-Type", "application/json")], to_json({"error": error}))


def no_route() -> Answer:
    """404 of the router, for paths that no route matches: plain text."""
    return Answer(404, [("Content-Type", "text/plain; charset=UTF-8")], b"404 Not Found")


def invalid_request(reason: str) -> Answer:
    """400: the request makes no sense."""
    return error_answer(400, "invalid_request", "Request is malformed.", reason)


def method_not_allowed(method: str, *allowed: str) -> Answer:
    """405: the resource knows other methods only."""
    quoted = ", ".join(f'"{name}"' for name in allowed)
    return error_answer(
        405,
        "method_not_allowed",
        f"HTTP method {method} is not allowed on this endpoint.",
        f"This endpoint accepts {quoted} only.",
        headers=[("Allow", ", ".join(allowed))],
    )


def run_not_found(run_id: str) -> Answer:
    """404: no such run, or its workflow does not show its runs."""
    return error_answer(
        404,
        "run_not_found",
        f'Run "{run_id}" was not found.',
        "Verify the run id is correct and its history is still available.",
    )


def workflow_not_found(name: str) -> Answer:
    """404: no such workflow."""
    return error_answer(
        404, "workflow_not_found", f'Workflow "{name}" is not registered.', "Verify the workflow name is correct."
    )


def agent_not_found(name: str) -> Answer:
    """404: no such agent."""
    return error_answer(
        404, "agent_not_found", f'Agent "{name}" is not registered.', "Verify the agent name is correct."
    )


def stream_not_found(path: str) -> Answer:
    """404: the agent instance has not been spoken to yet."""
    return error_answer(
        404,
        "stream_not_found",
        f'Event stream "{path}" was not found.',
        "Streams are created when their agent instance receives its first prompt or their workflow run starts.",
    )


def unsupported_media_type(received: str | None) -> Answer:
    """415: a body that does not say it is JSON."""
    seen = f'Received Content-Type: "{received}".' if received else "No Content-Type header was sent."
    advice = (
        'Send the request body as JSON with the header "Content-Type: application/json", or omit the body '
        "entirely (and the Content-Type header) if the request doesn't have a payload."
    )
    return error_answer(
        415, "unsupported_media_type", "Request body must be sent as application/json.", f"{seen}\n{advice}"
    )


def invalid_json(problem: str) -> Answer:
    """400: a body that says it is JSON and is not."""
    return error_answer(
        400,
        "invalid_json",
        "Request body is not valid JSON.",
        f"The JSON parser reported: {problem}\n"
        "Verify the body is well-formed JSON, or omit the body entirely if the request doesn't have a payload.",
    )


def input_invalid(issues: list[dict[str, Any]]) -> Answer:
    """500: the input does not fit the schema of the workflow. Flue answers 500 here, not 4xx."""
    return error_answer(
        500,
        "action_input_validation",
        'Action "workflow" input does not match the required schema.',
        "",
        meta={"action": "workflow", "issues": issues},
    )


def input_unexpected() -> Answer:
    """500: input for a workflow that takes none."""
    return error_answer(500, "workflow_input_unexpected", "This workflow does not accept input.", "")


def event_version_unsupported(version: Any) -> Answer:
    """500: an event of another version than 3 lies in the stream."""
    shown = "undefined" if version is None else version if isinstance(version, str) else json.dumps(version)
    meta = {"supportedVersion": 3} if version is None else {"storedVersion": version, "supportedVersion": 3}
    return error_answer(
        500,
        "product_event_version_unsupported",
        f"Persisted product event version {shown} is unsupported.",
        "The persisted event cannot be read or replayed safely by this runtime.",
        meta=meta,
    )


def internal_error() -> Answer:
    """500: something failed, and the client is not told what."""
    return error_answer(
        500,
        "internal_error",
        "An internal error occurred.",
        "The server encountered an unexpected error while handling this request.",
    )
