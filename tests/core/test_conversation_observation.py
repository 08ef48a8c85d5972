"""Keeping a state up to date: phases, what is asked after which answer, and which states are handed over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flue.codec import to_json
from flue.core.actions import Done, Fail, Open, Sleep
from flue.core.retry import BackoffOptions
from flue.errors import (
    BadRequestError,
    DurableStreamError,
    FlueConnectionError,
    FlueTimeoutError,
    NotFoundError,
    PermissionDeniedError,
)

from .conversations import (
    Conversation,
    Reader,
    Server,
    observer,
    read,
    recorded_events,
    recorded_response,
    snapshot,
)
from .script import REFUSED, RESET, at, control_frame, data_frame, events, frames, page, refusal
from .test_conversation import counted_calls

if TYPE_CHECKING:
    from flue.core.conversation import ConversationState


def in_turn(*answers: Any) -> Any:
    script = iter(answers)
    return lambda request, now: next(script)


def history(talk: Conversation) -> Any:
    return page(json.dumps(talk.history()).encode(), talk.offset, up_to_date=True)


def views(played: Any) -> list[str]:
    return [
        query["view"] if query["view"] == "history" else f"{query['offset']} {query.get('live', 'plain')}"
        for query in played.queries
    ]


def texts(state: ConversationState) -> list[str]:
    return [part.text for message in state.messages for part in message.parts if part.type == "text"]


def assert_history(state: ConversationState | None, talk: Conversation) -> None:
    said = talk.history()
    assert state is not None
    assert [to_json(message) for message in state.messages] == said["messages"]
    assert [to_json(settlement) for settlement in state.settlements] == said["settlements"]


class TestStates:
    @pytest.mark.parametrize("live", ["long-poll", "sse"])
    def test_the_state_at_once_and_then_one_after_each_batch(self, live: Any) -> None:
        talk = Conversation()
        talk.user("hi")
        server = Server(
            talk, [talk.start, lambda: talk.say("a", "b"), lambda: talk.say("c"), talk.complete, talk.settle]
        )
        machine = observer(live=live)
        assert (machine.state, machine.phase, machine.error, machine.offset) == (None, "loading", None, "-1")
        played = read(machine, server, items=6)
        assert [texts(state) for state in played.items] == [["hi"], ["hi"], *[["hi", "ab"]], *[["hi", "abc"]] * 3]
        assert views(played)[:2] == ["history", f"{at(2)} {'plain' if live == 'long-poll' else 'sse'}"]
        assert_history(machine.state, talk)
        assert machine.state is played.items[-1]
        assert (machine.phase, machine.error, machine.offset) == ("live", None, talk.offset)

    def test_a_batch_that_changes_nothing_gives_no_state(self) -> None:
        talk = Conversation()
        talk.answer()
        server = Server(talk, [talk.reset, lambda: talk.complete("a_sub_1")])
        machine = observer()
        played = read(machine, server, until=20.0)
        assert len(played.items) == 1
        assert machine.offset == talk.offset

    def test_a_slow_consumer_gets_the_newest(self) -> None:
        talk = Conversation()
        start = history(talk)
        begin = talk.offset
        talk.start()
        several = b""
        for word in ("a", "b", "c"):
            talk.say(word)
            several += frames(talk.chunks()[-1:], talk.offset)
        body = frames([talk.checkpoint(), *talk.batches[1]], at(2)) + several
        played = read(observer(live="sse"), in_turn(start, events(body)))
        assert [texts(state) for state in played.items] == [[], ["abc"]]
        assert begin == at(1)

    def test_text_that_is_taken_back(self) -> None:
        talk = Conversation()
        talk.start()
        server = Server(talk, [lambda: talk.say("wrong"), talk.retract, lambda: talk.say("right")])
        played = read(observer(), server, items=4)
        assert [texts(state) for state in played.items] == [[], ["wrong"], [], ["right"]]

    def test_a_stream_that_the_server_closes_is_the_end(self) -> None:
        talk = Conversation()
        machine = observer()
        closed = page([talk.checkpoint()], at(1), up_to_date=True, closed=True)
        assert read(machine, in_turn(history(talk), closed)).end == Done()
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
        server.news = [lambda: None] * 6 + [lambda: setattr(server, "conversation", Conversation())]
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
        played = read(machine, in_turn(refusal(404, b"404 Not Found")))
        assert isinstance(played.error, NotFoundError)
        assert machine.phase == "absent"

    def test_one_that_vanishes(self) -> None:
        talk = Conversation()
        server = Server(talk)
        server.news = [lambda: setattr(server, "conversation", None)]

        def serve(request: Any, now: float) -> Any:
            return server(request, now)

        machine = observer()
        played = read(machine, serve)
        assert isinstance(played.error, NotFoundError)
        assert views(played)[-1] == "history"
        assert machine.phase == "absent"
        assert machine.state is not None


class TestErrors:
    def test_a_refusal_is_an_error_that_refresh_looks_at_again(self) -> None:
        talk = Conversation()
        machine = observer()
        reader = Reader(machine, in_turn(refusal(400), history(talk)))
        assert isinstance(reader.run().error, BadRequestError)
        assert (machine.phase, machine.error) == ("error", reader.played.error)
        machine.refresh()
        assert isinstance(machine.next_action(0.0), Open)
        assert machine.phase == "loading"

    @pytest.mark.parametrize("at_updates", [False, True])
    @pytest.mark.parametrize(("refreshable", "tries"), [(False, 1), (True, 3)])
    def test_credentials(self, refreshable: bool, tries: int, at_updates: bool) -> None:
        answers = [history(Conversation())] if at_updates else []
        machine = observer(refreshable=refreshable)
        script = iter(answers)
        played = read(machine, lambda request, now: next(script, refusal(403)))
        assert isinstance(played.error, PermissionDeniedError)
        assert len(played.requests) == len(answers) + tries
        assert machine.phase == "error"

    def test_a_server_that_is_gone_is_waited_for_once_it_was_there(self) -> None:
        script = iter([history(Conversation())])
        machine = observer()
        played = read(machine, lambda request, now: next(script, REFUSED), until=9999.0)
        assert played.end is None
        assert machine.phase == "connecting"
        assert isinstance(machine.error, FlueConnectionError)

    def test_and_given_up_after_a_minute_when_it_never_was(self) -> None:
        machine = observer()
        played = read(machine, lambda request, now: REFUSED)
        assert isinstance(played.error, FlueConnectionError)
        assert machine.phase == "error"
        assert played.now < 61

    def test_options_that_are_used_up_are_an_error(self) -> None:
        script = iter([history(Conversation())])
        machine = observer(options=BackoffOptions(max_retries=1))
        played = read(machine, lambda request, now: next(script, REFUSED))
        assert isinstance(played.error, FlueConnectionError)
        assert (machine.phase, len(played.requests)) == ("error", 3)

    def test_a_retry_shows_and_passes(self) -> None:
        talk = Conversation()
        machine = observer()
        reader = Reader(
            machine, in_turn(REFUSED, history(talk), RESET, page([talk.checkpoint()], at(1), up_to_date=True))
        )
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
        talk = Conversation()
        start = history(talk)

        def serve(request: Any, now: float) -> Any:
            return start if "view=history" in request.url else page(b"{", at(2))

        machine = observer()
        played = read(machine, serve)
        assert isinstance(played.error, DurableStreamError)
        assert played.delays == [0.0, 1.0, 2.0]
        assert machine.phase == "error"


class TestLostPlace:
    @pytest.mark.parametrize("live", ["long-poll", "sse"])
    def test_another_incarnation(self, live: Any) -> None:
        old, new = Conversation(), Conversation("inc_2")
        old.answer("old")
        new.answer("new")
        server = Server(old)
        server.news = [lambda: setattr(server, "conversation", new)]
        machine = observer(live=live)
        played = read(machine, server, items=2)
        assert [texts(state)[-1] for state in played.items] == ["old", "new"]
        assert views(played)[-1] == "history"
        [pause] = played.pauses
        assert (pause.delay, pause.attempt.error.code) == (0.0, "STREAM_REPLACED")
        assert machine.phase == "connecting"

    def test_what_was_applied_before_is_handed_over_first(self) -> None:
        talk = Conversation()
        start = history(talk)
        talk.user("hi")
        other = {"type": "stream-checkpoint", "incarnation": "inc_2"}
        updates = page([talk.checkpoint(), *talk.batches[1], other, {"type": "lost"}], at(2), up_to_date=True)
        machine = observer()
        played = read(machine, in_turn(start, updates, history(talk)))
        assert [texts(state) for state in played.items] == [[], ["hi"]]
        assert views(played)[-1] == f"{at(2)} plain" or len(played.requests) == 3

    def test_an_offset_that_is_gone(self) -> None:
        talk = Conversation()
        start = history(talk)
        talk.user("hi")
        machine = observer()
        played = read(machine, in_turn(start, recorded_response("39_updates_416_beyond_head"), history(talk)))
        assert [texts(state) for state in played.items] == [[], ["hi"]]
        assert played.delays == [0.0]

    def test_an_unknown_chunk_leads_to_a_fresh_history(self) -> None:
        talk = Conversation()
        talk.start()

        def unknown() -> None:
            talk.emit({"type": "message-sung", "messageId": "a1"})
            talk.message("a1")["parts"].append({"type": "song", "notes": [1]})

        server = Server(talk, [unknown])
        machine = observer()
        played = read(machine, server, items=2)
        assert_history(machine.state, talk)
        [pause] = played.pauses
        assert pause.attempt.error.code == "UNKNOWN_CHUNK"
        assert "'message-sung'" in str(pause.attempt.error)

    @pytest.mark.parametrize(
        "odd",
        [
            {"type": "message-sung", "position": {"batch": 1, "index": 0}},
            {"type": "message-sung"},
            3,
            {"type": "stream-checkpoint", "incarnation": "inc_9"},
        ],
        ids=str,
    )
    def test_never_an_endless_loop(self, odd: Any) -> None:
        talk = Conversation()
        start = history(talk)

        def serve(request: Any, now: float) -> Any:
            return start if "view=history" in request.url else page([talk.checkpoint(), odd], at(2), up_to_date=True)

        played = read(observer(), serve, until=1000.0)
        assert played.delays[:8] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        assert len(played.requests) < 100
        assert len(played.items) == 1

    def test_a_checkpoint_that_does_not_fit_its_schema_is_nothing(self) -> None:
        talk = Conversation()
        updates = page([{"type": "stream-checkpoint"}], at(1), up_to_date=True)
        machine = observer()
        played = read(machine, in_turn(history(talk), updates))
        assert (played.delays, machine.phase) == ([], "live")


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

    def test_refresh_cuts_a_pause_short(self) -> None:
        machine = observer(wait_until_exists=True)
        reader = Reader(machine, Server(None))
        while not isinstance(action := machine.next_action(0.0), Sleep):
            reader._perform(action, 1e9)
        machine.refresh()
        machine.connection_interrupted()
        assert isinstance(machine.next_action(0.0), Open)

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

    def test_its_live_mode(self) -> None:
        def serve(request: Any, now: float) -> Any:
            return refusal(406) if "live=sse" in request.url else Server(Conversation())(request, now)

        machine = observer(live="sse")
        played = read(machine, serve, until=50.0)
        assert (machine.live, played.live_modes) == ("long-poll", ["long-poll"])


class TestProperties:
    @given(
        acts=st.lists(st.integers(0, 11), max_size=12),
        cuts=st.lists(st.one_of(st.none(), st.integers(0, 400)), max_size=12),
        live=st.sampled_from(["sse", "long-poll"]),
        replaced=st.one_of(st.none(), st.integers(0, 12)),
    )
    @settings(settings.get_profile("core"), max_examples=50)
    def test_at_rest_the_state_is_the_history_whatever_happens(
        self, acts: Any, cuts: Any, live: Any, replaced: int | None
    ) -> None:
        """Connections that are cut at any byte, resets, unknown chunks, a store that is replaced."""
        talk = Conversation()
        talk.start()
        talk.start("a2")
        server = Server(talk)
        server.page = 3
        choices = [
            lambda talk: talk.say("a"),
            lambda talk: talk.say("b", "c", kind="reasoning"),
            lambda talk: talk.data("d", len(talk.batches)),
            lambda talk: talk.user("x", f"sub_x{len(talk.batches)}"),
            lambda talk: talk.reset(),
            lambda talk: talk.retract(),
            lambda talk: talk.settle(f"sub_{len(talk.batches) % 3}"),
            lambda talk: talk.call(f"c{len(talk.batches)}", id="a2"),
            lambda talk: talk.describe(n={"x": len(talk.batches)}),
            lambda talk: talk.complete(),
            lambda talk: talk.say("d", id="a2"),
            lambda talk: talk.emit({"type": "message-sung"}),
        ]

        def replace() -> None:
            server.conversation = Conversation("inc_2")
            server.conversation.start()
            server.conversation.start("a2")

        news: list[Any] = [lambda act=act: choices[act](server.conversation) for act in acts]
        if replaced is not None:
            news.insert(replaced, replace)
        server.news = news
        remaining = iter(cuts)

        def serve(request: Any, now: float) -> Any:
            answer = server(request, now)
            cut = next(remaining, None)
            if cut is None:
                return answer
            return REFUSED if cut == 0 else answer.cut(cut)

        machine = observer(live=live)
        played = read(machine, serve, until=3600.0)
        assert played.end is None
        assert not server.news
        assert machine.phase == "live"
        assert_history(machine.state, server.conversation)
        assert played.items[-1] is machine.state
        assert len({id(state) for state in played.items}) == len(played.items)


@pytest.mark.parametrize("live", ["sse", "long-poll"])
def test_a_transcript_that_is_cut_after_every_byte(live: Any) -> None:
    """Each response in turn, each byte of it: the same state in the end, and never a state twice."""

    def serving() -> tuple[Conversation, Server]:
        talk = Conversation()
        talk.start()
        return talk, Server(talk, [lambda: talk.say("a"), lambda: (talk.say("b"), talk.complete(), talk.settle())])

    def play(which: int = -1, position: int = 0) -> tuple[Any, list[int]]:
        """What is observed while response number `which` is cut, and how long the responses are."""
        talk, server = serving()
        sizes: list[int] = []

        def serve(request: Any, now: float) -> Any:
            answer = server(request, now)
            sizes.append(sum(len(step) for step in answer.body if isinstance(step, bytes)))
            return answer.cut(position) if len(sizes) - 1 == which else answer

        machine = observer(live=live)
        played = read(machine, serve, until=100.0)
        assert not server.news
        assert_history(machine.state, talk)
        assert machine.phase == "live"
        assert len({id(state) for state in played.items}) == len(played.items)
        return machine.state, sizes

    state, sizes = play()
    for which, size in enumerate(sizes[:5]):
        for position in range(1, size):
            assert play(which, position)[0] == state, (which, position)


def test_a_chunk_costs_the_same_however_many_there_were() -> None:
    """Counted in calls, not timed: from the bytes to the state that is handed over, one for each chunk."""
    talk = Conversation()
    talk.start()
    machine = observer(live="sse")
    steps: list[Any] = [data_frame([talk.checkpoint()])]
    begin = history(talk)
    for index in range(2000):
        talk.say("word ") if index % 3 else talk.call(f"c{index}")
        steps.append(frames(talk.batches[-1], talk.offset, upToDate=True))
    reader = Reader(machine, in_turn(begin, events(*steps)))
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
    played = read(machine, in_turn(start, events(body)))
    assert [texts(state)[-1].split()[-1] for state in played.items] == ["wo", "word16"]
    assert texts(played.items[-1])[-1].startswith("word0 word1 word2 word3 word4 word5")
    assert played.items[-1].messages[0] == snapshot(json.loads(start.body[0])).messages[0]
