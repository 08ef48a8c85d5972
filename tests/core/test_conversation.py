"""The reducer, rule by rule and against what a server says; settlements and replies."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flue.codec import ConversationChunkDecoder, decode, to_json
from flue.core.conversation import (
    ConversationReducer,
    ConversationState,
    Outcome,
    Reply,
    chunk_outcome,
    chunk_position,
    execution_error,
    merge_metadata,
    read_submission_reply,
    snapshot_outcome,
)
from flue.models import ConversationMessage, ConversationSnapshot

from .conversations import (
    ID,
    Conversation,
    act,
    after,
    counted_calls,
    recorded_events,
    recorded_json,
    snapshot,
    text_message,
)

if TYPE_CHECKING:
    import random

chunk = ConversationChunkDecoder()


def reduce(items: list[Any], start: ConversationSnapshot | None = None) -> ConversationReducer:
    reducer = ConversationReducer(start)
    for item in items:
        reducer.apply(chunk(item))
    return reducer


def as_json(state: ConversationState | ConversationSnapshot) -> dict[str, Any]:
    return {
        "conversationId": state.conversation_id,
        "messages": [to_json(message) for message in state.messages],
        "settlements": [to_json(settlement) for settlement in state.settlements],
    }


def said(history: dict[str, Any]) -> dict[str, Any]:
    return {key: history[key] for key in ("conversationId", "messages", "settlements")}


def assert_equal(state: ConversationState, history: dict[str, Any]) -> None:
    """The state is what history says, as models and as JSON."""
    assert as_json(state) == said(history)
    at_rest = snapshot(history)
    assert (state.messages, state.settlements) == (at_rest.messages, at_rest.settlements)


def parts(reducer: ConversationReducer, id: str = "a1") -> list[Any]:
    return next(to_json(message)["parts"] for message in reducer.state.messages if message.id == id)


class TestRecordings:
    @pytest.mark.parametrize(
        ("updates", "history"),
        [
            (("41_updates_200_catchup_page1", "42_updates_200_catchup_page2"), "28_history_200"),
            (("70_compactor_updates_origin",), "69_compactor_history"),
            *(
                ((f"{name}_updates",), f"{name}_history")
                for name in (
                    "abort_in_tool",
                    "abort_of_joined",
                    "failed_joined",
                    "joined_at_end",
                    "joined_at_tool",
                    "retracted",
                )
            ),
        ],
    )
    def test_chunks_from_the_origin_are_the_history(self, updates: tuple[str, ...], history: str) -> None:
        items = [item for name in updates for item in recorded_json(name)]
        reducer = reduce(items)
        assert_equal(reducer.state, recorded_json(history))
        state = reducer.state
        for item in items:  # delivered once more
            assert not reducer.apply(chunk(item))
        assert reducer.state is state

    def test_a_response_as_it_streams(self) -> None:
        reducer = reduce(recorded_events("49_reporter_sse_live_from_admission"))
        assert_equal(reducer.state, {**recorded_json("50_reporter_history_200"), "conversationId": ""})


RULES = {
    "1 a reset that changes everything": [
        act("answer", "once"),
        act("reset", messages=[text_message("m9", "summary")], settlements=[]),
    ],
    "1 a call that is pending in a reset ends": [act("call", "c1", x=1), act("reset"), act("returned", "c1", 1)],
    "3 a step begins another response": [act("start", "a2", turnId="t", metadata={"a": 1}), act("say", "x", id="a2")],
    "5 data stands where its name was first written, and text behind other data is a part of its own": [
        *(act("data", "progress", 1), act("say", "text"), act("data", "chart", [1])),
        *(act("data", "progress", {"pct": 100}), act("say", " goes on in a new part")),
    ],
    "9 a step closes all texts that are open": [act("say", "a"), act("data", "x", 1), act("say", "b"), act("complete")],
    "6 another kind closes the open part": [act("say", "hm", "m", kind="reasoning"), act("say", "so", "")],
    "6 an empty block is a part": [act("say", ""), act("complete")],
    "7 and 8 a call id that is used twice loses nothing": [
        *(act("call", "c1", x=1), act("returned", "c1", "first", durationMs=3)),
        *(act("call", "c1", x=2), act("failed", "c1", "no", durationMs=4.5)),
    ],
    "7 in another message it is another call": [
        *(act("call", "c1", x=1), act("start", "a2"), act("call", "c1", id="a2", x=3)),
        *(act("returned", "c1", "second"), act("returned", "c1", "first")),
    ],
    "8 an output of null is one": [act("call", "c1"), act("returned", "c1", None)],
    "9 a step closes text and not tools": [act("say", "x"), act("call", "c1"), act("say", "y"), act("complete")],
    "10 a settlement replaces the one of its submission": [
        act("settle", "sub_1", "aborted", error={"message": "stop"}),
        act("settle", "sub_2", answeredBySubmissionId="sub_1"),
        act("settle", "sub_1", "completed", answeredBySubmissionId="sub_1"),
    ],
}
NO_CHANGE = {
    "1 a reset to the same": [act("answer"), act("reset")],
    "3 a step of a known response": [
        act("emit", {"type": "message-started", "messageId": "a1", "turnId": "t", "metadata": {"b": 2}})
    ],
    "7 a call that is pending": [
        act("call", "c1", x=1),
        act("emit", {"type": "tool-input", "messageId": "a1", "toolCallId": "c1", "toolName": "t", "input": 2}),
    ],
    "8 an output that nobody waits for any more": [
        *(act("call", "c1"), act("reset"), act("returned", "c1", 1), act("returned", "c1", 2)),
    ],
    "8 an output that nobody waits for": [act("emit", {"type": "tool-output", "toolCallId": "c9", "output": 1})],
    "8 an error that nobody waits for": [
        act("emit", {"type": "tool-output-error", "toolCallId": "c9", "errorText": "no"})
    ],
    "9 a step that is complete": [act("say", "x"), act("complete"), act("complete")],
    **{
        f"{fields['type']} of no message": [act("emit", {**fields, "messageId": "nobody"})]
        for fields in (
            {"type": "message-metadata", "metadata": {"a": 1}},
            {"type": "data-part", "name": "n", "data": 1},
            {"type": "message-delta", "kind": "text", "delta": "x"},
            {"type": "tool-input", "toolCallId": "c", "toolName": "t", "input": 1},
            {"type": "message-completed"},
        )
    },
}


class TestRules:
    """The numbers are those of the reference's rules."""

    @pytest.mark.parametrize("acts", RULES.values(), ids=RULES)
    def test_the_state_is_what_the_server_says(self, acts: Any) -> None:
        talk = after(act("start"), *acts)
        *before, last = talk.chunks()
        reducer = reduce(before)
        assert reducer.state is not None  # so that the message is no draft any more
        assert reducer.apply(chunk(last))
        assert_equal(reducer.state, talk.history())
        assert_equal(reduce(talk.chunks()).state, talk.history())

    @pytest.mark.parametrize("acts", NO_CHANGE.values(), ids=NO_CHANGE)
    @pytest.mark.parametrize("asked", [False, True])
    def test_what_changes_nothing(self, acts: Any, asked: bool) -> None:
        """Whether its message is still a draft, or was one before the last state."""
        talk = after(act("start"), *acts)
        *before, last = talk.chunks()
        reducer = reduce(before)
        state = reducer.state if asked else None
        assert not reducer.apply(chunk(last))
        assert reducer.position == (last["position"]["batch"], last["position"]["index"])
        assert state is None or reducer.state is state
        assert_equal(reducer.state, talk.history())

    def test_0_a_checkpoint_and_an_unknown_chunk_change_nothing(self) -> None:
        reducer = reduce(Conversation().chunks())
        state = reducer.state
        assert not reducer.apply(chunk({"type": "stream-checkpoint", "incarnation": "inc_1"}))
        assert not reducer.apply(chunk({"type": "message-sung", "position": {"batch": 5, "index": 0}}))
        assert reducer.position == (5, 0)
        assert not reducer.apply(chunk({"type": "message-sung"}))
        assert reducer.state is state

    @pytest.mark.parametrize("draft", [False, True])
    def test_2_an_appended_message_replaces_the_one_with_its_id(self, draft: bool) -> None:
        talk = after(act("start"), act("call", "c1"), act("user", "hi"))
        reducer = reduce(talk.chunks())
        if not draft:
            assert reducer.state
        replaced = text_message("a1", "other", role="assistant")
        talk.emit({"type": "message-appended", "message": replaced})
        assert reducer.apply(chunk(talk.chunks()[-1]))
        assert [message.id for message in reducer.state.messages] == ["a1", "user_sub_1"]
        assert parts(reducer) == replaced["parts"]
        talk.emit({"type": "tool-output", "toolCallId": "c1", "output": 1})  # its call is gone
        assert not reducer.apply(chunk(talk.chunks()[-1]))

    def test_4_metadata_is_merged_deeply(self) -> None:
        old = {"usage": {"input": 1, "cost": {"a": 1}}, "tags": [1, 2], "gone": {"x": 1}, "plain": 1}
        new = {"usage": {"output": 2, "cost": {"b": 2}}, "tags": [3], "gone": None, "plain": {"y": 1}}
        kept = copy.deepcopy(old)
        assert merge_metadata(old, new) == {
            "usage": {"input": 1, "cost": {"a": 1, "b": 2}, "output": 2},
            "tags": [3],
            "gone": None,
            "plain": {"y": 1},
        }
        assert old == kept
        unsafe = {"__proto__": 1, "constructor": 2, "prototype": 3, "a": {"__proto__": 1}}
        assert merge_metadata(None, unsafe) == {"a": {}}


class TestStates:
    def test_states_share_what_did_not_change(self) -> None:
        talk = after(act("answer", "one", "sub_1"), act("answer", "two", "sub_2"), act("start", "a3", "sub_3"))
        reducer = reduce(talk.chunks())
        before = reducer.state
        talk.say("three", id="a3")
        reducer.apply(chunk(talk.chunks()[-1]))
        later = reducer.state
        assert later is reducer.state is not before
        assert all(new is old for new, old in zip(later.messages[:-1], before.messages[:-1], strict=True))
        assert later.messages[-1] is not before.messages[-1]

    def test_the_lists_of_a_state_are_the_callers(self) -> None:
        talk = Conversation()
        talk.answer("one", "sub_1")
        reducer = reduce(talk.chunks())
        before, handed = copy.copy(reducer.state.settlements), reducer.state
        handed.messages.clear()
        handed.settlements.clear()
        talk.start("a2", "sub_2")
        reducer.apply(chunk(talk.chunks()[-1]))
        assert (len(reducer.state.messages), reducer.state.settlements) == (3, before)

    def test_a_fresh_history_shares_too(self) -> None:
        talk = after(act("answer", "one", "sub_1"))
        reducer = reduce(talk.chunks())
        before = reducer.state
        assert not reducer.load(snapshot(talk.history()))
        assert reducer.state is before
        assert reducer.position is None
        talk.answer("two", "sub_2")
        assert reducer.load(snapshot(talk.history()))
        assert all(new is old for new, old in zip(reducer.state.messages, before.messages, strict=False))

    @pytest.mark.parametrize(
        "change",
        [
            lambda history: history.update(conversationId="conv_2"),
            lambda history: history["settlements"].clear(),
            lambda history: history["messages"].pop(),
            lambda history: history["messages"].reverse(),
        ],
        ids=["another conversation", "settlements", "fewer", "order"],
    )
    def test_whatever_differs_is_a_change(self, change: Any) -> None:
        talk = after(act("answer"))
        reducer = reduce(talk.chunks())
        history = talk.history()
        change(history)
        assert reducer.load(snapshot(history))
        assert_equal(reducer.state, history)

    @pytest.mark.parametrize("asked", [False, True], ids=["chunks", "states"])
    def test_a_chunk_costs_the_same_however_long_the_conversation_is(self, asked: bool) -> None:
        """Counted in calls, not timed: nothing is searched, joined or made anew that did not change."""

        def calls(size: int) -> int:
            called = {"type": "dynamic-tool", "toolName": "add", "state": "output-available", "input": {}, "output": 1}
            response = text_message("a1", "", role="assistant")
            response["parts"] = [{**called, "toolCallId": f"c{index}"} for index in range(size)]
            messages = [text_message(f"m{index}", "x", role="assistant") for index in range(size)]
            settlements = [{"submissionId": f"sub_{index}", "outcome": "completed"} for index in range(size)]
            talk = Conversation()
            talk.reset(messages=[*messages, response], settlements=settlements)
            talk.say("word")
            reducer = ConversationReducer(snapshot(talk.history()))
            talk.batches.clear()
            for _ in range(20):
                talk.say("word")
            talk.call("c1")
            talk.returned("c1", 1)
            talk.data("card", 1)
            talk.data("card", 2)
            chunks = [chunk(item) for item in talk.chunks()]
            reducer.apply(chunks.pop(0))
            assert len(reducer.state.messages) == size + 1
            with counted_calls() as counted:
                for one in chunks:
                    reducer.apply(one)
                    if asked:
                        assert reducer.state
            return counted.pop()

        assert calls(10) == calls(1000)


MESSAGE = st.sampled_from(["a0", "a1", "a2"])
CALL = st.sampled_from(["c0", "c1"])
SUBMISSION = st.sampled_from(["sub_0", "sub_1", "sub_2"])
TEXT = st.text("ab ", max_size=3)
ACTS = st.lists(
    st.one_of(
        st.builds(act, st.just("user"), TEXT, SUBMISSION),
        st.builds(act, st.just("start"), MESSAGE, SUBMISSION),
        st.builds(act, st.just("say"), TEXT, id=MESSAGE, kind=st.sampled_from(["text", "reasoning"])),
        st.builds(act, st.just("call"), CALL, MESSAGE, text=TEXT),
        st.builds(act, st.just("returned"), CALL, st.none() | TEXT, durationMs=st.integers(0, 9)),
        st.builds(act, st.just("failed"), CALL, TEXT),
        st.builds(act, st.just("data"), TEXT, st.integers(0, 9), MESSAGE),
        st.builds(act, st.just("describe"), MESSAGE, usage=st.dictionaries(TEXT, st.integers(0, 9)), a=TEXT),
        st.builds(act, st.just("complete"), MESSAGE),
        st.builds(act, st.just("settle"), SUBMISSION, st.sampled_from(["completed", "failed", "aborted"])),
        st.builds(act, st.just("reset")),
        st.builds(act, st.just("retract"), MESSAGE),
    ),
    min_size=1,
    max_size=40,
)
STARTED = [act("start", "a0"), act("start", "a1")]


class TestProperties:
    @given(ACTS, st.randoms(use_true_random=False))
    @settings(settings.get_profile("core"), max_examples=50)
    def test_chunks_from_the_origin_are_the_history(self, acts: Any, random: random.Random) -> None:
        """Whatever is delivered twice, and wherever a state is asked for; a state that was handed out stays as it is."""
        talk = after(*STARTED, *acts)
        items = talk.chunks()
        reducer = ConversationReducer()
        handed: list[tuple[ConversationState, dict[str, Any]]] = []
        for index, item in enumerate(items):
            reducer.apply(chunk(item))
            if random.random() < 0.3:
                assert reducer.state is reducer.state
                handed.append((reducer.state, copy.deepcopy(as_json(reducer.state))))
            if random.random() < 0.1:  # a connection that was cut: the server sends from an earlier offset
                for old in items[random.randrange(index + 1) : index + 1]:
                    assert not reducer.apply(chunk(old))
        assert_equal(reducer.state, talk.history())
        assert all(as_json(state) == then for state, then in handed)

    @given(ACTS, ACTS)
    @settings(settings.get_profile("core"), max_examples=50)
    def test_a_history_and_what_follows_it_are_the_later_history(self, before: Any, later: Any) -> None:
        """Cut anywhere: a snapshot in mid-response, and the chunks behind its offset."""
        talk = after(*STARTED, *before)
        history, begin = talk.history(), len(talk.batches)
        for one in later:
            one(talk)
        assert_equal(reduce(talk.chunks(begin), snapshot(history)).state, talk.history())


class TestSettlements:
    def test_in_a_snapshot_and_in_a_state(self) -> None:
        talk = after(act("settle", "sub_1", "failed", error={"message": "no"}))
        state = reduce(talk.chunks()).state
        for source in (state, snapshot(talk.history())):
            assert snapshot_outcome(source, "sub_1") == Outcome("failed", {"message": "no"})
            assert snapshot_outcome(source, "sub_2") is None

    def test_in_a_chunk(self) -> None:
        talk = after(act("settle", "sub_1"), act("reset"))
        reset, settled, again = map(chunk, talk.chunks())
        assert chunk_outcome(reset, "sub_1") is None
        assert chunk_outcome(settled, "sub_1") == chunk_outcome(again, "sub_1") == Outcome("completed")
        assert chunk_outcome(settled, "sub_2") is None
        talk.emit({"type": "message-completed", "messageId": "x"})
        assert chunk_outcome(chunk(talk.chunks()[-1]), "sub_1") is None

    def test_in_chunks_that_do_not_fit_their_schema(self) -> None:
        entry = {"submissionId": "sub_1", "outcome": "paused", "error": 1}
        for odd in (
            {"type": "submission-settled", **entry},
            {"type": "conversation-reset", "snapshot": {"settlements": [3, {"submissionId": "sub_0"}, entry]}},
        ):
            assert chunk_outcome(chunk(odd), "sub_1") == Outcome("paused", 1)
            assert chunk_outcome(chunk(odd), "sub_2") is None
        for odd in (
            {"type": "conversation-reset", "snapshot": []},
            {"type": "conversation-reset", "snapshot": {"settlements": {}}},
            {"type": "submission-sung", **entry},
        ):
            assert chunk_outcome(chunk(odd), "sub_1") is None

    @pytest.mark.parametrize(
        ("outcome", "failure", "text"),
        [
            (Outcome("failed", {"name": "FlueError", "message": "no luck"}), "failed", "failed: no luck"),
            (Outcome("aborted", {"message": "stop"}), "aborted", "was aborted: stop"),
            (Outcome("aborted"), "aborted", "was aborted: no error was recorded"),
            (Outcome("paused", "why"), "failed", "failed: why"),
            (None, "terminal_event_missing", "ended without a terminal event"),
        ],
    )
    def test_as_an_error(self, outcome: Outcome | None, failure: str, text: str) -> None:
        error = execution_error("sub_1", outcome)
        assert error is not None
        assert str(error) == f"Agent submission sub_1 {text}"
        assert (error.target, error.target_id, error.failure) == ("agent_submission", "sub_1", failure)
        assert (error.submission_id, error.run_id) == ("sub_1", None)
        assert error.error == (None if outcome is None else outcome.error)
        notes = getattr(error, "__notes__", [])
        assert notes == (["the outcome of the submission is 'paused'"] if text == "failed: why" else [])


class TestReply:
    def test_all_text_of_the_last_message_of_the_submission(self) -> None:
        history = snapshot(recorded_json("28_history_200"))
        submission = history.settlements[0].submission_id
        reply = read_submission_reply(history, submission, uid="inst_1")
        assert reply == Reply(
            "I will use the calculator.\n\nThe answer is 42. Ünïcödé ✓ 🎉",
            submission_id=submission,
            uid="inst_1",
        )
        assert (reply.data, reply.metadata) == ({}, None)

    def test_data_and_metadata(self) -> None:
        history = snapshot(recorded_json("50_reporter_history_200"))
        reply = read_submission_reply(history, history.settlements[0].submission_id)
        assert reply.text == "Working on the report.\n\nReport ready."
        assert reply.data == {"progress": [{"pct": 100, "note": "done"}], "chart": [[1, 2, 3]]}
        assert reply.metadata is not None
        assert reply.metadata["model"] == "faux-reporter"
        assert reply.uid is None

    def test_values_under_one_name_are_a_list(self) -> None:
        message = text_message("m1", "x", role="assistant")
        message["parts"] = [{"type": "data-n", "data": 1}, {"type": "data-n", "data": None}]
        state = ConversationState(ID, [decode(ConversationMessage, message)], [])
        assert read_submission_reply(state, "sub_1") == Reply("", {"n": [1, None]}, submission_id="sub_1")

    def test_of_one_that_joined_a_running_response(self) -> None:
        talk = after(
            *(act("answer", "for both", "host"), act("user", "me too", "joiner")),
            *(act("settle", "joiner", answeredBySubmissionId="host"), act("answer", "later", "other")),
        )
        assert read_submission_reply(snapshot(talk.history()), "joiner").text == "for both"

    def test_of_one_without_a_message_of_its_own(self) -> None:
        talk = Conversation()
        talk.user("hi")  # whose messages are no replies
        assert read_submission_reply(snapshot(talk.history()), "sub_1") == Reply("", submission_id="sub_1")
        talk.answer("other", "other")
        talk.settle("sub_1")
        talk.settle("sub_2", answeredBySubmissionId="gone")
        for submission in ("sub_1", "sub_2", "nobody"):
            assert read_submission_reply(snapshot(talk.history()), submission).text == "other"


def test_positions() -> None:
    assert chunk_position(chunk(Conversation().chunks()[0])) == (0, 0)
    assert chunk_position(chunk({"type": "stream-checkpoint", "incarnation": "i"})) is None
    for position in (None, 3, {}, {"batch": 1}, {"batch": True, "index": 0}, {"batch": 1.0, "index": 0}):
        assert chunk_position(chunk({"type": "sung", "position": position})) is None


def test_a_state_shows_itself_in_short() -> None:
    state = ConversationState("conv_1", [], [])
    assert repr(state) == (
        "ConversationState(conversation_id='conv_1', messages=<0 messages>, settlements=<0 settlements>)"
    )
    assert "conv_1" in state._repr_html_()


@pytest.mark.parametrize("submission", [None, 3, b"sub_1", Reply("", submission_id="sub_1")], ids=type)
def test_a_reply_to_what_is_no_id(submission: Any) -> None:
    """Which would be the reply to another submission: the last one."""
    with pytest.raises(TypeError, match="submission_id must be str, not "):
        read_submission_reply(ConversationState("conv_1", [], []), submission)
