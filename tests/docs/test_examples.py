"""The examples are programs, and do what they say."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from flue import FlueClient, to_json
from flue.cli.demo import register
from flue.testing import FlueTestServer

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PATIENCE = 30.0


def needs(*libraries):
    absent = [name for name in libraries if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"needs {', '.join(absent)} (group examples)")


@pytest.fixture
def gate():
    return threading.Event()


@pytest.fixture
def server(gate):
    with FlueTestServer(page_limit=20, keep_alive=120.0) as running:
        register(running)

        @running.workflow("gated")
        def gated(run):
            for number in range(30):
                run.log(f"before {number}")
            while not gate.is_set():
                run.sleep(0.01)
            for number in range(30):
                run.log(f"after {number}")
            return {"ok": True}

        yield running
        gate.set()
        assert running.problems == []


@pytest.fixture
def start(server, tmp_path, tmp_path_factory):
    """Starts an example; what still runs in the end is killed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLUE_")}
    fonts = tmp_path_factory.getbasetemp() / "matplotlib"  # its list of them, made once
    environment |= {"FLUE_BASE_URL": server.base_url, "PYTHONUNBUFFERED": "1", "MPLCONFIGDIR": str(fonts)}
    started = []

    def run(name, *words, program=None):
        process = subprocess.Popen(
            [*(program or [sys.executable, EXAMPLES / name]), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def eventually(met, what):
    """Wait until something is so, and give it back."""
    deadline = time.monotonic() + PATIENCE
    while not (found := met()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


def finished(process):
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.[ph]*")), ids=lambda path: path.name)
def test_an_example_has_less_than_a_hundred_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 100


@needs("fastapi", "rq", "pandas", "matplotlib")
def test_the_examples_pass_the_type_checker(tmp_path):
    options = ["--strict", "--ignore-missing-imports", "--cache-dir", str(tmp_path)]
    command = [sys.executable, "-m", "mypy", *options, *map(str, EXAMPLES.glob("*.py"))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180, cwd=EXAMPLES.parents[1])
    assert done.returncode == 0, done.stdout


class TestFollow:
    def test_a_run_is_started_and_followed(self, start):
        code, out, err = finished(start("follow.py", "report", '{"where": ["Brest"], "pause": 0}'))
        assert (code, err) == (0, "")
        assert out.startswith("[info] looking for the figures\n[tide_table] 0 ms\nThe highest tide of the day")
        assert out.endswith("result: {'highest': 'Brest', 'metres': 7.3, 'stations': 1}\n")

    def test_a_run_that_fails(self, start):
        code, out, _ = finished(start("follow.py", "ticks", '{"count": 1, "pause": 0, "fail": true}'))
        assert code == 1
        assert out.endswith("failed: {'name': 'RuntimeError', 'message': 'asked to fail'}\n")

    def test_ctrl_c_prints_how_to_go_on_and_that_works(self, start, server, gate):
        process = start("follow.py", "gated")
        before = []
        while len(before) < 30:
            before.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        code, out, err = finished(process)
        assert (code, err) == (130, "")
        words = shlex.split(out.strip().rpartition(": ")[2])
        assert words[:3] == ["python", "follow.py", "--resume"]
        gate.set()
        code, out, err = finished(start(*words[1:]))
        assert (code, err) == (0, "")
        lines = [f"[info] {when} {number}" for when in ("before", "after") for number in range(30)]
        assert [line.strip() for line in before] == lines[:30]
        again = [line for line in out.splitlines() if line.startswith("[")]
        assert again == lines[-len(again) :]
        assert len(again) >= 30  # nothing is skipped

    @pytest.mark.parametrize(
        ("words", "code", "says"),
        [
            ([], 2, "Start a workflow"),
            (["report", "{"], 2, "follow: "),
            (["nonsense"], 3, "follow: Flue API error 404 [workflow_not_found]"),
        ],
    )
    def test_what_goes_wrong_is_one_sentence_and_a_status(self, start, words, code, says):
        done, _, err = finished(start("follow.py", *words))
        assert done == code
        assert err.startswith(says)
        assert "Traceback" not in err


class TestCollect:
    def test_killed_and_started_again_it_has_each_event_once(self, start, server, gate, tmp_path):
        with FlueClient(server.base_url) as client:
            run_ids = [client.workflows.invoke("gated").run_id for _ in range(3)]
            first = start("collect.py", "runs.db", *run_ids)
            with closing(sqlite3.connect(tmp_path / "runs.db", timeout=PATIENCE)) as database:
                eventually(lambda: kept(database) >= 3 * 20, "the first page of each run in the database")
                first.kill()
                first.communicate()
                gate.set()
                assert finished(start("collect.py", "runs.db")) == (0, "", "")
                for run_id in run_ids:
                    rows = database.execute("SELECT event FROM events WHERE run_id = ? ORDER BY id", (run_id,))
                    assert [json.loads(text) for (text,) in rows] == [
                        to_json(event) for event in client.runs.events(run_id)
                    ]
                assert database.execute("SELECT min(ended) FROM runs").fetchone() == (1,)

    def test_a_run_that_cannot_be_read_does_not_end_the_others(self, start, server, tmp_path):
        run_id = server.create_run()
        server.finish_run(run_id)
        code, _, err = finished(start("collect.py", "runs.db", "run_nowhere", run_id))
        assert code == 1
        assert err.startswith("run_nowhere: Flue API error 404")
        with closing(sqlite3.connect(tmp_path / "runs.db")) as database:
            assert kept(database) == 1
            assert dict(database.execute("SELECT run_id, ended FROM runs")) == {"run_nowhere": 0, run_id: 1}


def kept(database):
    try:
        return database.execute("SELECT count(*) FROM events").fetchone()[0]
    except sqlite3.OperationalError:  # no such table yet
        return 0


@needs("pandas", "matplotlib")
class TestAnalyse:
    def test_time_per_tool_from_the_server_and_from_a_recording(self, start, server, tmp_path):
        run_id = server.create_run()
        call = {"type": "tool", "toolCallId": "c", "isError": False, "result": None}
        for tool, took in (("search", 300), ("read", 40), ("search", 500)):
            server.append(run_id, call | {"toolName": tool, "durationMs": took})
        server.finish_run(run_id)
        code, out, err = finished(start("analyse.py", run_id, "one.png"))
        assert code == 0, err
        rows = [line.split() for line in out.splitlines()]
        assert ["read", "1", "0", "40", "40"] in rows
        assert ["search", "2", "0", "800", "500"] in rows
        assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")

        with FlueClient(server.base_url) as client:
            lines = [json.dumps(to_json(event)) + "\n" for event in client.runs.events(run_id)]
        (tmp_path / "events.jsonl").write_text("".join(lines), encoding="utf-8")
        code, from_file, _ = finished(start("analyse.py", "events.jsonl", "one.png"))
        assert (code, from_file) == (0, out)

    def test_a_run_without_tools(self, start, server):
        run_id = server.create_run()
        server.finish_run(run_id)
        assert finished(start("analyse.py", run_id))[:2] == (0, "The run called no tools.\n")


@contextmanager
def serving(name, port=0):
    """An example that is a web service, and its address. In the end connections are cut, as in a new deployment."""
    import uvicorn

    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = uvicorn.Config(module.app, port=port, log_level="critical", lifespan="on", timeout_graceful_shutdown=0)
    service = uvicorn.Server(config)
    thread = threading.Thread(target=service.run)
    thread.start()
    eventually(lambda: service.started, "the service")
    port = service.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    service.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()
    del sys.modules[spec.name]


@pytest.fixture
def tab(browser):
    """The browser; in the end it leaves the page, which would go on asking for a service that is gone."""
    yield browser
    browser.open("about:blank", width=800)


@needs("fastapi", "uvicorn")
class TestRelay:
    @pytest.fixture
    def relay(self, server, monkeypatch):
        monkeypatch.setenv("FLUE_BASE_URL", server.base_url)
        with serving("relay") as address:
            yield address

    def test_a_real_browser_shows_each_event_once_whatever_is_cut(self, server, gate, tab, monkeypatch):
        shown = "[...document.querySelectorAll('#events li')].map(item => item.textContent)"
        state = "document.getElementById('state').textContent"
        monkeypatch.setenv("FLUE_BASE_URL", server.base_url)
        with FlueClient(server.base_url) as client:
            run_id = client.workflows.invoke("gated").run_id
            with serving("relay") as relay:
                tab.open(f"{relay}/?run={run_id}", width=800)
                eventually(lambda: len(tab.ask(shown)) >= 31, "the events so far")
                assert tab.ask(state) == "live"
                server.drop_connections()  # between the relay and Flue: nobody notices
            eventually(lambda: tab.ask(state) == "reconnecting", "the loss of the relay")
            with serving("relay", port=int(relay.rpartition(":")[2])):
                gate.set()
                eventually(lambda: tab.ask(state) == "ended", "the end")
            everything = client.runs.events(run_id)
        texts = [f"{event.type} {getattr(event, 'message', '')}" for event in everything]
        assert tab.ask(shown) == texts

    def test_a_browser_that_leaves_ends_the_stream_of_the_relay(self, relay, server):
        run_id = server.create_run()
        server.append(run_id, {"type": "log", "level": "info", "message": "hello"})
        with requests.get(f"{relay}/runs/{run_id}/events", stream=True, timeout=PATIENCE) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert next(answer.iter_lines())
            server.wait_for_connections(1, PATIENCE)
        server.wait_for_connections(0, PATIENCE)

    def test_what_is_wrong_is_said_with_a_status(self, relay):
        assert requests.get(f"{relay}/runs/run_nowhere/events", timeout=PATIENCE).status_code == 404
        wrong = requests.get(f"{relay}/runs/run_1/events", headers={"Last-Event-ID": "a b"}, timeout=PATIENCE)
        assert wrong.status_code == 400


@needs("fastapi", "uvicorn")
class TestChat:
    @pytest.fixture
    def agent(self, monkeypatch):
        """A server of Flue 2 whose agent waits in the middle of its reply."""
        proceed = threading.Event()
        with FlueTestServer(flue_version=2, keep_alive=120.0) as running:

            @running.agent("assistant")
            def assistant(turn):
                with turn.tool("look_up", {"of": turn.message.body}) as call:
                    call.output = "found"
                turn.text("a ")
                while not proceed.is_set():
                    turn.sleep(0.01)
                return "reply"

            monkeypatch.setenv("FLUE_CONVERSATION_URL", f"{running.base_url}/agents/assistant/ada")
            running.proceed = proceed
            yield running
            proceed.set()
            assert running.problems == []

    def test_a_real_browser_shows_the_reply_as_it_is_written(self, agent, tab):
        shown = "[...document.querySelectorAll('article')].map(one => [one.className, one.innerText])"
        with serving("chat") as address:
            tab.open(address, width=800)
            tab.ask("document.getElementById('text').value = 'a question'; form.requestSubmit()")
            begun = [["user", "a question"], ["assistant", "[look_up: output-available]\na"]]
            eventually(lambda: tab.ask(shown) == begun, "half of the reply")
            tab.resize(390)  # a telephone
            assert tab.ask("document.documentElement.scrollWidth") == 390
            agent.drop_connections()  # between the service and Flue
            agent.proceed.set()
            eventually(lambda: tab.ask(shown)[-1][1].splitlines()[-1] == "a reply", "the rest")
            assert tab.ask("document.getElementById('text').value") == ""
            assert requests.post(f"{address}/abort", timeout=PATIENCE).json() == {"aborted": False}
            assert tab.complaints == []

    def test_a_message_that_is_sent_twice_is_one(self, agent):
        agent.proceed.set()
        with serving("chat") as address:
            body = {"text": "hello", "key": "one"}
            first, second = (requests.post(f"{address}/messages", json=body, timeout=PATIENCE) for _ in range(2))
        assert (first.status_code, first.json()) == (second.status_code, second.json())


@needs("rq", "redis")
class TestTasks:
    @pytest.fixture
    def redis(self, tmp_path):
        from redis import Redis
        from redis_server import free_port, redis_running

        with redis_running(tmp_path, free_port()) as url, Redis.from_url(url) as client:
            client.url = url
            yield client

    def test_a_job_that_is_killed_is_continued(self, start, server, gate, redis):
        with FlueClient(server.base_url) as client:
            run_id = client.workflows.invoke("gated").run_id
            assert finished(start("tasks.py", redis.url, run_id)) == (0, f"queued: {run_id}\n", "")
            worker = start("", "--url", redis.url, "--path", str(EXAMPLES), "--burst", program=[RQ, "worker"])
            eventually(lambda: redis.hlen(f"lines:{run_id}") >= 30, "the first lines")
            job, *_ = eventually(lambda: children_of(worker.pid), "the process of the job")
            os.kill(job, signal.SIGKILL)
            gate.set()
            code, _, err = finished(worker)
            assert code == 0, err
            assert redis.hget(f"lines:{run_id}", "outcome") == b"completed"
            written = {
                str(event.event_index): event.message for event in client.runs.events(run_id) if event.type == "log"
            }
        kept_lines = {key.decode(): value.decode() for key, value in redis.hgetall(f"lines:{run_id}").items()}
        assert kept_lines == written | {"outcome": "completed"}


RQ = Path(sys.executable).with_name("rq")


def children_of(pid):
    """The processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]
