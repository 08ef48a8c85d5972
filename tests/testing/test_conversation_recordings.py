"""Conversations against recordings of a real Flue 2.1: a session is played again, and answer by answer is compared.

The agents write what the chunks of the recording say, batch by batch, so positions and offsets are compared too.
"""

from __future__ import annotations

import itertools
import json
import re

import pytest
from faces.reading import eventually

from flue.testing import FlueTestServer

from .conversing import IMAGE, Normalizer, assert_adds_up, comparable_headers, items, of_flue2, send, settled, talk
from .raw import JSON, ask, dechunk, get, read_until, requested, split

SERVER_OPTIONS = {"flue_version": 2, "poll_hold": 0.1, "heartbeat": 0.05}

TARGET = "/agents/assistant/rec-2abbe4"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def by_submission(chunks):
    """What each submission made the agent write, in order."""
    scripts = []
    for chunk in chunks:
        if chunk["type"] == "message-appended":
            scripts.append([])
        elif scripts:
            scripts[-1].append(chunk)
    return scripts


def play(turn, chunks, compact=None):
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
    sides = Sides()
    sides.compare("01", get(server, TARGET))
    for number, live in (("02", ""), ("03", "&live=long-poll"), ("04", "&live=sse")):
        sides.compare(number, get(server, f"{TARGET}?view=updates&offset=-1{live}"))
    sides.compare("05", ask(server, "HEAD", TARGET))
    sides.compare("06", get(server, f"{TARGET}/attachments/att_nope"))
    sides.compare("07", ask(server, "POST", f"{TARGET}/abort"))
    sides.compare("08", send(server, "hi", uid="inst_nope", target=TARGET))
    sides.compare("85", get(server, "/agents/nosuch/x"))
    sides.compare("89", get(server, "/agents/assistant/%20"))
    sides.compare("90", send(server, "hi", target="/agents/assistant/caf%C3%A9%2Fa%20b-2abbe4"))


PAGE_1, HEAD = (of_flue2(number).header("stream-next-offset") for number in ("41", "42"))
BEYOND = f"{0:016d}_{99999:016d}"
READS = {
    "28": "?view=history",
    "29": "",
    "31": "?offset=-1",
    "32": "?view=x",
    "33": "?view=updates",
    "34": "?view=updates&offset=-1&offset=-1",
    "35": "?view=updates&offset=x",
    "36": "?view=updates&offset=now",
    "37": "?view=updates&offset=-1&live=x",
    "38": "?view=updates&offset=-1&tail=1",
    "39": f"?view=updates&offset={BEYOND}",
    "40": f"?view=updates&offset={BEYOND}&live=sse",
    "41": "?view=updates&offset=-1",
    "42": f"?view=updates&offset={PAGE_1}",
    "43": f"?view=updates&offset={HEAD}",
    "44": "?view=updates&offset=-1&live=long-poll",
}


def test_session(server, gate):
    """Nine submissions: tools, failures, a signal, an attachment; then every kind of read."""
    sides = Sides()
    scripts = iter(by_submission([*items(of_flue2("41")), *items(of_flue2("42"))]))

    @server.agent("assistant")
    def assistant(turn):
        if turn.message.body == "keyed":
            gate()
        play(turn, next(scripts))

    def step(number, body, *, settles=True, **fields):
        got = send(server, body, target=TARGET, **fields)
        sides.compare(number, got)
        if settles:
            settled(server, got.json(), target=TARGET)
        return got.json()

    created = step("09", "use the tool", uid=None, settles=False)
    step("10", "again", uid=None, settles=False)
    step("11", "hi", uid="inst_other", settles=False)
    settled(server, created, target=TARGET)
    step("12", "hello again", uid=created["uid"])
    first = step("13", "keyed", idempotencyKey="k-2abbe4", settles=False)
    step("14", "keyed", idempotencyKey="k-2abbe4", settles=False)
    gate.open()
    settled(server, first, target=TARGET)
    step("15", "keyed", idempotencyKey="k-2abbe4")
    step("16", "different payload", idempotencyKey="k-2abbe4", settles=False)
    step("17", "keyed", idempotencyKey="", settles=False)
    step("18", "keyed", idempotencyKey="x" * 257, settles=False)
    step("19", "from a thread", kind="signal", type="slack.message", attributes={"sender": "ana"}, tagName="slack")
    step("20", "badtool now")
    step("21", "two tools")
    step("22", "please fail")
    step("23", "silent")
    last = step("24", "look", attachments=[IMAGE | {"data": PNG, "filename": "dot.png"}])

    found = get(server, f"{TARGET}/attachments/att_direct_{last['submissionId']}_0")
    assert (found.body, comparable_headers(found)) == (of_flue2("25").body, capital_length(of_flue2("25")))
    sides.compare("26", get(server, f"{TARGET}/attachments/nope"))
    sides.compare("27", ask(server, "POST", f"{TARGET}/attachments/nope"))
    sides.compare("30", ask(server, "HEAD", TARGET))
    for number, query in READS.items():
        sides.compare(number, get(server, f"{TARGET}{query}"))
    sides.compare("43", get(server, f"{TARGET}?view=updates&offset={HEAD}&live=long-poll"))  # an idle one
    assert_adds_up(server, TARGET)
    sides.compare("84", ask(server, "DELETE", TARGET))


def capital_length(got):
    """The real server writes the length of an attachment itself."""
    return sorted(
        (re.sub("^content-length$", "Content-Length", name), value) for name, value in comparable_headers(got)
    )


def test_long_poll_is_woken(gate):
    """By the message that somebody else sends, with nothing else yet: the agent has not begun."""
    with FlueTestServer(flue_version=2) as server:
        server.add_agent("assistant", lambda turn: gate() if turn.message.body == "poke" else None)
        talk(server, target=TARGET)
        head = get(server, TARGET).header("stream-next-offset")
        seen = len(server.requests)
        with requested(server, f"{TARGET}?view=updates&offset={head}&live=long-poll") as sock:
            server.wait_for_requests(seen + 1)
            receipt = send(server, "poke", target=TARGET).json()
            got = json.loads(split(read_until(sock, b"}]"))[1])
        gate.open()
        settled(server, receipt, target=TARGET)
        assert server.problems == []
    recorded = json.loads(of_flue2("45").body)
    assert [list(item) for item in got] == [list(item) for item in recorded]
    assert got[1]["message"]["parts"] == recorded[1]["message"]["parts"]


def test_idle_events(server):
    """Checkpoint, control, then heartbeats and controls in the recorded order."""
    server.add_agent("assistant", lambda turn: None)
    talk(server, target=TARGET)
    head = get(server, TARGET).header("stream-next-offset")
    with requested(server, f"{TARGET}?view=updates&offset={head}&live=sse") as sock:
        data = b""
        while data.count(b": heartbeat\n\n") < 3:
            data += read_until(sock, b"\n\n\r\n")
    start, body = split(data)
    expected = re.sub(r"[0-9]{16}_[0-9]{16}", head, dechunk(of_flue2("47").body)[0].decode())
    got, expected = Normalizer()(dechunk(body)[0].decode()), Normalizer()(expected)
    assert got[: len(expected)] == expected
    recorded = {name for name, _ in of_flue2("47").headers}
    assert {line.partition(b": ")[0].decode() for line in start.splitlines()[1:]} == recorded


def test_reporter(server, gate):
    """Data parts and metadata, followed live by server-sent events."""
    target, sides = "/agents/reporter/rec-2abbe4", Sides()
    (script,) = by_submission(items(of_flue2("49")))

    @server.agent("reporter")
    def reporter(turn):
        gate()
        play(turn, script)

    got = send(server, "go", target=target)
    sides.compare("48", got)
    with requested(server, f"{target}?view=updates&offset={got.json()['offset']}&live=sse") as sock:
        data = read_until(sock, b"upToDate")
        gate.open()
        for marker in (b"submission-settled", b"event: control", b"\n\n"):
            data += read_until(sock, marker)
    frames = dechunk(split(data)[1])[0].decode()
    assert re.fullmatch(r"((event: (data|control)\ndata:\S.*\n\n)|(: heartbeat\n\n))+", frames)
    checkpoint, *pages = [json.loads(line[5:]) for line in frames.splitlines() if line.startswith("data:[")]
    assert [chunk["type"] for chunk in checkpoint] == ["stream-checkpoint"]
    chunks = [chunk for page in pages for chunk in page]
    assert sides.text(0, dumps(chunks)) == sides.text(1, dumps(items(of_flue2("49"))))
    offsets = re.findall(r'"streamNextOffset":"([0-9_]+)"', frames)
    assert offsets == sorted(offsets)
    assert offsets[-1] == of_flue2("50").header("stream-next-offset")
    sides.compare("50", get(server, target))
    assert_adds_up(server, target)


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_abort_of_a_running_and_a_queued_submission(server):
    target, sides, meanwhile = "/agents/slow/rec-2abbe4", Sides(), []
    (script,) = by_submission(items(of_flue2("55")))
    deltas = [chunk for chunk in script if chunk["type"] == "message-delta"]

    @server.agent("slow")
    def slow(turn):
        play(turn, [chunk for chunk in deltas if chunk["position"]["batch"] <= 7])
        meanwhile.append(send(server, "queued", target=target))
        meanwhile.append(get(server, target))
        play(turn, [chunk for chunk in deltas if chunk["position"]["batch"] > 7])
        turn.text(" word17 word")
        meanwhile.append(get(server, f"{target}?view=updates&offset={0:016d}_{0:016d}"))
        turn.sleep(30)

    sides.compare("52", send(server, "talk", target=target))
    eventually(lambda: len(meanwhile) == 3, "all is written")
    queued, shown, updates = meanwhile
    assert queued.status == 202
    sides.text(0, queued.body.decode()), sides.text(1, of_flue2("53").body.decode())
    sides.compare("54", shown)
    assert sides.text(0, dumps(updates.json()[1:-1])) == sides.text(1, dumps(items(of_flue2("55"))))
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


SLOW = "/agents/slow/one"


class Session:
    """Plays a recorded conversation: an agent that writes its chunks, and at times does what its users did."""

    def __init__(self, server, name, acts):
        self._server, self._acts = server, iter(acts)
        self._chunks = items(of_flue2(f"{name}_updates"))
        appended = [chunk["message"] for chunk in self._chunks if chunk["type"] == "message-appended"]
        self._bodies = [message["parts"][0]["text"] for message in appended if message["role"] == "user"]
        self._played = 0
        self.receipts = []

    def send(self, body):
        got = send(self._server, body, target=SLOW)
        assert got.status == 202
        self.receipts.append(got.json())

    def start(self):
        """Send what the users sent first."""
        self.send(self._bodies[0])

    def __call__(self, turn):
        for act in self._acts:
            match act:
                case "send":
                    for body in self._bodies[1:]:
                        self.send(body)
                case "send another":
                    self.send("later")
                case "return":
                    return
                case "reset":
                    turn.reset()
                case "abort":
                    assert ask(self._server, "POST", f"{SLOW}/abort").json() == {"aborted": True}
                    turn.sleep(30)
                case _:
                    self._play(turn, act)

    def _play(self, turn, kind):
        """Write the chunks of the agent before the last one of a type, or all."""
        behind = max((chunk["position"]["batch"] for chunk in self._chunks if chunk["type"] == kind), default=10**9)
        own = [chunk for chunk in self._chunks if chunk["type"] not in {"message-appended", "conversation-reset"}]
        play(turn, [chunk for chunk in own if self._played <= chunk["position"]["batch"] < behind])
        self._played = behind


@pytest.mark.parametrize(
    ("name", "acts"),
    [
        # Messages that join after a tool, or when the function returns: what was written before stands before them.
        ("joined_at_tool", ["send", "the rest"]),
        ("failed_joined", ["send", "the rest"]),
        ("joined_at_end", ["message-appended", "send", "return", "the rest"]),
        # Text that is taken back.
        ("retracted", ["conversation-reset", "reset", "the rest"]),
        # An abort while a tool is at work, which has its own words for that, and after a message has joined.
        ("abort_in_tool", ["tool-output-error", "send another", "abort"]),
        ("abort_of_joined", ["send", "message-completed", "abort"]),
    ],
)
def test_a_course_of_events(server, name, acts):
    session, sides = Session(server, name, acts), Sides()
    server.add_agent("slow", session)
    session.start()
    for receipt in session.receipts:
        settled(server, receipt, target=SLOW)
    sides.compare(f"{name}_updates", get(server, f"{SLOW}?view=updates&offset=-1"))
    sides.compare(f"{name}_history", get(server, SLOW))
    assert_adds_up(server, SLOW)


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
    sides.compare("74", send(server, "x", initialData={"tier": "gold"}, uid=created.json()["uid"], target=target))
    talk(server, "x", target=target)
    assert seen == [{"tier": "gold"}, {"tier": "gold"}]


def test_refused_sends(server):
    server.add_agent("assistant", lambda turn: None)
    sides = Sides()

    def post(body, headers=JSON):
        return ask(server, "POST", TARGET, body, headers)

    sides.compare("75", post(b'{"message": "hi"}'))
    sides.compare("76", post(b'"hi"'))
    sides.compare("77", send(server, uid=3, target=TARGET))
    sides.compare("78", send(server, kind="signal", type="t", tagName="1 bad", target=TARGET))
    sides.compare("79", send(server, kind="signal", type="submission_aborted", target=TARGET))
    sides.compare("80", send(server, "x", target=f"{TARGET}?wait=result"))
    broken, expected = post(b"{nope"), of_flue2("81")
    # The words of the JSON parser are its own.
    words, *rest = broken.error["details"].split("\n")
    assert (broken.status, rest) == (expected.status, expected.error["details"].split("\n")[1:])
    assert words.startswith("The JSON parser reported: ")
    sides.compare("82", post(b"hi", [("content-type", "text/plain")]))
    sides.compare("83", post(None, []))
    assert get(server, TARGET).status == 404


def test_errors_that_are_logged(server):
    """The reference is in the body and in a header."""
    server.add_agent("assistant", lambda turn: None)
    Sides().compare("88", send(server, attachments=[IMAGE | {"data": "no base64!"}], target=TARGET))
    # An empty conversation is left behind.
    assert get(server, TARGET).json()["messages"] == []


def test_authorization():
    with FlueTestServer("secret", flue_version=2) as server:
        server.add_agent("assistant", lambda turn: None)
        sides = Sides()
        sides.compare("86", get(server, TARGET))
        sides.compare("87", get(server, TARGET, headers=[("authorization", "Bearer nope")]))
        assert get(server, TARGET, headers=[("authorization", "Bearer secret")]).status == 404
