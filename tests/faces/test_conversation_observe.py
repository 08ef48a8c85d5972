"""`observe`: a state that is kept up to date, whatever happens to the connection and to the conversation."""

from __future__ import annotations

import gc
import threading

import pytest

from flue import (
    AbortSignal,
    BadRequestError,
    Conversation,
    FlueTimeoutError,
    NotFoundError,
    ServerError,
    read_submission_reply,
)
from flue.testing import Fault, FlueTestServer

from .conversation_scenes import behind, by_hand, is_history, message, on_flue_2, settled, texts
from .harness import AGENT, EAGER, on_both_faces
from .reading import BOUND, PATIENT, eventually, nothing_left

LIVES = pytest.mark.parametrize("live", ["long-poll", "sse"])
on_a_server = on_both_faces(flue_version=2, compare=False)  # states depend on who is faster


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
    assert (observation.phase, observation.state, observation.offset) == ("loading", None, "-1")
    face.idle()
    assert face.asked == []
    first = observation.next()
    assert observation.state is first
    assert (observation.offset, observation.error) == (behind(2), None)
    assert is_history(first, talk.history())
    face.after(1 if live == "sse" else 2, lambda: append(message("sub_2"), settled("sub_2")))
    second = observation.next()
    assert (observation.phase, observation.offset) == ("live", behind(3))
    assert is_history(second, talk.history())
    assert ("live=sse" in "".join(face.asked)) == (live == "sse")


@LIVES
@on_a_server
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
    assert is_history(state, talk.history())
    assert read_submission_reply(state, sent.submission_id).text == "one two\n\nthree"


@LIVES
@pytest.mark.parametrize("cut", [0, 1, 50, 200, 600, 1500])
@on_a_server
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
    state = next(state for state in observation if len(state.settlements) == 5)
    face.server.faults.clear()
    assert is_history(state, talk.history())


# `refresh()`.


@pytest.mark.parametrize(
    ("status", "error", "phase"), [(404, NotFoundError, "absent"), (400, BadRequestError, "error")]
)
@on_flue_2
def test_an_error_that_refresh_looks_at_again(face, status, error, phase):
    """Nothing more is asked until then, nor once the observation is closed."""
    by_hand(face.server)
    rule = face.server.faults.add(Fault(status=status), times=None)
    talk = face.conversation()
    observation, closed = talk.observe(), talk.observe(signal=AbortSignal(), timeout=60.0)
    for one in (observation, observation, closed):
        with pytest.raises(error) as refused:
            one.next()
        assert (one.phase, one.error, one.state) == (phase, refused.value, None)
    closed.close()
    closed.refresh()
    assert closed.collect() == []
    assert closed.phase == "closed"
    assert face.asked == ["GET ?view=history"] * 2
    rule.times = 0
    observation.refresh()
    assert observation.next().messages == []
    assert (observation.phase, observation.error) == ("connecting", None)


@LIVES
@on_a_server
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
    thread.join(BOUND)
    assert texts(pulled[0]) == ["yes"]


@on_a_server
def test_refresh_cuts_a_pause_short(face):
    by_hand(face.server)
    face.server.faults.add(Fault(status=503, headers=[("retry-after", "600")]))
    observation = face.conversation().observe()
    thread, pulled = pull_in_background(observation)
    eventually(lambda: isinstance(observation.error, ServerError), "it pauses")
    assert observation.phase == "loading"
    observation.refresh()
    thread.join(BOUND)
    assert pulled[0].messages == []
    assert observation.error is None


# How it is ended.


@on_a_server
def test_a_limit_is_an_error(face):
    by_hand(face.server)
    signal = AbortSignal()
    observation = face.conversation().observe(timeout=0.2, signal=signal)
    for _ in range(2):
        with pytest.raises(FlueTimeoutError):
            observation.collect()
        assert observation.phase == "closed"
        assert isinstance(observation.error, FlueTimeoutError)
        assert signal._listeners == {}
        observation.refresh()


def test_one_that_is_forgotten_behind_an_error():
    """Its timer goes with it, though `refresh()` could have gone on."""
    with nothing_left(), FlueTestServer(flue_version=2) as server:
        by_hand(server)
        with Conversation(f"{server.base_url}/agents/{AGENT}/absent", timeout=PATIENT) as talk:
            observation = talk.observe(timeout=60.0)
            with pytest.raises(NotFoundError):
                next(observation)
            del observation
            gc.collect()
