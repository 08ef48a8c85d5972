"""A server whose responses are rendered before they are requested: `python -m tests.bench.server`.

The name of a run says how it is stored, so that the contestants need nothing but a URL:

* ``page-S-N``: N events, closed, read in pages of S;
* ``poll-S-N``: nothing yet, then each long poll brings S events at once, up to N;
* ``sse-S-N``: nothing yet, then a connection of server-sent events brings N in frames of S, as fast as it is read;
* ``all-S-N``: as ``page`` and as ``sse``, rendered while it is sent, for runs larger than memory should hold;
* ``tick-N``: N events that carry the time of their writing, with a pause before each;
* ``big-B``: one event of B bytes; ``idle-X``: one event, and then silence;
* ``talk-S-N``: a conversation of Flue 2 with N deltas of one reply behind its history, in frames of S.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.network.loopback import LoopbackServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator

RECORDING = Path(__file__).parents[1] / "recordings" / "chat_events.json"
PAUSE = 0.004  # seconds; a reader that got the last tick waits again long before the next
HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 09:14:55 GMT\r\nConnection: keep-alive\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
LOG = (
    b'{"type":"log","level":"info","message":"%s","attributes":{"sent":%d},"runId":"run_bench","v":3,'
    b'"eventIndex":%d,"timestamp":"2026-11-23T09:14:54.883Z"}'
)


@cache
def templates() -> list[tuple[bytes, bytes]]:
    """The events of a recorded run as compact JSON, cut where their number goes."""
    events = json.loads(RECORDING.read_bytes())
    texts = [json.dumps({**event, "eventIndex": -1}, separators=(",", ":"), ensure_ascii=False) for event in events]
    return [
        (f'{before}"eventIndex":'.encode(), after.encode())
        for before, _, after in (t.partition('"eventIndex":-1') for t in texts)
    ]


def items(begin: int, end: int, count: int) -> bytes:
    """Events `begin` to `end` of a run of `count`: those of the recording, over and over, numbered anew."""
    first, *middle, last = templates()
    chosen = (first if i == 0 else last if i == count - 1 else middle[i % len(middle)] for i in range(begin, end))
    return b",".join([b"%s%d%s" % (before, i, after) for i, (before, after) in enumerate(chosen, begin)])


def offset(position: int) -> bytes:
    """The checkpoint behind so many events."""
    return b"%016d_%016d" % (0, position)


def page(body: bytes, following: int, *, up_to_date: bool, closed: bool) -> bytes:
    """The response to a catch-up read or a long poll."""
    state = (b"Stream-Up-To-Date: true\r\n" * up_to_date) + (b"Stream-Closed: true\r\n" * closed)
    return (
        b"%sContent-Type: application/json\r\nCache-Control: no-store\r\nStream-Next-Offset: %s\r\n"
        b"Stream-Cursor: 1\r\n%sContent-Length: %d\r\n\r\n[%s]"
    ) % (HEAD, offset(following), state, len(body) + 2, body)


def frame(body: bytes, following: int, *, closed: bool) -> bytes:
    """A data frame and its control frame, in one chunk."""
    state = {"streamClosed": True} if closed else {"streamCursor": "1"}
    control = json.dumps({"streamNextOffset": offset(following).decode(), **state}).encode()
    text = b"event: data\ndata:[%s]\n\nevent: control\ndata:%s\n\n" % (body, control)
    return b"%x\r\n%s\r\n" % (len(text), text) + b"0\r\n\r\n" * closed


@cache
def kept_page(begin: int, size: int, count: int, up_to_date: bool) -> bytes:
    end = min(begin + size, count)
    return page(items(begin, end, count), end, up_to_date=end >= count or up_to_date, closed=end >= count)


def frames(begin: int, size: int, count: int) -> Iterator[bytes]:
    yield EVENTS
    for start in range(begin, count, size):
        end = min(start + size, count)
        yield frame(items(start, end, count), end, closed=end == count)


@cache
def kept_frames(size: int, count: int) -> bytes:
    return b"".join(frames(0, size, count))


def ticks(count: int) -> Iterator[bytes]:
    yield EVENTS
    for index in range(count):
        time.sleep(PAUSE)
        yield frame(LOG % (b"tick", time.monotonic_ns(), index), index + 1, closed=index + 1 == count)


def tick(index: int, count: int) -> bytes:
    time.sleep(PAUSE)
    return page(LOG % (b"tick", time.monotonic_ns(), index), index + 1, up_to_date=True, closed=index + 1 == count)


@cache
def big_item(size: int) -> bytes:
    """An event that carries text of many lines."""
    line = rb"It was the best of times, it was the worst of times,\n"
    return LOG % (line * (size // len(line)), 0, 0)


TALK = b'"conversationId":"conv_bench"'
CHECKPOINT = b'{"type":"stream-checkpoint","incarnation":"inc_bench"}'


def talk_history() -> bytes:
    """The snapshot of a conversation whose reply has just begun."""
    reply = (
        b'{"id":"entry_1","role":"assistant","purpose":"assistant","display":"visible","submissionId":"sub_1",'
        b'"turnId":"turn_1","parts":[]}'
    )
    body = b'{"v":1,%s,"offset":"%s","incarnation":"inc_bench","messages":[%s],"settlements":[]}'
    body %= (TALK, offset(0), reply)
    return b"%sContent-Type: application/json\r\nStream-Next-Offset: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        HEAD,
        offset(0),
        len(body),
        body,
    )


def delta(index: int) -> bytes:
    """A chunk of a reply."""
    return (
        b'{"type":"message-delta",%s,"position":{"batch":%d,"index":0},"messageId":"entry_1","kind":"text",'
        b'"delta":"word%d "}'
    ) % (TALK, index + 1, index)


@cache
def kept_talk(size: int, count: int) -> bytes:
    """The updates of a conversation; its reply never ends."""
    whole = [EVENTS, frame(CHECKPOINT, 0, closed=False)]
    for start in range(0, count, size):
        end = min(start + size, count)
        whole.append(frame(b",".join(map(delta, range(start, end))), end, closed=False))
    return b"".join(whole)


def response(run: str, live: str, begin: int) -> Iterable[bytes]:
    """What is sent for one request."""
    kind, *rest = run.split("-")
    numbers = [int(number) for number in rest]
    match kind, live:
        case ("page", _):
            return [kept_page(begin, *numbers, False)]
        case ("all", "sse"):
            return frames(begin, *numbers)
        case ("all", _):
            return [kept_page.__wrapped__(begin, *numbers, False)]
        case ("poll", "long-poll"):
            return [kept_page(begin, *numbers, True)]
        case ("sse", "sse"):
            return [kept_frames(*numbers)]
        case ("tick", "sse"):
            return ticks(*numbers)
        case ("tick", "long-poll"):
            return [tick(begin, *numbers)]
        case ("big", "sse"):
            return [EVENTS, frame(big_item(*numbers), 1, closed=True)]
        case ("big", _):
            return [page(big_item(*numbers), 1, up_to_date=True, closed=True)]
        case ("talk", "history"):
            return [talk_history()]
        case ("talk", "sse"):
            return [kept_talk(*numbers)]
        case ("talk", _):  # a client that catches up first: it has
            return [page(CHECKPOINT, begin, up_to_date=True, closed=False)]
        case ("idle", "sse"):
            return [EVENTS, frame(LOG % (b"first", 0, 0), 1, closed=False)]
        case _:
            return [page(b"", 0, up_to_date=True, closed=False)]


class Server(LoopbackServer):
    """Sends those responses."""

    def serve(self, connection: socket.socket) -> None:
        """Answer one request after the other, until the client leaves."""
        with connection.makefile("rb") as requests:
            while line := requests.readline():
                while requests.readline() not in {b"\r\n", b""}:
                    pass
                target = urlsplit(line.split()[1].decode())
                query = {name: values[0] for name, values in parse_qs(target.query).items()}
                token = query.get("offset", "-1")
                begin = 0 if token == "-1" else int(token.partition("_")[2])
                live = "history" if query.get("view") == "history" else query.get("live", "")
                for piece in response(target.path.rpartition("/")[2], live, begin):
                    connection.sendall(piece)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    threading.stack_size(256 * 1024)
    server = Server()
    server.open_port()
    print(json.dumps({"port": server.port}), flush=True)
    sys.stdin.buffer.read()  # the benchmark holds the other end, however it ends
    os._exit(0)
