"""Conversations against recordings of a real Flue 2.1: a session is played again, and answer by answer is compared.

The agents write what the chunks of the recording say, batch by batch, so positions and offsets are compared too.
"""

from __future__ import annotations

import itertools
import json
import re
import threading

import pytest

from flue.testing import FlueTestServer

from .conversing import JSON, Normalizer, assert_adds_up, comparable_headers, of_flue2, send, settled, talk
from .raw import ask, dechunk, get, opened, read_until, request_bytes, split

SERVER_OPTIONS = {"flue_version": 2, "poll_hold": 0.1, "heartbeat": 0.05}

AUTHORIZED = [("authorization", "Bearer secret")]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def items(got):
    """The chunks of a recorded response, whether a page or server-sent frames."""
    if got.header("transfer-encoding"):
        frames = dechunk(got.body)[0].decode().split("\n\n")
        pages = [json.loads(frame.partition("data:")[2]) for frame in frames if frame.startswith("event: data")]
        return [chunk for page in pages for chunk in page if chunk["type"] != "stream-checkpoint"]
    return [chunk for chunk in json.loads(got.body) if chunk["type"] != "stream-checkpoint"]


def by_submission(chunks):
    """What each submission made the agent write, in order."""
    scripts = []
    for chunk in chunks:
        if chunk["type"] == "message-appended":
            scripts.append([])
        elif scripts:
            scripts[-1].append(chunk)
    return scripts


def play(turn, chunks, compact):
    """Write what the chunks of one submission say. Whatever Flue adds by itself is left to the server."""
    calls = {}
    batches = itertools.groupby(chunks, key=lambda chunk: (chunk["type"], chunk["position"]["batch"]))
    for (kind, _), group in batches:
        batch = list(group)
        if kind == "message-delta":
            write = turn.text if batch[0]["kind"] == "text" else turn.reasoning
            write(*(chunk["delta"] for chunk in batch))
            continue
        for chunk in batch:
            if kind == "message-started":
                if "metadata" in chunk:
                    turn.metadata(chunk["metadata"])
                turn.begin_step()
            elif kind == "message-metadata":
                turn.end_step()
                turn.metadata(chunk["metadata"])
            elif kind == "data-part":
                turn.data(chunk["name"], chunk["data"])
            elif kind == "tool-input":
                calls[chunk["toolCallId"]] = turn.tool(chunk["toolName"], chunk["input"])
            elif kind == "tool-output":
                calls[chunk["toolCallId"]].succeed(chunk["output"])
            elif kind == "tool-output-error":
                calls[chunk["toolCallId"]].fail(chunk["errorText"])
            elif kind == "conversation-reset":
                turn.end_step()
                compact()
            elif kind == "submission-settled" and chunk["outcome"] == "failed":
                raise RuntimeError(chunk["error"]["meta"]["reason"])


class Sides:
    """A recorded and a played session, made comparable in step."""

    def __init__(self):
        self._normalize = [Normalizer(), Normalizer()]

    def compare(self, number, got, *, headers=True):
        expected = of_flue2(number)
        assert got.status == expected.status
        if headers:
            assert self._headers(0, got) == self._headers(1, expected)
        assert self.text(0, got.body.decode()) == self.text(1, expected.body.decode())

    def text(self, side, text):
        # The recorded agent has cited the id of an attachment, and says so here too.
        text = re.sub(r'<image id=\\"[^"]+"', "<image", text)
        text = text.replace('"nap aborted"', '"This operation was aborted"')
        # The real server calls its agents by the names of their functions.
        return self._normalize[side](re.sub(r"agents/[A-Z]\w*/", lambda found: found[0].lower(), text))

    def _headers(self, side, got):
        return [(name, self.text(side, value)) for name, value in comparable_headers(got)]


def test_absent(server):
    """Nothing was ever sent."""
    server.add_agent("assistant", lambda turn: None)
    target, sides = "/agents/assistant/rec-2abbe4", Sides()
    sides.compare("01", get(server, target))
    for number, live in (("02", ""), ("03", "&live=long-poll"), ("04", "&live=sse")):
        sides.compare(number, get(server, f"{target}?view=updates&offset=-1{live}"))
    sides.compare("05", ask(server, "HEAD", target))
    sides.compare("06", get(server, f"{target}/attachments/att_nope"))
    sides.compare("07", ask(server, "POST", f"{target}/abort"))
    sides.compare("08", send(server, "hi", uid="inst_nope", target=target))
    sides.compare("85", get(server, "/agents/nosuch/x"))
    sides.compare("89", get(server, "/agents/assistant/%20"))
    unicode = "/agents/assistant/caf%C3%A9%2Fa%20b-2abbe4"
    sides.compare("90", send(server, "hi", target=unicode))


def test_session(server):
    """Nine submissions: tools, failures, a signal, an attachment; then every kind of read."""
    target, sides = "/agents/assistant/rec-2abbe4", Sides()
    scripts = iter(by_submission([*items(of_flue2("41")), *items(of_flue2("42"))]))
    keyed = threading.Event()

    @server.agent("assistant")
    def assistant(turn):
        if turn.message.body == "keyed":
            keyed.wait(5)
        play(turn, next(scripts), compact=None)

    created = send(server, "use the tool", uid=None, target=target)
    sides.compare("09", created)
    uid = created.json()["uid"]
    sides.compare("10", send(server, "again", uid=None, target=target))
    sides.compare("11", send(server, "hi", uid="inst_other", target=target))
    settled(server, created.json(), target=target)

    def step(number, got):
        sides.compare(number, got)
        settled(server, got.json(), target=target)

    step("12", send(server, "hello again", uid=uid, target=target))
    first = send(server, "keyed", idempotencyKey="k-2abbe4", target=target)
    sides.compare("13", first)
    sides.compare("14", send(server, "keyed", idempotencyKey="k-2abbe4", target=target))
    keyed.set()
    settled(server, first.json(), target=target)
    sides.compare("15", send(server, "keyed", idempotencyKey="k-2abbe4", target=target))
    sides.compare("16", send(server, "different payload", idempotencyKey="k-2abbe4", target=target))
    sides.compare("17", send(server, "keyed", idempotencyKey="", target=target))
    sides.compare("18", send(server, "keyed", idempotencyKey="x" * 257, target=target))
    signal = {"kind": "signal", "type": "slack.message", "attributes": {"sender": "ana"}, "tagName": "slack"}
    step("19", send(server, "from a thread", **signal, target=target))
    step("20", send(server, "badtool now", target=target))
    step("21", send(server, "two tools", target=target))
    step("22", send(server, "please fail", target=target))
    step("23", send(server, "silent", target=target))
    attachment = {"type": "image", "data": PNG, "mimeType": "image/png", "filename": "dot.png"}
    last = send(server, "look", attachments=[attachment], target=target)
    step("24", last)

    found = get(server, f"{target}/attachments/att_direct_{last.json()['submissionId']}_0")
    assert (found.body, comparable_headers(found)) == (of_flue2("25").body, capital_length(of_flue2("25")))
    sides.compare("26", get(server, f"{target}/attachments/nope"))
    sides.compare("27", ask(server, "POST", f"{target}/attachments/nope"))
    sides.compare("28", get(server, f"{target}?view=history"))
    sides.compare("29", get(server, target))
    sides.compare("30", ask(server, "HEAD", target))
    at = f"{target}?view=updates"
    sides.compare("31", get(server, f"{target}?offset=-1"))
    sides.compare("32", get(server, f"{target}?view=x"))
    sides.compare("33", get(server, at))
    sides.compare("34", get(server, f"{at}&offset=-1&offset=-1"))
    sides.compare("35", get(server, f"{at}&offset=x"))
    sides.compare("36", get(server, f"{at}&offset=now"))
    sides.compare("37", get(server, f"{at}&offset=-1&live=x"))
    sides.compare("38", get(server, f"{at}&offset=-1&tail=1"))
    gone = f"{at}&offset={0:016d}_{99999:016d}"
    sides.compare("39", get(server, gone))
    sides.compare("40", get(server, f"{gone}&live=sse"))
    sides.compare("41", get(server, f"{at}&offset=-1"))
    page1 = of_flue2("41").header("stream-next-offset")
    sides.compare("42", get(server, f"{at}&offset={page1}"))
    head = of_flue2("42").header("stream-next-offset")
    sides.compare("43", get(server, f"{at}&offset={head}"))
    sides.compare("44", get(server, f"{at}&offset=-1&live=long-poll"))
    idle = get(server, f"{at}&offset={head}&live=long-poll")
    sides.compare("43", idle)
    assert_adds_up(server, target)
    sides.compare("84", ask(server, "DELETE", target))


def capital_length(got):
    """The real server writes the length of an attachment itself."""
    return sorted(
        (re.sub("^content-length$", "Content-Length", name), value) for name, value in comparable_headers(got)
    )


def test_long_poll_is_woken():
    """By the message that somebody else sends, with nothing else yet: the agent has not begun."""
    release, target = threading.Event(), "/agents/assistant/rec-2abbe4"
    with FlueTestServer(flue_version=2) as server:

        @server.agent("assistant")
        def assistant(turn):
            if turn.message.body == "poke":
                release.wait(5)

        talk(server, target=target)
        head = get(server, target).header("stream-next-offset")
        seen = len(server.requests)
        with opened(server) as sock:
            sock.sendall(request_bytes(server, f"{target}?view=updates&offset={head}&live=long-poll"))
            server.wait_for_requests(seen + 1)
            receipt = send(server, "poke", target=target).json()
            body = split(read_until(sock, b"}]"))[1]
        release.set()
        settled(server, receipt, target=target)
        assert server.problems == []
    recorded = json.loads(of_flue2("45").body)
    got = json.loads(body)
    assert [list(item) for item in got] == [list(item) for item in recorded]
    assert got[1]["message"]["parts"] == recorded[1]["message"]["parts"]


def test_idle_events(server):
    """Checkpoint, control, then heartbeats and controls in the recorded order."""
    server.add_agent("assistant", lambda turn: None)
    target = "/agents/assistant/rec-2abbe4"
    talk(server, target=target)
    head = get(server, target).header("stream-next-offset")
    expected = dechunk(of_flue2("47").body)[0].decode()
    with opened(server) as sock:
        sock.sendall(request_bytes(server, f"{target}?view=updates&offset={head}&live=sse"))
        data = b""
        while data.count(b": heartbeat\n\n") < 3:
            data += read_until(sock, b"\n\n\r\n")
    start, _ = split(data)
    got = dechunk(data.partition(b"\r\n\r\n")[2])[0].decode()
    expected = expected.replace(of_flue2("42").header("stream-next-offset"), head)
    numbered = f'"streamNextOffset":"{head}"'
    expected = re.sub(r'"streamNextOffset":"[0-9_]+"', numbered, expected)
    assert Normalizer()(got)[: len(Normalizer()(expected))] == Normalizer()(expected)
    recorded = {name for name, _ in of_flue2("47").headers}
    assert {line.partition(b": ")[0].decode() for line in start.splitlines()[1:]} == recorded


def test_reporter(server):
    """Data parts and metadata, followed live by server-sent events."""
    target, sides = "/agents/reporter/rec-2abbe4", Sides()
    (script,) = by_submission(items(of_flue2("49")))
    listening = threading.Event()

    @server.agent("reporter")
    def reporter(turn):
        listening.wait(5)
        play(turn, script, compact=None)

    got = send(server, "go", target=target)
    sides.compare("48", got)
    with opened(server) as sock:
        where = f"{target}?view=updates&offset={got.json()['offset']}&live=sse"
        sock.sendall(request_bytes(server, where))
        data = read_until(sock, b"upToDate")
        listening.set()
        data += read_until(sock, b"submission-settled")
        data += read_until(sock, b"event: control")
        data += read_until(sock, b"\n\n")
    frames = dechunk(data.partition(b"\r\n\r\n")[2])[0].decode()
    assert re.fullmatch(r"((event: (data|control)\ndata:\S.*\n\n)|(: heartbeat\n\n))+", frames)
    mine = [json.loads(line[5:]) for line in frames.splitlines() if line.startswith("data:[")]
    assert [chunk["type"] for chunk in mine[0]] == ["stream-checkpoint"]
    chunks = [chunk for page in mine[1:] for chunk in page]
    assert sides.text(0, dumps(chunks)) == sides.text(1, dumps(items(of_flue2("49"))))
    offsets = re.findall(r'"streamNextOffset":"([0-9_]+)"', frames)
    assert offsets == sorted(offsets)
    assert offsets[-1] == of_flue2("50").header("stream-next-offset")
    sides.compare("50", get(server, target))
    assert_adds_up(server, target)


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_abort_of_a_running_and_a_queued_submission(server):
    target, sides = "/agents/slow/rec-2abbe4", Sides()
    (script,) = by_submission(items(of_flue2("55")))
    deltas = [chunk for chunk in script if chunk["type"] == "message-delta"]
    early = [chunk for chunk in deltas if chunk["position"]["batch"] <= 7]
    written, go_on, done = threading.Event(), threading.Event(), threading.Event()

    @server.agent("slow")
    def slow(turn):
        play(turn, early, compact=None)
        written.set()
        go_on.wait(5)
        play(turn, [chunk for chunk in deltas if chunk not in early], compact=None)
        turn.text(" word17 word")
        done.set()
        turn.sleep(30)

    sides.compare("52", send(server, "talk", target=target))
    assert written.wait(5)
    queued = send(server, "queued", target=target)
    assert queued.status == 202
    sides.text(0, queued.body.decode()), sides.text(1, of_flue2("53").body.decode())
    sides.compare("54", get(server, target))
    go_on.set()
    assert done.wait(5)
    chunks = get(server, f"{target}?view=updates&offset={0:016d}_{0:016d}").json()[1:-1]
    assert sides.text(0, dumps(chunks)) == sides.text(1, dumps(items(of_flue2("55"))))
    sides.compare("56", get(server, f"{target}/abort"))
    sides.compare("57", ask(server, "POST", f"{target}/abort"))
    sides.compare("58", ask(server, "POST", f"{target}/abort"))
    sides.compare("59", get(server, target))
    assert_adds_up(server, target)


def test_compaction(server):
    """The whole state once more, between the end of a message and its settlement."""
    target, sides = "/agents/compactor/rec-2abbe4", Sides()
    chunks = items(of_flue2("70"))
    scripts = iter(by_submission(chunks))

    @server.agent("compactor")
    def compactor(turn):
        play(turn, next(scripts), compact=lambda: server.compact("compactor", "rec-2abbe4"))

    messages = [chunk["message"] for chunk in chunks if chunk["type"] == "message-appended"]
    for number, message in enumerate(messages):
        got = send(server, message["parts"][0]["text"], target=target)
        if not number:
            sides.compare("65", got)
        settled(server, got.json(), target=target)
    sides.compare("69", get(server, target))
    sides.compare("70", get(server, f"{target}?view=updates&offset=-1"))
    assert_adds_up(server, target)


# Sessions of the same server of which only the updates and the history are recorded


class Session:
    """Plays a recorded conversation: messages are sent, chunks are written."""

    def __init__(self, server, name):
        self.server, self.name, self.target = server, name, "/agents/slow/one"
        self.chunks = items(of_flue2(f"{name}_updates"))
        self.bodies = [
            chunk["message"]["parts"][0]["text"]
            for chunk in self.chunks
            if chunk["type"] == "message-appended" and chunk["message"]["role"] == "user"
        ]

    def of_agent(self, start, end=None):
        """The chunks of the agent in a range of batches."""
        kept = [chunk for chunk in self.chunks if chunk["type"] not in {"message-appended", "conversation-reset"}]
        return [chunk for chunk in kept if start <= chunk["position"]["batch"] < (end or 10**9)]

    def send(self, number):
        got = send(self.server, self.bodies[number], target=self.target)
        assert got.status == 202
        return got.json()

    def compare(self, receipt):
        settled(self.server, receipt, target=self.target)
        sides = Sides()
        sides.compare(f"{self.name}_updates", get(self.server, f"{self.target}?view=updates&offset=-1"))
        sides.compare(f"{self.name}_history", get(self.server, self.target))
        assert_adds_up(self.server, self.target)


def boundary(session):
    """The batch of the second message: what is before it, the agent writes before it joins."""
    appended = [chunk for chunk in session.chunks if chunk["type"] == "message-appended"]
    return appended[1]["position"]["batch"]


@pytest.mark.parametrize("name", ["joined_at_tool", "failed_joined"])
def test_messages_that_join_after_a_tool(server, name):
    session = Session(server, name)
    begun, go_on = threading.Event(), threading.Event()

    @server.agent("slow")
    def slow(turn):
        begun.set()
        go_on.wait(5)
        play(turn, session.of_agent(0), compact=None)

    host = session.send(0)
    assert begun.wait(5)
    for number in range(1, len(session.bodies)):
        session.send(number)
    go_on.set()
    session.compare(host)


def test_message_that_joins_at_the_end(server):
    session = Session(server, "joined_at_end")
    half = boundary(session)
    scripts = iter([session.of_agent(0, half), session.of_agent(half)])
    begun, go_on = threading.Event(), threading.Event()

    @server.agent("slow")
    def slow(turn):
        play(turn, next(scripts), compact=None)
        begun.set()
        go_on.wait(5)

    host = session.send(0)
    assert begun.wait(5)
    session.send(1)
    go_on.set()
    session.compare(host)


def test_text_that_is_taken_back(server):
    session = Session(server, "retracted")
    (reset,) = [chunk["position"]["batch"] for chunk in session.chunks[1:] if chunk["type"] == "conversation-reset"]

    @server.agent("slow")
    def slow(turn):
        play(turn, session.of_agent(0, reset), compact=None)
        turn.reset()
        play(turn, session.of_agent(reset), compact=None)

    session.compare(session.send(0))


def test_abort_while_a_tool_is_at_work(server):
    """What a tool says then is its own."""
    session = Session(server, "abort_in_tool")
    session.bodies.append("later")
    outcome = next(chunk for chunk in session.chunks if chunk["type"] == "tool-output-error")
    working = threading.Event()

    @server.agent("slow")
    def slow(turn):
        play(turn, session.of_agent(0, outcome["position"]["batch"]), compact=None)
        working.set()
        turn.sleep(30)

    session.send(0)
    assert working.wait(5)
    last = session.send(1)
    assert ask(server, "POST", f"{session.target}/abort").json() == {"aborted": True}
    session.compare(last)


def test_abort_after_joining(server):
    session = Session(server, "abort_of_joined")
    begun, go_on, written = threading.Event(), threading.Event(), threading.Event()
    end = [chunk["position"]["batch"] for chunk in session.chunks if chunk["type"] == "message-completed"][-1]

    @server.agent("slow")
    def slow(turn):
        begun.set()
        go_on.wait(5)
        play(turn, session.of_agent(0, end), compact=None)
        written.set()
        turn.sleep(30)

    host = session.send(0)
    assert begun.wait(5)
    session.send(1)
    go_on.set()
    assert written.wait(5)
    assert ask(server, "POST", f"{session.target}/abort").json() == {"aborted": True}
    session.compare(host)


def test_initial_data(server):
    def validate(value):
        if value is None:
            raise ValueError("Invalid type: Expected Object but received undefined")
        if not isinstance(value["tier"], str):
            raise ValueError(f"Invalid type: Expected string but received {value['tier']}")

    seen, target, sides = [], "/agents/seeded/rec-2abbe4", Sides()
    server.add_agent("seeded", lambda turn: seen.append(turn.initial_data), validate_initial_data=validate)
    sides.compare("71", send(server, "x", initialData={"tier": 3}, target=target))
    sides.compare("72", send(server, "x", target=target))
    assert get(server, target).status == 404
    created = send(server, "x", initialData={"tier": "gold"}, target=target)
    sides.compare("73", created)
    settled(server, created.json(), target=target)
    uid = created.json()["uid"]
    sides.compare("74", send(server, "x", initialData={"tier": "gold"}, uid=uid, target=target))
    talk(server, "x", target=target)
    assert seen == [{"tier": "gold"}, {"tier": "gold"}]


def test_refused_sends(server):
    server.add_agent("assistant", lambda turn: None)
    target, sides = "/agents/assistant/rec-2abbe4", Sides()

    def post(body, headers=JSON, query=""):
        return ask(server, "POST", target + query, body, headers)

    sides.compare("75", post(b'{"message": "hi"}'))
    sides.compare("76", post(b'"hi"'))
    sides.compare("77", send(server, uid=3, target=target))
    sides.compare("78", send(server, kind="signal", type="t", tagName="1 bad", target=target))
    sides.compare("79", send(server, kind="signal", type="submission_aborted", target=target))
    sides.compare("80", send(server, "x", target=f"{target}?wait=result"))
    broken, expected = post(b"{nope"), of_flue2("81")
    # The words of the JSON parser are its own.
    first = [got.json()["error"]["details"].split("\n") for got in (broken, expected)]
    assert broken.status == expected.status
    assert first[0][1:] == first[1][1:]
    assert first[0][0].startswith("The JSON parser reported: ")
    sides.compare("82", post(b"hi", [("content-type", "text/plain")]))
    sides.compare("83", post(None, []))
    assert get(server, target).status == 404


def test_errors_that_are_logged(server):
    """The reference is in the body and in a header."""
    server.add_agent("assistant", lambda turn: None)
    got = send(server, attachments=[{"type": "image", "data": "no base64!", "mimeType": "image/png"}],
               target="/agents/assistant/rec-2abbe4")  # fmt: skip
    Sides().compare("88", got)
    # An empty conversation is left behind.
    assert get(server, "/agents/assistant/rec-2abbe4").json()["messages"] == []


def test_authorization():
    with FlueTestServer("secret", flue_version=2) as server:
        server.add_agent("assistant", lambda turn: None)
        target, sides = "/agents/assistant/rec-2abbe4", Sides()
        sides.compare("86", get(server, target))
        sides.compare("87", get(server, target, headers=[("authorization", "Bearer nope")]))
        assert get(server, target, headers=AUTHORIZED).status == 404
