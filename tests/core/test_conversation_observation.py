"""Keeping a state up to date: phases, what is asked after which answer, and which states are handed over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flue.codec import to_json
from flue.core.actions import Done, Fail, Open, Sleep
from flue.errors import (
    BadRequestError,
    DurableStreamError,
    FlueTimeoutError,
    NotFoundError,
)

from .conversations import (
    CONTENT_ACTS,
    Conversation,
    Reader,
    Server,
    act,
    after,
    counted_calls,
    cut_everywhere,
    cutting,
    history,
    observer,
    read,
    recorded_events,
    recorded_response,
    snapshot,
    views,
)
from .script import REFUSED, RESET, at, control_frame, data_frame, events, frames, page, refusal

if TYPE_CHECKING:
    from flue.core.conversation import ConversationState

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


def texts(state: ConversationState) -> list[str]:
    return [part.text for message in state.messages for part in message.parts if part.type == "text"]


def assert_history(state: ConversationState | None, talk: Conversation) -> None:
    said = talk.history()
    assert state is not None
    assert [to_json(message) for message in state.messages] == said["messages"]
    assert [to_json(settlement) for settlement in state.settlements] == said["settlements"]


class TestStates:
    @LIVES
    def test_the_state_at_once_and_then_one_after_each_batch(self, live: Any) -> None:
        talk = after(act("user", "hi"))
        news = [act("start"), act("say", "a", "b"), act("say", "c"), act("complete"), act("settle")]
        server = Server(talk, news)
        machine = observer(live=live)
        assert (machine.state, machine.phase, machine.error, machine.offset) == (None, "loading", None, "-1")
        played = read(machine, server, items=6)
        assert [texts(state) for state in played.items] == [["hi"], ["hi"], *[["hi", "ab"]], *[["hi", "abc"]] * 3]
        assert views(played)[:2] == ["history", f"{at(2)} {'plain' if live == 'long-poll' else 'sse'}"]
        assert_history(machine.state, talk)
        assert machine.state is played.items[-1]
        assert (machine.phase, machine.error, machine.offset) == ("live", None, talk.offset)

    def test_a_batch_that_changes_nothing_gives_no_state(self) -> None:
        talk = after(act("answer"))
        server = Server(talk, [act("reset"), act("complete", "a_sub_1")])
        machine = observer()
        played = read(machine, server, until=20.0)
        assert len(played.items) == 1
        assert machine.offset == talk.offset

    def test_a_slow_consumer_gets_the_newest(self) -> None:
        talk = Conversation()
        start = history(talk)
        talk.start()
        body = frames([talk.checkpoint(), *talk.batches[1]], at(2))
        for word in ("a", "b", "c"):
            talk.say(word)
            body += frames(talk.batches[-1], talk.offset)
        played = read(observer(live="sse"), [start, events(body)])
        assert [texts(state) for state in played.items] == [[], ["abc"]]

    def test_a_stream_that_the_server_closes_is_the_end(self) -> None:
        talk = Conversation()
        machine = observer()
        closed = page([talk.checkpoint()], at(1), up_to_date=True, closed=True)
        assert read(machine, [history(talk), closed]).end == Done()
        assert machine.phase == "closed"


class TestAbsent:
    def test_a_conversation_that_does_not_exist_is_an_error_that_refresh_looks_at_again(self) -> None:
        machine = observer()
        reader = Reader(machine, server := Server(None))
        played = reader.run()
        assert isinstance(played.error, NotFoundError)
        assert (machine.phase, machine.error) == ("absent", played.error)
        assert reader.run().end == played.end  # nothing is asked until somebody says so
        assert len(played.requests) == 1
        server.conversation = Conversation()
        machine.refresh()
        assert machine.result is None
        assert len(reader.run(items=1).items) == 1
        assert machine.phase == "connecting"

    def test_it_can_be_waited_for(self) -> None:
        server = Server(None)
        server.news = [lambda _: None] * 6 + [lambda _: setattr(server, "conversation", Conversation())]
        machine = observer(wait_until_exists=True)
        reader = Reader(machine, server)
        while not reader.played.items:
            action = machine.next_action(reader.played.now)
            if isinstance(action, Sleep):
                assert machine.phase == "absent"
                assert isinstance(machine.error, NotFoundError)
            reader._perform(action, 1e9)
        assert reader.played.delays == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
        assert (machine.phase, machine.error) == ("connecting", None)

    def test_but_not_where_it_is_the_route_that_does_not_exist(self) -> None:
        machine = observer(wait_until_exists=True)
        played = read(machine, [refusal(404, b"404 Not Found")])
        assert isinstance(played.error, NotFoundError)
        assert machine.phase == "absent"

    def test_one_that_vanishes(self) -> None:
        server = Server(Conversation())
        server.news = [lambda _: setattr(server, "conversation", None)]
        machine = observer()
        played = read(machine, server)
        assert isinstance(played.error, NotFoundError)
        assert views(played)[-1] == "history"
        assert machine.phase == "absent"
        assert machine.state is not None


class TestErrors:
    def test_a_refusal_is_an_error_that_refresh_looks_at_again(self) -> None:
        machine = observer()
        reader = Reader(machine, [refusal(400), history(Conversation())])
        assert isinstance(reader.run().error, BadRequestError)
        assert (machine.phase, machine.error) == ("error", reader.played.error)
        machine.refresh()
        assert isinstance(machine.next_action(0.0), Open)
        assert machine.phase == "loading"

    def test_a_retry_shows_and_passes(self) -> None:
        talk = Conversation()
        machine = observer()
        live = page([talk.checkpoint()], at(1), up_to_date=True)
        reader = Reader(machine, [REFUSED, history(talk), RESET, live])
        seen = []
        for _ in range(30):
            action = machine.next_action(reader.played.now)
            seen.append((machine.phase, machine.error is not None))
            if not reader._perform(action, 1e9):
                break
        order = [one for index, one in enumerate(seen) if index == 0 or seen[index - 1] != one]
        assert order == [
            ("loading", False),
            ("loading", True),
            ("connecting", False),
            ("connecting", True),
            ("live", False),
        ]

    def test_broken_updates_lead_to_a_fresh_history_but_not_for_ever(self) -> None:
        start, machine = history(Conversation()), observer()
        played = read(machine, lambda request, now: start if "=history" in request.url else page(b"{", at(2)))
        assert isinstance(played.error, DurableStreamError)
        assert played.delays == [0.0, 1.0, 2.0]
        assert machine.phase == "error"


class TestLostPlace:
    @LIVES
    def test_another_incarnation(self, live: Any) -> None:
        new = Conversation("inc_2")
        new.answer("new")
        server = Server(after(act("answer", "old")))
        server.news = [lambda _: setattr(server, "conversation", new)]
        machine = observer(live=live)
        played = read(machine, server, items=2)
        assert [texts(state)[-1] for state in played.items] == ["old", "new"]
        assert views(played)[-1] == "history"
        [pause] = played.pauses
        assert (pause.delay, pause.attempt.error.code) == (0.0, "STREAM_REPLACED")
        assert machine.phase == "connecting"

    def test_an_unknown_chunk_leads_to_a_fresh_history(self) -> None:
        talk = after(act("start"))
        start = history(talk)
        talk.emit({"type": "message-sung", "messageId": "a1"})
        updates = page([talk.checkpoint(), *talk.batches[-1]], talk.offset, up_to_date=True)
        sung = {**talk.messages[0], "parts": [{"type": "song", "notes": [1]}]}
        machine = observer()
        played = read(machine, [start, updates, history(talk, messages=[sung])])
        assert [to_json(message) for message in machine.state.messages] == [sung]
        [pause] = played.pauses
        assert pause.attempt.error.code == "UNKNOWN_CHUNK"
        assert "'message-sung'" in str(pause.attempt.error)


class TestCaller:
    def test_refresh_while_it_is_live(self) -> None:
        talk = Conversation()
        server = Server(talk)
        machine = observer()
        reader = Reader(machine, server)
        reader.run(items=1)
        while machine.phase != "live":
            reader._perform(machine.next_action(reader.played.now), 1e9)
        talk.user("hi")
        machine.refresh()
        machine.connection_interrupted()  # as a driver does that was blocked in a read
        played = reader.run(items=2)
        assert views(played)[-1] == "history"
        assert machine.phase == "connecting"
        assert texts(played.items[-1]) == ["hi"]

    def test_a_connection_that_was_cut_for_a_refresh_is_no_failure(self) -> None:
        """The other way to wake a driver: shut its connection down."""
        machine = observer()
        reader = Reader(machine, Server(Conversation()))
        reader.run(items=1)
        reader._perform(machine.next_action(0.0), 1e9)
        machine.refresh()
        machine.connection_failed(RESET, 0.0)
        action = machine.next_action(0.0)
        assert isinstance(action, Open)
        assert action.request.url.endswith("?view=history")
        assert machine.error is None

    def test_cancelling_closes_it(self) -> None:
        machine = observer()
        read(machine, Server(Conversation()), items=1)
        machine.cancel()
        assert (machine.next_action(0.0), machine.phase, machine.error) == (Done(), "closed", None)
        machine.refresh()
        assert machine.next_action(0.0) == Done()
        machine.connection_interrupted()
        assert machine.state is not None

    def test_a_limit_that_is_over_closes_it_with_an_error(self) -> None:
        machine, error = observer(), FlueTimeoutError("over")
        machine.cancel(error)
        assert (machine.next_action(0.0), machine.phase, machine.error) == (Fail(error), "closed", error)


ACTS = [
    *CONTENT_ACTS,
    lambda talk: talk.settle(f"sub_{len(talk.batches) % 3}"),
    lambda talk: talk.call(f"c{len(talk.batches)}", id="a2"),
    lambda talk: talk.describe(n={"x": len(talk.batches)}),
    act("complete"),
    act("say", "d", id="a2"),
    act("emit", {"type": "message-sung"}),
]


@given(
    acts=st.lists(st.sampled_from(ACTS), max_size=12),
    cuts=st.lists(st.one_of(st.none(), st.integers(0, 400)), max_size=12),
    live=st.sampled_from(["sse", "long-poll"]),
    replaced=st.one_of(st.none(), st.integers(0, 12)),
)
@settings(settings.get_profile("core"), max_examples=50)
def test_at_rest_the_state_is_the_history_whatever_happens(
    acts: Any, cuts: Any, live: Any, replaced: int | None
) -> None:
    """Connections that are cut at any byte, resets, unknown chunks, a store that is replaced."""

    def begin(talk: Conversation) -> Conversation:
        talk.start()
        talk.start("a2")
        return talk

    server = Server(begin(Conversation()), acts)
    server.page = 3
    if replaced is not None:
        server.news.insert(replaced, lambda _: setattr(server, "conversation", begin(Conversation("inc_2"))))
    machine = observer(live=live)
    played = read(machine, cutting(server, cuts), until=3600.0)
    assert (played.end, server.news, machine.phase) == (None, [], "live")
    assert_history(machine.state, server.conversation)
    assert played.items[-1] is machine.state
    assert len({id(state) for state in played.items}) == len(played.items)


@LIVES
def test_a_transcript_that_is_cut_after_every_byte(live: Any) -> None:
    """The same state in the end, and never a state twice."""

    def last(talk: Conversation) -> None:
        talk.say("b")
        talk.complete()
        talk.settle()

    def start() -> tuple[Any, Server]:
        return observer(live=live), Server(after(act("start")), [act("say", "a"), last])

    def check(machine: Any, talk: Conversation, played: Any) -> None:
        assert len(talk.history()["settlements"]) == 1
        assert_history(machine.state, talk)
        assert machine.phase == "live"
        assert len({id(state) for state in played.items}) == len(played.items)

    cut_everywhere(start, check, until=100.0)


def test_a_chunk_costs_the_same_however_many_there_were() -> None:
    """Counted in calls, not timed: from the bytes to the state that is handed over, one for each chunk."""
    talk = after(act("start"))
    machine = observer(live="sse")
    steps: list[Any] = [data_frame([talk.checkpoint()])]
    begin = history(talk)
    for index in range(2000):
        talk.say("word ") if index % 3 else talk.call(f"c{index}")
        steps.append(frames(talk.batches[-1], talk.offset, upToDate=True))
    reader = Reader(machine, [begin, events(*steps)])
    reader.run(items=100)
    counts = []
    for number in (200, 300, 1900, 2000):
        with counted_calls() as counted:
            reader.run(items=number)
        counts += counted
    assert len(reader.played.items) == 2000
    assert len(machine.state.messages[0].parts) > 1000
    early, late = counts[1], counts[3]
    assert late < 1.05 * early


def test_a_recorded_observation() -> None:
    """A history in mid-response, and what the same server sent to who followed it from there."""
    start = recorded_response("54_slow_history_200_midstream")
    items = [item for item in recorded_events("55_slow_sse_midstream") if item["type"] != "stream-checkpoint"]
    batches = [item for item in items if item["position"]["batch"] > 7]
    body = data_frame(batches) + control_frame(at(10), upToDate=True)
    machine = observer(live="sse")
    played = read(machine, [start, events(body)])
    assert [texts(state)[-1].split()[-1] for state in played.items] == ["wo", "word16"]
    assert texts(played.items[-1])[-1].startswith("word0 word1 word2 word3 word4 word5")
    assert played.items[-1].messages[0] == snapshot(json.loads(start.body[0])).messages[0]
