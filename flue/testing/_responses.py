"""The error responses of Flue in its own words, and the checks of bodies and parameters that routes share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flue.testing._http import Response
from flue.testing._store import UNSET, to_json

if TYPE_CHECKING:
    from flue.testing._http import Headers, RecordedRequest

SECURITY_HEADERS: Headers = [("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "cross-origin")]
JSON_TYPE = ("content-type", "application/json")
NO_STORE = ("cache-control", "no-store")


def json_response(value: Any, *, status: int = 200, headers: Headers | None = None) -> Response:
    """A response whose body is this value."""
    return Response(status, [JSON_TYPE, *(headers or [])], to_json(value))


def error_response(
    status: int, kind: str, message: str, details: str, *, headers: Headers | None = None, meta: Any = None
) -> Response:
    """A response with Flue's error envelope."""
    error: dict[str, Any] = {"type": kind, "message": message, "details": details}
    if meta is not None:
        error["meta"] = meta
    lowered = [(name.lower(), value) for name, value in SECURITY_HEADERS]
    return json_response({"error": error}, status=status, headers=[*lowered, *(headers or [])])


def unauthorized() -> Response:
    """401 of the middleware of an application: without Flue's own headers."""
    error = {"type": "unauthorized", "message": "Unauthorized", "details": "bad token"}
    return Response(401, [("Content-Type", "application/json")], to_json({"error": error}))


def no_route() -> Response:
    """404 of the router, for paths that no route matches: plain text."""
    return Response(404, [("Content-Type", "text/plain; charset=UTF-8")], b"404 Not Found")


def invalid_request(reason: str) -> Response:
    """400: the request makes no sense."""
    return error_response(400, "invalid_request", "Request is malformed.", reason)


def method_not_allowed(method: str, *allowed: str) -> Response:
    """405: the resource knows other methods only."""
    quoted = ", ".join(f'"{name}"' for name in allowed)
    return error_response(
        405,
        "method_not_allowed",
        f"HTTP method {method} is not allowed on this endpoint.",
        f"This endpoint accepts {quoted} only.",
        headers=[("Allow", ", ".join(allowed))],
    )


def run_not_found(run_id: str) -> Response:
    """404: no such run, or its workflow does not show its runs."""
    return error_response(
        404,
        "run_not_found",
        f'Run "{run_id}" was not found.',
        "Verify the run id is correct and its history is still available.",
    )


def workflow_not_found(name: str) -> Response:
    """404: no such workflow."""
    return error_response(
        404, "workflow_not_found", f'Workflow "{name}" is not registered.', "Verify the workflow name is correct."
    )


def agent_not_found(name: str) -> Response:
    """404: no such agent."""
    return error_response(
        404, "agent_not_found", f'Agent "{name}" is not registered.', "Verify the agent name is correct."
    )


def stream_not_found(path: str) -> Response:
    """404: the agent instance has not been spoken to yet."""
    return error_response(
        404,
        "stream_not_found",
        f'Event stream "{path}" was not found.',
        "Streams are created when their agent instance receives its first prompt or their workflow run starts.",
    )


def unsupported_media_type(received: str | None) -> Response:
    """415: a body that does not say it is JSON."""
    seen = f'Received Content-Type: "{received}".' if received else "No Content-Type header was sent."
    advice = (
        'Send the request body as JSON with the header "Content-Type: application/json", or omit the body '
        "entirely (and the Content-Type header) if the request doesn't have a payload."
    )
    return error_response(
        415, "unsupported_media_type", "Request body must be sent as application/json.", f"{seen}\n{advice}"
    )


def invalid_json(problem: str) -> Response:
    """400: a body that says it is JSON and is not."""
    return error_response(
        400,
        "invalid_json",
        "Request body is not valid JSON.",
        f"The JSON parser reported: {problem}\n"
        "Verify the body is well-formed JSON, or omit the body entirely if the request doesn't have a payload.",
    )


def input_invalid(issues: list[dict[str, Any]]) -> Response:
    """500: the input does not fit the schema of the workflow. Flue answers 500 here, not 4xx."""
    return error_response(
        500,
        "action_input_validation",
        'Action "workflow" input does not match the required schema.',
        "",
        meta={"action": "workflow", "issues": issues},
    )


def input_unexpected() -> Response:
    """500: input for a workflow that takes none."""
    return error_response(500, "workflow_input_unexpected", "This workflow does not accept input.", "")


def event_version_unsupported(version: Any) -> Response:
    """500: an event of another version than 3 lies in the stream."""
    shown = "undefined" if version is None else version if isinstance(version, str) else json.dumps(version)
    meta = {"supportedVersion": 3} if version is None else {"storedVersion": version, "supportedVersion": 3}
    return error_response(
        500,
        "product_event_version_unsupported",
        f"Persisted product event version {shown} is unsupported.",
        "The persisted event cannot be read or replayed safely by this runtime.",
        meta=meta,
    )


def internal_error() -> Response:
    """500: something failed, and the client is not told what."""
    return error_response(
        500,
        "internal_error",
        "An internal error occurred.",
        "The server encountered an unexpected error while handling this request.",
    )


def validate_wait(request: RecordedRequest) -> Response | None:
    """The response to a ``wait`` that is not ``result``, or `None`."""
    waits = request.all("wait")
    if waits in ([], ["result"]):
        return None
    shown = "Array" if len(waits) > 1 else json.dumps(waits[0], ensure_ascii=False)
    return invalid_request(f'Invalid query parameters: wait: Invalid type: Expected "result" but received {shown}')


def parse_body(request: RecordedRequest) -> Any:
    """The JSON body, `UNSET` when there is none, or the response that refuses it."""
    length, content_type = request.header("content-length"), request.header("content-type")
    if length is not None and int(length) == 0:
        return UNSET
    if length is None and content_type is None:
        return UNSET
    if content_type is None or "application/json" not in content_type.lower():
        return unsupported_media_type(content_type)
    text = request.body.decode("utf-8-sig", "replace")
    if not text.strip():
        return UNSET
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return invalid_json(str(error))


def _no_constant(name: str) -> None:
    msg = f"Unexpected token {name}"
    raise ValueError(msg)
