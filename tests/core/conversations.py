"""A conversation as a server keeps it: the chunks that led there, what they add up to, and the answers to requests."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from dataclasses import replace
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from flue.codec import ConversationChunkDecoder, decode
from flue.core.conversation_protocol import ConversationProtocol, ObservationProtocol, history_request
from flue.models import ConversationSnapshot
from flue.testing import FlueTestServer

from .driver import Player
from .script import REFUSED, RESET, Response, at, control_frame, count_at, data_frame, events, page, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flue.core.actions import Request
    from flue.errors import FlueConnectionError

    from .driver import Server as Serve

RECORDINGS = Path(__file__).parents[1] / "recordings" / "flue2"
URL = "https://flue.test/api/agents/support/ticket-42"
ID = "conv_1"
LONG_POLL = 30.0
act = methodcaller
"""What is going to happen to a `Conversation`: `act("say", "hello")`."""
CONTENT_ACTS: list[Callable[[Conversation], object]] = [
    act("say", "a"),
    act("say", "b", "c", kind="reasoning"),
    lambda talk: talk.data("d", len(talk.batches)),
    lambda talk: talk.user("x", f"sub_x{len(talk.batches)}"),
    act("reset"),
    act("retract"),
]
"""What changes messages, or takes them back."""


def recorded_json(name: str) -> Any:
    """The JSON body of a recording."""
    return json.loads((RECORDINGS / f"{name}.http").read_bytes().partition(b"\r\n\r\n")[2])


def recorded_events(name: str) -> list[Any]:
    """The items of all data events of a recording."""
    text = (RECORDINGS / f"{name}.http").read_bytes()
    return [item for frame in re.findall(rb"^data:(\[.*\])\r?$", text, re.MULTILINE) for item in json.loads(frame)]


def recorded_response(name: str) -> Response:
    """A recording as the response that a machine reads."""
    head, _, body = (RECORDINGS / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return Response(int(status.split()[1]), headers, (body,) if body else ())


def snapshot(value: Any) -> ConversationSnapshot:
    return decode(ConversationSnapshot, value)


def text_message(id: str, text: str, submission: str = "sub_1", role: str = "user") -> dict[str, Any]:
    return {
        "id": id,
        "role": role,
        "purpose": role,
        "display": "visible",
        "submissionId": submission,
        "parts": [{"type": "text", "text": text, "state": "done"}],
    }


class Conversation:
    """What happens to one conversation; a test server that does not run says what it adds up to."""

    def __init__(self, incarnation: str | None = "inc_1") -> None:
        self.incarnation = incarnation
        self._server = FlueTestServer(flue_version=2)
        self._server.add_agent("support", lambda turn: None)
        self._server.create_conversation("support", "ticket-42")
        self.batches: list[list[dict[str, Any]]] = []
        self.reset()

    # What it says.

    @property
    def offset(self) -> str:
        return at(len(self.batches))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.snapshot()["messages"]

    def snapshot(self) -> dict[str, Any]:
        """As inside a reset: without the incarnation."""
        said = self._server.snapshot("support", "ticket-42")
        del said["incarnation"]
        return {**said, "conversationId": ID, "offset": self.offset}

    def history(self) -> dict[str, Any]:
        said = self.snapshot()
        return said if self.incarnation is None else {**said, "incarnation": self.incarnation}

    def checkpoint(self) -> dict[str, Any]:
        return {"type": "stream-checkpoint", "incarnation": self.incarnation or "inc_none"}

    def chunks(self, begin: int = 0, end: int | None = None) -> list[dict[str, Any]]:
        return [chunk for batch in self.batches[begin:end] for chunk in batch]

    # What happens to it.

    def emit(self, *chunks: dict[str, Any]) -> None:
        """Add a batch."""
        number = len(self.batches)
        self.batches.append(
            [
                {**chunk, "conversationId": ID, "position": {"batch": number, "index": index}}
                for index, chunk in enumerate(chunks)
            ]
        )
        self._server.append_chunks("support", "ticket-42", *chunks)

    def user(self, text: str, submission: str = "sub_1") -> None:
        self.emit({"type": "message-appended", "message": text_message(f"user_{submission}", text, submission)})

    def start(self, id: str = "a1", submission: str = "sub_1", **fields: Any) -> None:
        self.emit({"type": "message-started", "messageId": id, "submissionId": submission, **fields})

    def say(self, *pieces: str, id: str = "a1", kind: str = "text") -> None:
        self.emit(*({"type": "message-delta", "messageId": id, "kind": kind, "delta": piece} for piece in pieces))

    def call(self, call: str, id: str = "a1", **arguments: Any) -> None:
        self.emit({"type": "tool-input", "messageId": id, "toolCallId": call, "toolName": "add", "input": arguments})

    def returned(self, call: str, output: Any, **fields: Any) -> None:
        self.emit({"type": "tool-output", "toolCallId": call, "output": output, **fields})

    def failed(self, call: str, text: str, **fields: Any) -> None:
        self.emit({"type": "tool-output-error", "toolCallId": call, "errorText": text, **fields})

    def data(self, name: str, data: Any, id: str = "a1") -> None:
        self.emit({"type": "data-part", "messageId": id, "name": name, "data": data})

    def describe(self, id: str = "a1", **metadata: Any) -> None:
        self.emit({"type": "message-metadata", "messageId": id, "metadata": metadata})

    def complete(self, id: str = "a1") -> None:
        self.emit({"type": "message-completed", "messageId": id})

    def settle(self, submission: str = "sub_1", outcome: str = "completed", **fields: Any) -> None:
        self.emit({"type": "submission-settled", "submissionId": submission, "outcome": outcome, **fields})

    def reset(self, **changed: Any) -> None:
        """Compaction: all that is shown stays, but for what is given."""
        self.emit({"type": "conversation-reset", "snapshot": {**self.snapshot(), **changed}})

    def retract(self, id: str = "a1") -> None:
        """A step is made again: the text of the message is taken back."""
        self.reset(messages=[{**message, "parts": []} if message["id"] == id else message for message in self.messages])

    def answer(self, text: str = "hello", submission: str = "sub_1") -> None:
        """A whole turn."""
        self.user("hi", submission)
        self.start(f"a_{submission}", submission)
        self.say(text, id=f"a_{submission}")
        self.complete(f"a_{submission}")
        self.settle(submission, answeredBySubmissionId=submission)


def after(*acts: Callable[[Conversation], object]) -> Conversation:
    """A conversation to which this has happened."""
    talk = Conversation()
    for one in acts:
        one(talk)
    return talk


class Server:
    """Answers as Flue 2.1 does. `news` are acts, one for each request that waits, so that something happens."""

    def __init__(self, conversation: Conversation | None, news: Iterable[Callable[[Any], object]] = ()) -> None:
        self.conversation = conversation
        self.news = list(news)
        self.page = 100  # batches
        self.wait = 1.0  # seconds before each of the news

    def __call__(self, request: Request, now: float) -> Response:
        query = dict(parse_qsl(urlsplit(request.url).query))
        assert request.url.startswith(f"{URL}?")
        talk = self.conversation
        if talk is None:
            self._let_happen()
            return recorded_response("01_history_404_absent")
        if query == {"view": "history"}:
            return history(talk)
        assert query.keys() - {"live"} == {"view", "offset"}
        assert query["view"] == "updates"
        begin, live = count_at(query["offset"]), query.get("live")
        if begin > len(talk.batches):
            return recorded_response("39_updates_416_beyond_head")
        if live == "sse":
            return self._events(talk, begin)
        waited = self._let_happen() if live and begin == len(talk.batches) else 0.0
        if self.conversation is None:
            return refusal(404)
        return self._page(self.conversation, begin, waited)

    def _let_happen(self) -> float:
        """Seconds until something has happened, or until a long poll runs out."""
        if not self.news:
            return LONG_POLL
        self.news.pop(0)(self.conversation)
        return self.wait

    def _page(self, talk: Conversation, begin: int, waited: float) -> Response:
        end = min(begin + self.page, len(talk.batches))
        items = [talk.checkpoint(), *talk.chunks(begin, end)]
        return page(items, at(end), up_to_date=end == len(talk.batches), after=waited)

    def _events(self, talk: Conversation, begin: int) -> Response:
        steps: list[Any] = [data_frame([talk.checkpoint()])]
        while True:
            end = min(begin + self.page, len(talk.batches))
            if items := talk.chunks(begin, end):
                steps.append(data_frame(items))
            steps.append(control_frame(at(end), upToDate=end == len(talk.batches)))
            begin = end
            if end < len(talk.batches):
                continue
            ends = not self.news
            steps.append(self._let_happen())
            # A host recycles connections; one that replaces the conversation is gone.
            if ends or self.conversation is not talk:
                return events(*steps)


class Reader(Player):
    """Plays a machine whose batches hold chunks or states."""

    def _deliver(self) -> None:
        batch = self.machine.next_batch()
        assert batch is self.machine.next_batch()
        assert batch.items
        self.played.items += batch.items
        self.machine.handed_over()

    def _look(self) -> None:
        offset = self.machine.offset
        if offset != self._checkpoint:
            self._checkpoint = offset
            self.played.offsets.append(offset)


HISTORY = history_request(URL, snapshot)


def follower(**options: Any) -> ConversationProtocol:
    return ConversationProtocol(URL, HISTORY, ConversationChunkDecoder(), **options)


def observer(**options: Any) -> ObservationProtocol:
    return ObservationProtocol(URL, HISTORY, ConversationChunkDecoder(), **options)


def read(machine: Any, server: Any, **options: Any) -> Any:
    """Play to the end, to the end of the script, or to a time."""
    return Reader(machine, server).run(**options)


def history(talk: Conversation, **changed: Any) -> Response:
    """What the conversation's history is now, but for what is given."""
    return page(json.dumps({**talk.history(), **changed}).encode(), talk.offset, up_to_date=True)


def views(played: Any) -> list[str]:
    """Each request: `history`, or the offset and mode of updates."""
    return [
        query["view"] if query["view"] == "history" else f"{query['offset']} {query.get('live', 'plain')}"
        for query in played.queries
    ]


# What goes wrong.


def cutting(server: Serve, cuts: Iterable[int | None]) -> Serve:
    """The server, its responses cut after so many bytes in turn, where a number is given; 0 refuses the connection."""
    remaining = iter(cuts)

    def serve(request: Request, now: float) -> Response | FlueConnectionError:
        answer, cut = server(request, now), next(remaining, None)
        if cut is None or not isinstance(answer, Response):
            return answer
        return answer.cut(cut) if cut else REFUSED

    return serve


def cut_everywhere(
    start: Callable[[], tuple[Any, Server]],
    check: Callable[[Any, Any, Any], object],
    *,
    fault: FlueConnectionError | None = RESET,
    until: float = 1e9,
) -> None:
    """Play again and again, one of the first responses cut after each of its bytes (each fourth for a clean end).

    Args:
        start: A new machine and its server.
        check: Called after each play with the machine, the conversation and what was played.
        fault: By which it is cut; None for a clean end.
        until: Time at which a play ends.
    """

    def play(which: int = -1, position: int = 0) -> list[int]:
        machine, server = start()
        sizes: list[int] = []

        def serve(request: Request, now: float) -> Response:
            answer = server(request, now)
            if fault is None and "live=sse" not in request.url:
                # Whether a page is whole shows at its end only where its length is not known.
                headers = tuple(pair for pair in answer.headers if pair[0] != "content-length")
                answer = replace(answer, headers=(*headers, ("connection", "close")))
            sizes.append(sum(len(step) for step in answer.body if isinstance(step, bytes)))
            return answer.cut(position, fault) if len(sizes) - 1 == which else answer

        played = read(machine, serve, until=until)
        check(machine, server.conversation, played)
        return sizes

    for which, size in enumerate(play()[:5]):
        for position in range(0, size, 1 if fault is RESET else 4):
            play(which, position)


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Count the calls, of functions in Python and in C, that are made in the block."""
    count = 0
    result: list[int] = []

    def counting(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(counting)
    try:
        yield result
    finally:
        sys.setprofile(None)
        result.append(count)
