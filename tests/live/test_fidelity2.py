"""`FlueTestServer` answers what a real Flue 2 answers, request by request."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from .fidelity import DIFFERENCES, Request, StandIn, Twins
from .flue2 import Talk
from .server import AUTHORIZED, JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import LiveServer

pytestmark = pytest.mark.live

CONVERSATION = "/api/agents/assistant/{conversation}"
FRESH = "/api/agents/assistant/fresh-{fresh}"
PNG = base64.b64encode(bytes(range(32))).decode()
PREPARATION: list[dict[str, Any]] = [
    {"body": "use the tool", "idempotencyKey": "fidelity-key"},
    {"body": "two tools"},
    {"body": "badtool"},
    {"body": "please fail"},
    {"body": "silent"},
    {"body": "look", "attachments": [{"type": "image", "data": PNG, "mimeType": "image/png", "filename": "p.png"}]},
]
"""What is said to the conversation before it is read, one turn after the other."""
ORIGIN = "0000000000000000_0000000000000000"
BEYOND = "0000000000000000_0000000000009999"


def user(body: str = "hi", **fields: Any) -> bytes:
    """The body of an admission."""
    return json.dumps({"kind": "user", "body": body, **fields}).encode()


def signal(**fields: Any) -> bytes:
    """The body of a signal."""
    return json.dumps({"kind": "signal", "type": "tick", "body": "12:00", **fields}).encode()


def reads() -> Iterator[Request]:
    """Reads of the prepared conversation."""
    for query in (
        *("", "?view=history", "?view=x", "?view=", "?view=history&view=history", "?x=1"),
        *("?view=history&offset=-1", "?view=history&tail=1", "?view=history&live=sse", "?view=history&cursor=1"),
        *("?offset=-1", "?view=updates", "?view=updates&offset=", "?view=updates&offset=zzz"),
        *("?view=updates&offset=now", "?view=updates&offset=-1&offset=-1", "?view=updates&offset=-1&tail=1"),
        *("?view=updates&offset=-1&live=", "?view=updates&offset=-1&live=true", "?view=updates&offset=-1&live=x"),
        *("?view=updates&offset=-1", f"?view=updates&offset={ORIGIN}", "?view=updates&offset={head}"),
        *("?view=updates&offset=-1&live=long-poll", "?view=updates&offset=-1&live=long-poll&cursor=x"),
        *(f"?view=updates&offset={BEYOND}", f"?view=updates&offset={BEYOND}&live=long-poll"),
        *(f"?view=updates&offset={BEYOND}&live=sse", "?view=updates&offset=-1&x=1", "?view=updates&offset=0_0"),
        *("?view=updates&offset=0_3", "?view=updates&offset=1_0", "?view=updates&offset=0_00000000000000000001"),
        f"?view=updates&offset={ORIGIN[:15]}1{ORIGIN[16:]}",
    ):
        yield Request("GET", f"{CONVERSATION}{query}")
    yield Request("HEAD", CONVERSATION)
    yield Request("HEAD", f"{CONVERSATION}?view=updates&offset=-1")
    yield Request("GET", f"{CONVERSATION}/attachments/{{attachment}}")
    yield Request("HEAD", f"{CONVERSATION}/attachments/{{attachment}}")
    yield Request("GET", f"{CONVERSATION}/attachments/att_nope")
    yield Request("POST", f"{CONVERSATION}/attachments/{{attachment}}")


def absent() -> Iterator[Request]:
    """Everything, asked of a conversation that does not exist."""
    updates = "?view=updates&offset=-1"
    for query in ("", updates, f"{updates}&live=long-poll", f"{updates}&live=sse"):
        yield Request("GET", f"{FRESH}{query}")
    yield Request("HEAD", FRESH)
    yield Request("GET", f"{FRESH}/attachments/att_nope")
    yield Request("POST", f"{FRESH}/abort")
    yield Request("POST", FRESH, user(uid="inst_nope"), JSON)
    yield Request("POST", FRESH, user(uid=""), JSON)


def routes() -> Iterator[Request]:
    """Methods and paths that are none, and requests without a token or with a wrong one."""
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS"):
        for path in ("", "/abort", "/attachments/att_nope"):
            yield Request(method, f"{CONVERSATION}{path}")
    for path in ("/", "/abort", "/abort/", "/nope", "/attachments", "/attachments/", "/attachments/a/b"):
        yield Request("GET", f"{CONVERSATION}{path}")
    agents = ("/agents/assistant", "/agents/assistant/", "/agents/assistant/%20", "/agents/nobody/x")
    for path in (f"/api{path}" for path in (*agents, "/runs/x")):
        yield Request("GET", path)
        yield Request("POST", path, user(), JSON)
    for headers in ((), (("authorization", "Bearer wrong"),), (("authorization", "Basic bWU6cHc="),)):
        yield Request("GET", CONVERSATION, headers=headers)


def admissions() -> Iterator[Request]:
    """Good ones and bad ones, each of a fresh conversation."""
    plain = (*AUTHORIZED, ("content-type", "text/plain"))
    yield from (
        Request("POST", FRESH, body, JSON)
        for body in (
            *(user(), user(""), user(uid=None), user(x=1), user("Ünïcödé ✓ 🎉"), user(idempotencyKey="k")),
            *(user(idempotencyKey=""), user(idempotencyKey="k" * 256), user(idempotencyKey="k" * 257), user(uid=7)),
            *(user(idempotencyKey=7), user(initialData={"a": 1}), user(uid="inst_nope", initialData={"a": 1})),
            *(signal(), signal(tagName="clock"), signal(tagName="not a name"), signal(attributes={"a": "1"})),
            *(signal(attributes={"a": 1}), signal(type=""), signal(type="user"), signal(attachments=[])),
            *(b"", b"{", b"null", b"[]", b"7", b'"hi"'),
            *(b'{"message":"hi"}', b'{"kind":"user"}', b'{"kind":"x","body":"y"}'),
            *(user(attachments={}), user(attachments=[{}]), user(attachments=[{"type": "image", "data": 1}])),
            *(user(attachments=[{"type": "file", "data": PNG, "mimeType": "image/png"}]), b'{"kind":"user","body":1}'),
            user(attachments=[{"type": "image", "data": PNG, "mimeType": "image/png"}]),
            user(attachments=[{"type": "image", "data": "not base64!", "mimeType": "image/png"}]),
        )
    )
    yield Request("POST", FRESH, None, JSON)
    yield Request("POST", FRESH, user(), plain)
    yield Request("POST", f"{FRESH}?wait=result", user(), JSON)
    yield Request("POST", f"{FRESH}?x=1", user(), JSON)
    seeded = "/api/agents/seeded/fresh-{fresh}"
    for fields in ({}, {"initialData": {"tier": "gold"}}, {"initialData": {"tier": 1}}, {"initialData": None}):
        yield Request("POST", seeded, user(**fields), JSON)


def admissions_again() -> Iterator[Request]:
    """To the prepared conversation: none of them changes it."""
    yield Request("POST", CONVERSATION, user("use the tool", idempotencyKey="fidelity-key"), JSON)
    yield Request("POST", CONVERSATION, user("other", idempotencyKey="fidelity-key"), JSON)
    yield Request("POST", CONVERSATION, user(uid=None), JSON)
    yield Request("POST", CONVERSATION, user(uid="inst_nope"), JSON)
    yield Request("POST", f"{CONVERSATION}/abort")


REQUESTS = [*reads(), *absent(), *routes(), *admissions(), *admissions_again()]


class Double2(StandIn):
    """With the agents of ``app2/``."""

    def __init__(self) -> None:
        super().__init__(flue_version=2)
        self.flue.add_agent("assistant", assistant)
        self.flue.add_agent("seeded", seeded, validate_initial_data=check_tier)


def assistant(turn: Any) -> str | None:
    """What `assistant.ts` does."""
    text = turn.message.body
    if "please fail" in text:
        raise RuntimeError("faux model refused: 400 invalid_request_error")
    if "silent" in text:
        turn.text("")
        return None
    if "badtool" in text:
        turn.reasoning("this will break")
        turn.tool("explode", {"why": "asked"}, error="boom from the tool")
    elif "two tools" in text:
        turn.text("Running both.")
        calls = [turn.tool("calculator", {"a": a, "b": a + 1}) for a in (1, 3)]
        for call, total in zip(calls, (3, 7), strict=True):
            call.succeed({"sum": total})
    elif "tool" in text:
        turn.reasoning("let me think about it carefully")
        turn.text("I will use the calculator.")
        turn.tool("calculator", {"a": 2, "b": 40}, output={"sum": 42})
    else:
        turn.reasoning("a short thought")
        files = [f'<image id="{one.id}" mimeType="{one.mime_type}" />' for one in turn.message.attachments]
        return f"You said: {text}" + ("\n\n<attachments>\n{}\n</attachments>".format("\n".join(files)) if files else "")
    return "The answer is 42. Ünïcödé ✓ 🎉"


def check_tier(value: Any) -> None:
    """The schema of the initial data, in the words of its library."""
    if not isinstance(value, dict):
        told = "undefined" if value is None else json.dumps(value)
        raise ValueError(f"Invalid type: Expected Object but received {told}")
    if not isinstance(value.get("tier"), str):
        raise ValueError(f"Invalid type: Expected string but received {json.dumps(value.get('tier'))}")


def seeded(turn: Any) -> str:
    """What `seeded.ts` does."""
    said = "gold" if turn.initial_data["tier"] == "gold" else "none"
    return f"system={said} said={turn.message.body}"


def prepare(server: LiveServer) -> dict[str, str]:
    """Have the conversation that the reads are of. What the requests leave open is returned by name."""
    talk = Talk(server)
    for fields in PREPARATION:
        talk.until("submission-settled", talk.send(**fields)["offset"])
    (part,) = [part for message in talk.history()["messages"] for part in message["parts"] if part["type"] == "file"]
    return {"conversation": talk.name, "head": talk.history()["offset"], "attachment": part["id"]}


KNOWN_DIFFERENCES = [
    *DIFFERENCES,
    # How many batches of text fell into the time.
    (r"\b0{16}_\d{16}\b", "OFFSET"),
    (r'"position":\{"batch":\d+,"index":\d+\}', '"position":0'),
    # Ids.
    (r"\b(sub_ik|sub|inst|conv|inc|entry|turn|att|err)_[\w-]+", r"\1_ID"),
    (r'"toolCallId":"[^"]*"', '"toolCallId":"CALL"'),
    (r"\bdirect\([\w-]+\)", "direct(SUB)"),
    (r"talk-[0-9a-f]{12}|fresh-[\w-]+", "NAME"),
    # The real server calls its agents by the names of their functions.
    (r"agents/[A-Z]\w*/", lambda found: found[0].lower()),
    # A validator in Python is not told whether null or nothing was sent.
    (r"but received (undefined|null)", "but received NOTHING"),
    # The application's own middleware refuses a token, not Flue.
    (r'\{"error":\{"type":"(unauthorized|forbidden)".*\}\}', r"\1"),
]
OWN_HEADERS = {"date", "stream-next-offset", "flue-error-ref", "content-length"}


def merged(body: str) -> str:
    """A page of chunks with adjacent deltas joined."""
    try:
        chunks = json.loads(body)
    except ValueError:
        return body
    if not isinstance(chunks, list):
        return body
    joined: list[Any] = []
    for chunk in chunks:
        last = joined[-1] if joined else {}
        same = all(last.get(key) == chunk.get(key) for key in ("type", "messageId", "kind"))
        if chunk.get("type") == "message-delta" and same:
            joined[-1] = {**last, "delta": last["delta"] + chunk["delta"]}
        else:
            joined.append(chunk)
    return json.dumps(joined, separators=(",", ":"), ensure_ascii=False)


@pytest.fixture(scope="module")
def twins(flue2: LiveServer) -> Iterator[Twins]:
    with Double2() as double:
        yield Twins((flue2, double), (prepare(flue2), prepare(double)), KNOWN_DIFFERENCES, OWN_HEADERS, merged)
        assert double.flue.problems == []


_numbers = itertools.count()


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_the_same_answer(twins: Twins, request_: Request) -> None:
    answers = []
    for status, headers, body in twins.ask(request_, fresh=str(next(_numbers))):
        # The application's own middleware refuses a token, with headers of its own.
        given = [] if status in {401, 403} else sorted((name.lower(), value) for name, value in headers)
        answers.append((status, given, body))
    real, double = answers
    assert double == real
