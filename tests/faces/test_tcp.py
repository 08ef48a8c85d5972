"""The asynchronous face's plain connections, below HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

import httpcore
import pytest

from flue.aio import tcp

from .reading import BOUND, nothing_left

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MANY = 4 * 1024 * 1024


def between(scenario: Callable[[tcp.TcpStream, socket.socket], Awaitable[None]]) -> None:
    """Run a scenario with both ends of a connection; behind it nothing is left."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stream = await tcp.connect("127.0.0.1", listener.getsockname()[1], 1.0)
            with listener.accept()[0] as other:
                other.setblocking(False)
                async with asyncio.timeout(BOUND):
                    await scenario(stream, other)
            await stream.aclose()
            await stream.aclose()

    with nothing_left():
        asyncio.run(main())


def test_what_has_come_and_the_end():
    async def scenario(stream, other):
        loop = asyncio.get_running_loop()
        assert not stream.get_extra_info("is_readable")
        reading = asyncio.create_task(stream.read(100, 1.0))
        await asyncio.sleep(0)
        await loop.sock_sendall(other, b"one")
        assert await reading == b"one"
        await loop.sock_sendall(other, b"two")
        assert stream.get_extra_info("is_readable")  # the system knows, the loop does not yet
        other.shutdown(socket.SHUT_WR)
        rest = b""
        while chunk := await stream.read(100, None):
            rest += chunk
        assert rest == b"two"
        assert await stream.read(100, 1.0) == b""
        assert stream.get_extra_info("is_readable")
        await stream.write(b"half open", 1.0)
        assert await loop.sock_recv(other, 100) == b"half open"

    between(scenario)


def test_silence():
    async def scenario(stream, other):
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(100, 0.01)
        await asyncio.get_running_loop().sock_sendall(other, b"late")
        assert await stream.read(100, 1.0) == b"late"

    between(scenario)


def test_a_reader_that_is_cancelled():
    async def scenario(stream, other):
        reading = asyncio.create_task(stream.read(100, 1.0))
        await asyncio.sleep(0)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        await asyncio.get_running_loop().sock_sendall(other, b"for the next")
        assert await stream.read(100, 1.0) == b"for the next"

    between(scenario)


def test_a_reset():
    async def scenario(stream, other):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        with pytest.raises(httpcore.ReadError, match="ConnectionResetError"):
            await stream.read(100, 1.0)
        with pytest.raises(httpcore.WriteError, match="reset"):
            await stream.write(b"x", 1.0)
        assert stream.get_extra_info("is_readable")

    between(scenario)


def test_a_reader_that_does_not_read_is_not_sent_more():
    """Edge cases 139, 140. Memory is bounded, and all of it comes when it is wanted."""

    async def scenario(stream, other):
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(other, bytes(MANY)))
        while stream._size < tcp._FULL:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert stream._size <= 2 * tcp._FULL
        count = 0
        while count < MANY:
            count += len(await stream.read(100, 1.0))
        await sending
        assert count == MANY

    between(scenario)


def test_a_writer_waits_for_the_other_side():
    async def scenario(stream, other):
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(bytes(4 * MANY), 0.01)
        writing = asyncio.create_task(stream.write(b"end", 1.0))
        loop, received = asyncio.get_running_loop(), b""
        while not received.endswith(b"end"):
            received = received[-3:] + await loop.sock_recv(other, MANY)
        await writing

    between(scenario)


def test_a_writer_whose_connection_breaks():
    async def scenario(stream, other):
        writing = asyncio.create_task(stream.write(bytes(4 * MANY), 1.0))
        await asyncio.sleep(0)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        with pytest.raises(httpcore.WriteError):
            await writing

    between(scenario)


def test_what_is_known_of_it():
    async def scenario(stream, other):
        assert stream.get_extra_info("server_addr") == other.getsockname()
        assert stream.get_extra_info("client_addr") == other.getpeername()
        assert stream.get_extra_info("socket").getsockname() == other.getpeername()
        assert stream.get_extra_info("ssl_object") is None
        await stream.aclose()
        with pytest.raises(httpcore.WriteError, match="closed"):
            await stream.write(b"x", 1.0)

    between(scenario)


def test_nobody_there():
    async def main():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(httpcore.ConnectError) as caught:
                await tcp.connect("127.0.0.1", taken.getsockname()[1], 1.0)
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)
            taken.listen(0)
            with contextlib.ExitStack() as stack:
                for _ in range(2):
                    filler = stack.enter_context(socket.socket())
                    filler.setblocking(False)
                    filler.connect_ex(taken.getsockname())
                with pytest.raises(httpcore.ConnectTimeout):
                    await tcp.connect("127.0.0.1", taken.getsockname()[1], 0.01)

    with nothing_left():
        asyncio.run(main())
