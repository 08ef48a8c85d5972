"""The loopback server: what it sends is rendered before it is asked for.

The name of a run says how it is stored, so that the contestants need nothing but a URL:

* ``page-S-N``: N events, closed, read in pages of S;
* ``poll-S-N``: nothing yet, then each long poll brings S events at once, up to N;
* ``sse-S-N``: nothing yet, then a connection of server-sent events brings N in frames of S, as fast as it is read;
* ``all-S-N``: as ``page`` and as ``sse``, rendered while it is sent, for runs larger than memory should hold;
* ``tick-N``: N events that carry the time of their writing, with a pause before each;
* ``big-B``: one event of B bytes;  ``idle-X``: one event, and then silence.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import threading
import time
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from . import corpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAUSE = 0.004  # seconds; a reader that got the last tick waits again long before the next
HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 09:14:55 GMT\r\nConnection: keep-alive\r\n"
EVENTS = HEAD + b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
BLOCK = 1 << 16  # bytes sent at once, where they are rendered while they are sent


def page(items: bytes, following: int, *, up_to_date: bool, closed: bool) -> bytes:
    """An answer to a catch-up read or a long poll."""
    state = (b"Stream-Up-To-Date: true\r\n" * up_to_date) + (b"Stream-Closed: true\r\n" * closed)
    return (
        b"%sContent-Type: application/json\r\nCache-Control: no-store\r\nStream-Next-Offset: %s\r\n"
        b"Stream-Cursor: 1\r\n%sContent-Length: %d\r\n\r\n[%s]"
    ) % (HEAD, offset(following), state, len(items) + 2, items)


def frame(items: bytes, following: int, *, closed: bool) -> bytes:
    """A data frame and its control frame, in one chunk."""
    state = {"streamClosed": True} if closed else {"streamCursor": "1"}
    control = json.dumps({"streamNextOffset": offset(following).decode(), **state}).encode()
    text = b"event: data\ndata:[%s]\n\nevent: control\ndata:%s\n\n" % (items, control)
    return b"%x\r\n%s\r\n" % (len(text), text) + b"0\r\n\r\n" * closed


def offset(position: int) -> bytes:
    """The checkpoint behind so many events."""
    return b"%016d_%016d" % (0, position)


def position(token: str) -> int:
    """How many events lie before a checkpoint."""
    return 0 if token == "-1" else int(token.partition("_")[2])


def stored_page(begin: int, size: int, count: int, *, up_to_date: bool) -> bytes:
    end = min(begin + size, count)
    last = end >= count
    return page(corpus.items(begin, end, count), end, up_to_date=last or up_to_date, closed=last)


def stored_frames(size: int, count: int) -> Iterator[bytes]:
    yield EVENTS
    for begin in range(0, count, size):
        end = min(begin + size, count)
        yield frame(corpus.items(begin, end, count), end, closed=end == count)


kept_page = cache(stored_page)


@cache
def kept_frames(size: int, count: int) -> bytes:
    return b"".join(stored_frames(size, count))


def in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces."""
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def ticks(count: int) -> Iterator[bytes]:
    yield EVENTS
    for index in range(count):
        time.sleep(PAUSE)
        yield frame(corpus.log_event(index, b"tick", time.monotonic_ns()), index + 1, closed=index + 1 == count)


def tick(index: int, count: int) -> bytes:
    time.sleep(PAUSE)
    item = corpus.log_event(index, b"tick", time.monotonic_ns())
    return page(item, index + 1, up_to_date=True, closed=index + 1 == count)


@cache
def big_item(size: int) -> bytes:
    """An event that carries text of many lines."""
    line = rb"It was the best of times, it was the worst of times,\n"
    room = size - len(corpus.log_event(0, b"", 0))
    return corpus.log_event(0, line * (room // len(line)) + b"." * (room % len(line)), 0)


def answer(run: str, live: str, begin: int) -> Iterable[bytes]:
    """What is sent for one request."""
    kind, *rest = run.split("-")
    numbers = [int(number) for number in rest]
    match kind, live:
        case ("page", _):
            return [kept_page(begin, *numbers, up_to_date=False)]
        case ("all", "sse"):
            return in_blocks(stored_frames(*numbers))
        case ("all", _):
            return [stored_page(begin, *numbers, up_to_date=False)]
        case ("poll", "long-poll"):
            return [kept_page(begin, *numbers, up_to_date=True)]
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
        case ("idle", "sse"):
            return [EVENTS, frame(corpus.log_event(0, b"first", 0), 1, closed=False)]
        case _:
            return [page(b"", 0, up_to_date=True, closed=False)]


def serve(connection: socket.socket) -> None:
    """Answer one request after the other, until the client leaves."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with connection, connection.makefile("rb") as requests:
            while line := requests.readline():
                while requests.readline() not in {b"\r\n", b""}:
                    pass
                target = urlsplit(line.split()[1].decode())
                query = {name: values[0] for name, values in parse_qs(target.query).items()}
                run = target.path.rpartition("/")[2]
                for piece in answer(run, query.get("live", ""), position(query.get("offset", "-1"))):
                    connection.sendall(piece)
    except ConnectionError:
        pass  # a reader that has its last event need not stay for the last bytes


def end_with_parent() -> None:
    """The benchmark holds the other end of standard input: when it ends, however it ends, so does this."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Print the port, then serve until standard input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    threading.stack_size(256 * 1024)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
