"""The stores themselves: threads, processes, forks, and what goes wrong with files and servers."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis
from redis_server import free_port, redis_running

import flue.checkpoints
from flue import FlueClient
from flue.checkpoints import CheckpointStore, RedisCheckpoints, SqliteCheckpoints
from flue.testing import FlueTestServer

ROOT = Path(__file__).parents[2]
OFFSET = "0000000000000000_{:016d}"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    with redis_running(tmp_path_factory.mktemp("redis"), free_port()) as url:
        yield url


@pytest.fixture(params=["sqlite", "redis"])
def where(request, tmp_path):
    """What opens a store, in this process and in others: always the same one within a test."""
    if request.param == "sqlite":
        return f"SqliteCheckpoints({str(tmp_path / 'checkpoints.db')!r})"
    url = request.getfixturevalue("redis_url")
    return f"RedisCheckpoints({url!r}, prefix={tmp_path.name!r})"


def opened(where: str):
    return eval(where)


def test_what_was_saved_is_loaded(where):
    with opened(where) as store:
        assert isinstance(store, CheckpointStore)
        assert store.load("a", "runs/1") is None
        store.save("a", "runs/1", "1")
        store.save("a", "runs/1", "2")
        store.save("b", "runs/1", "3")
        store.save("a", "runs/2", "4")
    with opened(where) as store:
        found = {(name, run): store.load(name, f"runs/{run}") for name in "ab" for run in "12"}
        assert found == {("a", "1"): "2", ("b", "1"): "3", ("a", "2"): "4", ("b", "2"): None}


def test_names_are_not_mixed_up(where):
    pairs = [
        ("a", "b:c"),
        ("a:b", "c"),
        ("1:a", "c"),
        ("a", "1:c"),
        ("ä", "b"),
        ("a'", '"b'),
        ("a b", "\n"),
        ("%", "_"),
    ]
    with opened(where) as store:
        for number, pair in enumerate(pairs):
            store.save(*pair, str(number))
        assert [store.load(*pair) for pair in pairs] == [str(number) for number in range(len(pairs))]


def test_many_threads(where):
    problems: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(50):
                store.save(name, "runs/1", str(number))
                assert store.load(name, "runs/1") == str(number)
        except BaseException as error:
            problems.append(error)

    with opened(where) as store:
        threads = [threading.Thread(target=work, args=(f"consumer {number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20.0)
            assert not thread.is_alive()
    assert problems == []


PROCESS = """
import sys
from flue.checkpoints import RedisCheckpoints, SqliteCheckpoints
name = sys.argv[1]
sys.stdin.read()  # until all are there
with {where} as store:
    for number in range(100):
        store.save(name, "runs/1", str(number))
        assert store.load(name, "runs/1") == str(number)
"""


def test_many_processes(where):
    """That open it, and make it, at the same moment."""
    script = PROCESS.format(where=where)
    command = [sys.executable, "-c", script]
    processes = [
        subprocess.Popen([*command, f"p{number}"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        for number in range(4)
    ]
    for process in processes:
        process.stdin.close()
        process.stdin = None
    answers = [(process.communicate(timeout=30)[1], process.returncode) for process in processes]
    assert answers == [(b"", 0)] * 4
    with opened(where) as store:
        assert [store.load(f"p{number}", "runs/1") for number in range(4)] == ["99"] * 4


def test_processes_that_make_the_file_at_once(tmp_path):
    """The switch of its journal is a moment in which SQLite itself does not wait."""

    def child() -> None:
        while time.monotonic() < at:
            pass
        with SqliteCheckpoints(path) as store:
            store.save(str(os.getpid()), "runs/1", "1")

    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        at = time.monotonic() + 0.03
        children = [forked(child) for _ in range(6)]
        assert [os.waitstatus_to_exitcode(os.waitpid(child_id, 0)[1]) for child_id in children] == [0] * 6


def forked(work) -> int:
    """A child that does something and ends with 0 if that went well."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def in_child(work) -> int:
    """The exit status of a forked child that does something."""
    return os.waitstatus_to_exitcode(os.waitpid(forked(work), 0)[1])


def test_a_forked_child(where):
    def child() -> None:
        assert store.load("a", "runs/1") == "1"
        store.save("a", "runs/1", "2")
        store.close()

    with opened(where) as store:
        store.save("a", "runs/1", "1")
        assert in_child(child) == 0
        assert store.load("a", "runs/1") == "2"
        store.save("a", "runs/1", "3")
        assert store.load("a", "runs/1") == "3"


def test_a_fork_while_another_thread_saves(tmp_path):
    """Whose lock nobody in the child would release."""
    with SqliteCheckpoints(tmp_path / "checkpoints.db") as store:
        for _ in range(3):
            with store._lock:
                assert in_child(lambda: store.save("child", "runs/1", "1")) == 0
        assert store.load("child", "runs/1") == "1"


def test_a_store_that_was_closed_before_the_fork(tmp_path):
    store = SqliteCheckpoints(tmp_path / "checkpoints.db")
    store.close()

    def child() -> None:
        with pytest.raises(ValueError, match="is closed"):
            store.load("a", "runs/1")

    assert in_child(child) == 0


def test_a_writer_that_takes_long_is_waited_for(tmp_path):
    path = tmp_path / "checkpoints.db"
    with SqliteCheckpoints(path) as store, SqliteCheckpoints(path, timeout=0.05) as impatient:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            impatient.save("a", "runs/1", "1")
        timer = threading.Timer(0.05, other.execute, ["COMMIT"])
        timer.start()
        store.save("a", "runs/1", "2")
        timer.join()
        other.close()
        assert impatient.load("a", "runs/1") == "2"


def test_files_that_are_none(tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        SqliteCheckpoints(tmp_path)
    with pytest.raises(sqlite3.OperationalError):
        SqliteCheckpoints(tmp_path / "missing" / "checkpoints.db")
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be taken for one " * 20)
    with pytest.raises(sqlite3.DatabaseError):
        SqliteCheckpoints(text)


def test_a_closed_file(tmp_path):
    store = SqliteCheckpoints(tmp_path / "checkpoints.db")
    store.close()
    store.close()
    for call in (lambda: store.load("a", "b"), lambda: store.save("a", "b", "c")):
        with pytest.raises(ValueError, match="is closed"):
            call()
    with pytest.raises(TypeError, match="in each process"):
        pickle.dumps(store)
    forgotten = SqliteCheckpoints(tmp_path / "checkpoints.db")
    del forgotten  # a ResourceWarning of sqlite3 would be an error


def test_processes_that_are_spawned_open_their_own(tmp_path):
    """An open store does not travel."""
    with SqliteCheckpoints(tmp_path / "checkpoints.db") as store:
        process = multiprocessing.get_context("spawn").Process(target=print, args=(store,))
        with pytest.raises(TypeError, match="in each process"):
            process.start()


def test_a_redis_client_of_the_callers(redis_url):
    for decodes in (False, True):
        with redis.Redis.from_url(redis_url, decode_responses=decodes) as client:
            with RedisCheckpoints(client, prefix=f"mine {decodes}") as store:
                assert store.load("a", "b") is None
                store.save("a", "b", "c")
                assert store.load("a", "b") == "c"
            assert client.get(f"mine {decodes}:1:a:b") in {b"c", "c"}, "it is still open"


def test_redis_arguments(redis_url):
    with pytest.raises(ValueError, match="Redis URL"):
        RedisCheckpoints("http://127.0.0.1")
    with pytest.raises(TypeError, match=r"not a redis\.asyncio\.Redis"):
        RedisCheckpoints(redis.asyncio.Redis.from_url(redis_url))
    assert "127.0.0.1" not in repr(RedisCheckpoints(redis_url)), "a URL may hold a password"


def test_a_redis_server_that_goes_away(tmp_path):
    """The pull says so; when the server is there again, the stream goes on."""
    with FlueTestServer(page_limit=10) as server, FlueClient(server.base_url) as client:
        run_id = server.create_run()
        server.append(run_id, *({"type": "log", "level": "info", "message": str(number)} for number in range(25)))
        server.finish_run(run_id)
        port = free_port()
        with redis_running(tmp_path, port) as url:
            own = redis.Redis.from_url(url, retry=None)
            store = RedisCheckpoints(own)
            stream = client.runs.stream(run_id, checkpoint=store)
            assert [next(stream).event_index for _ in range(15)] == list(range(15))
            assert store.load("default", f"runs/{run_id}") == OFFSET.format(9)
        assert [next(stream).event_index for _ in range(5)] == list(range(15, 20))
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                next(stream)
        with redis_running(tmp_path, port):
            assert [event.event_index for event in stream] == list(range(20, 26))
            assert store.load("default", f"runs/{run_id}") == OFFSET.format(25)
            own.close()


def test_the_extra_is_only_asked_for_by_its_name():
    script = "import sys, flue.checkpoints as c; print('redis' in sys.modules, 'RedisCheckpoints' in c.__all__)"
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT)
    assert answer.stdout.split() == ["False", "True"]
    script = "import sys; sys.modules['redis'] = None; from flue.checkpoints import RedisCheckpoints"
    answer = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, cwd=ROOT)
    assert answer.stderr.splitlines()[-1].endswith("RedisCheckpoints needs the extra: pip install 'flue-sdk[redis]'")
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = flue.checkpoints.Nonsense
