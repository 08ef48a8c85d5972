"""`observe`: a state that is kept up to date, whatever happens to the connection and to the conversation."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flue import (
    AbortSignal,
    BadRequestError,
    ConversationState,
    FlueTimeoutError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    read_submission_reply,
    to_json,
)
from flue.testing import Fault

from .harness import AGENT, EAGER, later, on_both_faces
from .reading import eventually
from .test_conversation_reply import answering, by_hand, message, settled
from .test_conversation_stream import offset

on_flue_2 = on_both_faces(flue_version=2)
LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])


def texts(state):
    return [part.text for one in state.messages for part in one.parts if part.type == "text"]


def equal(state, snapshot):
    return (
        state.conversation_id == snapshot.conversation_id
        and [to_json(one) for one in state.messages] == [to_json(one) for one in snapshot.messages]
        and [to_json(one) for one in state.settlements] == [to_json(one) for one in snapshot.settlements]
    )


def pull_in_background(observation):
    """Pull once on a thread of its own (the asyncio face: on its loop), as somebody who is blocked."""
    pulled = []

    def pull():
        try:
            pulled.append(observation.next())
        except BaseException as error:
            pulled.append(error)

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    return thread, pulled


# States.


@LIVES
@on_flue_2
def test_the_state_at_once_and_then_after_each_batch(face, live):
    append = by_hand(face.server)
    append(message("sub_1"))
    talk = face.conversation()
    observation = talk.observe(live=live)
    first = observation.next()
    assert isinstance(first, ConversationState)
    assert observation.state is first
    assert (observation.offset, observation.error) == (offset(2), None)
    assert equal(first, talk.history())
    face.after(1 if live == "sse" else 2, lambda: append(message("sub_2"), settled("sub_2")))
    second = observation.next()
    assert (observation.phase, observation.offset) == ("live", offset(3))
    assert equal(second, talk.history())
    assert (len(first.messages), len(second.messages)) == (1, 2)
    assert second.messages[0] is first.messages[0]


@LIVES
@on_both_faces(flue_version=2, compare=False)
def test_what_is_observed_at_rest_is_the_history(face, live):
    """Also where a provider uses a call id twice, and where text is taken back."""

    @face.server.agent(AGENT)
    def support(turn):
        turn.metadata({"model": "m", "usage": {"in": 1}})
        turn.reasoning("hm")
        turn.text("one ", "two")
        with turn.tool("a", {"x": 1}, call_id="same") as call:
            call.output = {"y": [1]}
        with turn.tool("a", {"x": 2}, call_id="same") as call:
            call.fail("broken")
        turn.data("card", {"v": 1})
        turn.data("card", {"v": 2})
        turn.text("wrong")
        turn.reset()
        turn.text("three")
        turn.metadata({"usage": {"out": 2}})

    talk = face.conversation()
    observation = talk.observe(live=live, wait_until_exists=True)
    sent = talk.send("go")
    state = next(state for state in observation if state.settlements)
    assert equal(state, talk.history())
    assert read_submission_reply(state, sent.submission_id).text == "one two\n\nthree"


@on_flue_2
def test_a_slow_consumer_gets_the_newest(face):
    append = by_hand(face.server)
    observation = face.conversation().observe()
    observation.next()
    for index in range(120):
        append(message(f"sub_{index}"))
    # As many as a page has, then the rest.
    assert [len(state.messages) for state in observation.collect(2)] == [100, 120]


@on_flue_2
def test_it_is_a_context_manager_and_an_iterator(face):
    append = by_hand(face.server)
    append(message("sub_1"))
    talk = face.conversation()
    states = []

    async def whole():
        async with talk.inner.observe() as observation:
            async for state in observation:
                states.append(state)
                break
        return observation

    if face.is_async:
        observation = face.wait(whole)
    else:
        with talk.inner.observe() as observation:
            for state in observation:
                states.append(state)
                break
    assert texts(states[0]) == ["yes"]
    assert observation.phase == "closed"
    assert observation.error is None
    assert observation.state is states[0]


# What does not exist, and what is refused.


@on_flue_2
def test_a_conversation_that_does_not_exist(face):
    answering(face.server)
    talk = face.conversation()
    observation = talk.observe()
    with pytest.raises(NotFoundError) as absent:
        observation.next()
    assert (observation.phase, observation.error, observation.state) == ("absent", absent.value, None)
    with pytest.raises(NotFoundError):
        observation.next()
    assert face.asked == ["GET ?view=history"]
    observation.refresh()
    with pytest.raises(NotFoundError):
        observation.next()
    talk.ask("hello")
    observation.refresh()
    assert len(observation.next().messages) == 2
    assert (observation.phase, observation.error) == ("connecting", None)


@on_both_faces(flue_version=2, compare=False)
def test_it_can_be_waited_for(face):
    by_hand(face.server, "other")
    observation = face.conversation().observe(wait_until_exists=True)

    def create():
        eventually(lambda: observation.phase == "absent", "it is absent")
        assert isinstance(observation.error, NotFoundError)
        assert observation.state is None
        face.server.create_conversation(AGENT, "one")

    creator = threading.Thread(target=create)
    creator.start()
    assert observation.next().messages == []
    creator.join()
    assert observation.error is None


@pytest.mark.parametrize(("status", "error"), [(400, BadRequestError), (403, PermissionDeniedError)])
@on_flue_2
def test_a_refusal_is_an_error_that_refresh_looks_at_again(face, status, error):
    by_hand(face.server)
    rule = face.server.faults.add(Fault(status=status), times=None)
    observation = face.conversation().observe()
    for _ in range(2):
        with pytest.raises(error) as refused:
            observation.next()
    assert (observation.phase, observation.error) == ("error", refused.value)
    rule.times = 0
    observation.refresh()
    assert observation.next().messages == []


# `refresh()`.


@LIVES
@on_both_faces(flue_version=2, compare=False)
def test_refresh_while_a_pull_is_blocked(face, live):
    append = by_hand(face.server)
    observation = face.conversation().observe(live=live)
    observation.next()
    thread, pulled = pull_in_background(observation)
    eventually(lambda: observation.phase == "live" and len(face.asked) >= 2, "it is live")
    before = face.asked.count("GET ?view=history")
    observation.refresh()
    eventually(lambda: face.asked.count("GET ?view=history") == before + 1, "it asks again")
    assert pulled == []  # what is as it was is no new state
    append(message("sub_1"))
    thread.join(5.0)
    assert texts(pulled[0]) == ["yes"]


@on_both_faces(flue_version=2, compare=False)
def test_refresh_from_another_task(face):
    append = by_hand(face.server)
    if not face.is_async:
        return
    talk = face.conversation()

    async def whole():
        async with talk.inner.observe() as observation:
            await anext(observation)
            pull = asyncio.ensure_future(anext(observation))
            while observation.phase != "live":
                await asyncio.sleep(0.001)
            observation.refresh()
            while face.asked.count("GET ?view=history") < 2:
                await asyncio.sleep(0.001)
            append(message("sub_1"))
            return await asyncio.wait_for(pull, 5.0)

    assert texts(face.wait(whole)) == ["yes"]


@on_both_faces(flue_version=2, compare=False)
def test_refresh_cuts_a_pause_short(face):
    by_hand(face.server)
    face.server.faults.add(Fault(status=503, headers=[("retry-after", "600")]))
    observation = face.conversation().observe()
    thread, pulled = pull_in_background(observation)
    eventually(lambda: isinstance(observation.error, ServerError), "it pauses")
    assert observation.phase == "loading"
    observation.refresh()
    thread.join(5.0)
    assert pulled[0].messages == []
    assert observation.error is None


@on_flue_2
def test_refresh_of_what_is_closed_does_nothing(face):
    by_hand(face.server)
    observation = face.conversation().observe()
    observation.next()
    observation.close()
    observation.refresh()
    assert observation.collect() == []
    assert observation.phase == "closed"
    assert face.asked == ["GET ?view=history"]


# A place that is lost.


@LIVES
@on_flue_2
def test_another_incarnation(face, live):
    append = by_hand(face.server)
    append(message("sub_1"))
    observation = face.conversation(backoff_options=EAGER).observe(live=live)
    observation.next()
    face.server.reset_incarnation(AGENT, "one")
    append(message("sub_2"))
    append(message("sub_3"))
    state = observation.next()
    assert [one.submission_id for one in state.messages] == ["sub_1", "sub_2", "sub_3"]
    assert observation.offset == face.conversation().history().offset


# Cuts.


@LIVES
@pytest.mark.parametrize("cut", [0, 1, 50, 200, 600, 1500])
@on_both_faces(flue_version=2, compare=False)
def test_cut_connections_end_in_the_same_state(face, live, cut):
    append = by_hand(face.server)
    talk = face.conversation(backoff_options=EAGER)
    observation = talk.observe(live=live)
    for end in ("reset", "close", "reset", "close"):
        face.server.faults.add(Fault(cut_after=cut, end=end))
    face.server.faults.add(Fault(cut_after=cut, end="clean"), live="sse")  # a page that ends so would be malformed
    observation.next()
    for index in range(5):
        append(message(f"sub_{index}", text="x" * 50), settled(f"sub_{index}"))
    for state in observation:
        if len(state.settlements) == 5:
            break
    face.server.faults.clear()
    assert equal(state, talk.history())


# How it is ended.


@on_flue_2
def test_a_signal_ends_it_quietly(face):
    by_hand(face.server)
    signal = AbortSignal()
    talk = face.conversation()
    observation = talk.observe(signal=signal)
    observation.next()
    later(signal.abort, 0.1)
    assert observation.collect() == []
    assert (observation.phase, observation.error) == ("closed", None)
    assert observation.state.messages == []
    late = talk.observe(signal=signal)
    assert late.collect() == []
    assert late.phase == "closed"


@on_flue_2
def test_a_limit_is_an_error(face):
    by_hand(face.server)
    observation = face.conversation().observe(timeout=0.2)
    observation.next()
    with pytest.raises(FlueTimeoutError):
        observation.next()
    assert observation.phase == "closed"
    assert isinstance(observation.error, FlueTimeoutError)
    observation.refresh()
    with pytest.raises(FlueTimeoutError):
        observation.next()


@pytest.mark.parametrize("phase", ["absent", "error"])
@on_flue_2
def test_closing_after_an_error(face, phase):
    answering(face.server)
    if phase == "error":
        face.server.faults.add(Fault(status=400), times=None)
    observation = face.conversation().observe(signal=AbortSignal(), timeout=60.0)
    with pytest.raises((NotFoundError, BadRequestError)):
        observation.next()
    assert observation.phase == phase
    observation.close()
    assert observation.phase == "closed"
    assert observation.collect() == []
