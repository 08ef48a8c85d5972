"""Following a submission or the updates: what is asked after which answer, and what is handed over."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flue.core.actions import Done, Fail
from flue.core.conversation import Reply
from flue.core.conversation_protocol import ConversationProtocol, is_content
from flue.core.retry import BackoffOptions
from flue.errors import (
    AbortError,
    FlueExecutionError,
    NotFoundError,
    OffsetGoneError,
    PermissionDeniedError,
    ServerError,
)
from flue.models import UnknownChunk

from .conversations import (
    CONTENT_ACTS,
    HISTORY,
    LONG_POLL,
    URL,
    Conversation,
    Reader,
    Server,
    act,
    after,
    cut_everywhere,
    cutting,
    follower,
    history,
    observer,
    read,
    recorded_response,
    snapshot,
    views,
)
from .script import REFUSED, RESET, Response, at, control_frame, count_at, data_frame, events, frames, page, refusal

GONE = recorded_response("39_updates_416_beyond_head")
PURPOSES = pytest.mark.parametrize("purpose", ["stream", "wait", "read"])
EVERYTHING = [
    "conversation-reset",
    "message-appended",
    "message-started",
    "message-delta",
    "message-delta",
    "message-completed",
    "submission-settled",
]
REPLY = Reply("hello sub_1", submission_id="sub_1")
TURN = [act("start"), act("say", "a", "b"), act("complete"), act("settle")]


def types(played: Any) -> list[str]:
    return [chunk.wire_type if chunk.type == "unknown" else chunk.type for chunk in played.items]


def positions(played: Any) -> list[tuple[int, int]]:
    return [(chunk.position.batch, chunk.position.index) for chunk in played.items]


def places(chunks: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(chunk["position"]["batch"], chunk["position"]["index"]) for chunk in chunks]


def talk_of(*outcomes: str, incarnation: str = "inc_1") -> Conversation:
    """A conversation with a submission for each outcome."""
    talk = Conversation(incarnation)
    for number, outcome in enumerate(outcomes, 1):
        submission = f"sub_{number}"
        talk.user("hi", submission)
        talk.start(f"a{number}", submission)
        talk.say("hello ", submission, id=f"a{number}")
        talk.complete(f"a{number}")
        error = {} if outcome == "completed" else {"error": {"message": "no luck"}}
        talk.settle(submission, outcome, answeredBySubmissionId=submission, **error)
    return talk


def whole(talk: Conversation) -> Response:
    """All of a conversation over one event connection."""
    return events(frames([talk.checkpoint(), *talk.chunks()], talk.offset))


class TestChunks:
    @pytest.mark.parametrize("live", ["sse", "long-poll", None])
    def test_from_the_origin_to_the_settlement(self, live: Any) -> None:
        played = read(follower(target="sub_1", offset="-1", live=live), Server(talk_of("completed", "completed")))
        assert (types(played), played.end) == (EVERYTHING, Done())
        assert [view.split()[0] for view in views(played)] == ["-1"]
        assert played.requests[0].url.startswith(f"{URL}?")

    def test_now_is_where_the_history_ends(self) -> None:
        talk = talk_of("completed")
        begin = talk.offset
        machine = follower()
        assert (machine.offset, machine.live) == ("-1", "sse")
        played = read(machine, Server(talk, [act("user", "more", "sub_2")]), items=1)
        assert views(played) == ["history", f"{begin} sse"]
        assert types(played) == ["message-appended"]
        assert played.offsets == [begin, at(count_at(begin) + 1)]

    def test_catching_up_ends_when_up_to_date(self) -> None:
        talk = talk_of("completed")
        server = Server(talk)
        server.page = 2
        machine = follower(offset="-1", live=None)
        played = read(machine, server)
        assert types(played) == EVERYTHING
        assert (played.end, machine.offset, machine.up_to_date, machine.closed) == (Done(), talk.offset, True, False)
        assert [view.split()[1] for view in views(played)] == ["plain"] * 3
        assert read(follower(live=None), Server(talk)).items == []
        assert read(follower(target="sub_9", offset="-1", live=None), Server(talk)).end == Done()

    def test_checkpoints_never_reach_the_caller_and_are_no_progress(self) -> None:
        """A connection that dies behind its checkpoint is retried with ever longer pauses, not for ever at once."""
        talk = talk_of("completed")
        answer = events(data_frame([talk.checkpoint()]), control_frame(talk.offset, upToDate=True), RESET)
        played = read(follower(offset=talk.offset), [answer] * 9)
        assert (played.items, len(played.delays)) == ([], 9)
        assert sum(played.delays) > 2.0

    def test_a_checkpoint_that_does_not_fit_its_schema_is_one_all_the_same(self) -> None:
        answer = page([{"type": "stream-checkpoint"}, *talk_of("completed").chunks()], at(6), up_to_date=True)
        assert types(read(follower(target="sub_1", offset="-1", live=None), [answer])) == EVERYTHING

    def test_what_is_sent_again_is_dropped(self) -> None:
        talk = talk_of("completed")
        chunks = talk.chunks()
        answers = [
            page([talk.checkpoint(), *chunks[:4]], at(2)),
            page([talk.checkpoint(), *chunks[2:6]], at(3)),
            page([talk.checkpoint(), *chunks[:5]], at(4)),  # nothing new: the checkpoint moves at once
            page([talk.checkpoint(), *chunks[6:]], at(6), up_to_date=True),
        ]
        played = read(follower(offset="-1", live=None), answers)
        assert positions(played) == places(chunks)
        assert played.offsets == [at(2), at(3), at(4), at(6)]

    @pytest.mark.parametrize("purpose", ["stream", "wait"])
    def test_an_unknown_chunk_is_handed_over_and_ends_nothing(self, purpose: Any) -> None:
        talk = talk_of("completed")
        settled = talk.batches.pop()
        talk.emit({"type": "message-sung", "messageId": "a1"}, {"type": "message-delta", "messageId": 3})
        talk.batches.append([{"type": "without-a-position"}, {**settled[0], "position": {"batch": 7, "index": 0}}])
        played = read(follower(target="sub_1", purpose=purpose, offset="-1"), Server(talk))
        assert types(played)[-4:] == ["message-sung", "message-delta", "without-a-position", "submission-settled"]
        assert isinstance(played.items[-4], UnknownChunk)
        assert played.end == Done()

    def test_an_item_that_is_no_chunk_is_an_error_behind_what_came_before_it(self) -> None:
        talk = talk_of("completed")
        machine = follower(offset="-1")
        played = read(machine, [events(frames([talk.checkpoint(), talk.chunks()[0], 3], at(1)))])
        assert types(played) == ["conversation-reset"]
        assert (played.code, played.error.offset, machine.offset) == ("PARSE_ERROR", "-1", "-1")
        assert played.error.__notes__ == ["the checkpoint is offset '-1'"]
        assert machine.result == played.end

    def test_an_error_of_the_decoder_goes_through(self) -> None:
        error = ServerError("no", status=500)

        def decode(item: Any) -> Any:
            raise error

        machine = ConversationProtocol(URL, HISTORY, decode, offset="-1", live=None)
        assert read(machine, Server(talk_of("completed"))).error is error

    @pytest.mark.parametrize(("later", "offset"), [([], at(6)), ([{"type": "later"}], at(5))])
    def test_what_follows_the_settlement_in_its_batch_stays_behind_the_checkpoint(
        self, later: list[Any], offset: str
    ) -> None:
        talk = talk_of("completed")
        talk.batches[-1] += later
        machine = follower(target="sub_1", offset=at(5), live=None)
        assert types(read(machine, Server(talk))) == ["submission-settled"]
        assert (machine.offset, machine.closed, machine.up_to_date) == (offset, True, True)

    @pytest.mark.parametrize(
        ("items", "content"),
        [
            *(([], False), ([b'{"type":"stream-checkpoint","incarnation":"i"}'], False)),
            *(([{"type": "stream-checkpoint"}], False), ([{}], True), ([3], True), ([b"3"], True)),
            *(([b'{"type":"stream-checkpoint"}', b'{"type":"message-delta"}'], True), ([b'{"type":1}'], True)),
        ],
    )
    def test_what_is_more_than_a_checkpoint(self, items: list[Any], content: bool) -> None:
        assert is_content(items) is content


class TestSettled:
    @PURPOSES
    def test_settled_work_is_answered_in_one_round_trip(self, purpose: Any) -> None:
        talk = talk_of("completed")
        machine = follower(target="sub_1", purpose=purpose, uid="inst_1")
        played = read(machine, Server(talk))
        assert (views(played), played.items) == (["history"], [])
        reply = Reply("hello sub_1", submission_id="sub_1", uid="inst_1")
        assert played.end == Done(reply if purpose == "read" else None)
        assert (machine.offset, machine.up_to_date, machine.closed) == (talk.offset, True, True)

    def test_a_reset_that_holds_the_settlement_is_the_last_chunk(self) -> None:
        talk = talk_of("completed")
        talk.reset()
        talk.user("more", "sub_2")
        played = read(follower(target="sub_1", purpose="wait", offset=at(6)), Server(talk))
        assert (types(played), played.end) == (["conversation-reset"], Done())

    @pytest.mark.parametrize("offset", [None, "-1"])
    @pytest.mark.parametrize(("outcome", "text"), [("failed", "failed"), ("aborted", "was aborted")])
    def test_one_that_did_not_complete_is_an_error(self, outcome: str, text: str, offset: str | None) -> None:
        talk = talk_of(outcome)
        for purpose in ("wait", "read"):
            error = read(follower(target="sub_1", purpose=purpose, offset=offset), Server(talk)).error
            assert isinstance(error, FlueExecutionError)
            assert str(error) == f"Agent submission sub_1 {text}: no luck"
            assert (error.failure, error.submission_id) == (outcome, "sub_1")
        played = read(follower(target="sub_1", offset=offset), Server(talk))  # who reads chunks sees it
        assert played.end == Done()

    @PURPOSES
    def test_a_stream_that_closes_without_it_is_missing_it_once_history_agrees(self, purpose: Any) -> None:
        def follow(**options: Any) -> Any:
            closed = page([talk.checkpoint()], at(2), up_to_date=True, closed=True)
            return read(follower(offset=at(2), live="long-poll", **options), [closed, history(talk)])

        talk = after(act("user", "hi"))
        error = follow(target="sub_1", purpose=purpose).error
        assert isinstance(error, FlueExecutionError)
        assert error.failure == "terminal_event_missing"
        talk.settle()
        assert follow(target="sub_1", purpose=purpose).done
        assert follow().done

    def test_a_history_that_fails_behind_the_settlement_is_retried_for_a_minute(self) -> None:
        server = [whole(talk_of("completed")), *[refusal(503)] * 99]
        played = read(follower(target="sub_1", purpose="read", offset="-1"), server)
        assert isinstance(played.error, ServerError)
        assert played.error.submission_id == "sub_1"
        assert 30 < played.now < 61

    def test_a_reply_of_another_incarnation_is_none_unless_it_has_the_settlement_too(self) -> None:
        """Then the stream was begun anew, and the conversation is the same."""
        for outcomes in ((), ("completed",)):
            other = talk_of(*outcomes, incarnation="inc_2")
            server = [whole(talk_of("completed")), history(other)]
            played = read(follower(target="sub_1", purpose="read", offset="-1"), server)
            assert played.end == Done(REPLY) if outcomes else played.code == "STREAM_REPLACED"

    def test_an_id_that_the_server_never_had_is_waited_for(self) -> None:
        machine = follower(target="sub_9", purpose="wait", live="long-poll")
        played = read(machine, Server(talk_of("completed")), until=3600.0)
        assert played.end is None
        assert len(played.requests) < 3600 / 25
        machine.cancel(AbortError())
        assert isinstance(machine.result, Fail)

    def test_a_conversation_that_does_not_exist_is_an_error(self) -> None:
        for machine in (follower(target="sub_1", purpose="wait"), follower(offset=at(1)), follower()):
            played = read(machine, Server(None))
            assert isinstance(played.error, NotFoundError)
            assert played.delays == []


class TestLostPlace:
    def replaced(self) -> tuple[Conversation, Conversation, Server]:
        """A server whose store is another one at the first wait."""
        old, new = after(act("user", "hi")), Conversation("inc_2")
        server = Server(old)
        server.news = [lambda _: setattr(server, "conversation", new)]
        return old, new, server

    @pytest.mark.parametrize("live", ["sse", "long-poll"])
    @pytest.mark.parametrize("purpose", ["wait", "read"])
    def test_another_incarnation_leads_to_a_fresh_history(self, live: Any, purpose: Any) -> None:
        _, new, server = self.replaced()
        new.user("unrelated", "sub_0")
        new.answer("again", "sub_1")
        played = read(follower(target="sub_1", purpose=purpose, offset=at(1), live=live), server)
        assert types(played) == ["message-appended"]
        assert views(played)[-1] == "history"
        assert played.end == Done(Reply("again", submission_id="sub_1") if purpose == "read" else None)
        [pause] = played.pauses
        assert (pause.delay, pause.attempt.error.code, pause.attempt.will_retry) == (0.0, "STREAM_REPLACED", True)

    def test_positions_go_on_where_the_incarnation_is_the_same(self) -> None:
        """An offset can be gone though the stream is the same one."""
        talk = talk_of("completed")
        chunks = talk.chunks()
        before = history(talk, settlements=[])
        first = page([talk.checkpoint(), *chunks[:4]], at(3))
        server = [first, GONE, before, page([talk.checkpoint(), *chunks[2:]], at(8), up_to_date=True)]
        played = read(follower(target="sub_1", purpose="wait", offset="-1", live="long-poll"), server)
        assert types(played) == EVERYTHING

    @pytest.mark.parametrize("target", ["sub_1", None])
    def test_who_reads_chunks_gets_an_error(self, target: str | None) -> None:
        old, new, server = self.replaced()
        new.user("x")
        played = read(follower(target=target, offset=at(1)), server)
        assert types(played) == ["message-appended"]
        assert (played.code, played.error.offset) == ("STREAM_REPLACED", at(2))
        assert isinstance(read(follower(target=target, offset=at(9)), Server(old)).error, OffsetGoneError)

    def test_a_history_without_an_incarnation_learns_it_from_the_first_checkpoint(self) -> None:
        old, new, server = self.replaced()
        new.user("x")
        old.incarnation = None
        played = read(follower(target="sub_9", purpose="wait", live="long-poll"), server, until=100.0)
        assert [pause.attempt.error.code for pause in played.pauses] == ["STREAM_REPLACED"]

    def test_after_a_stream_that_lasted_it_is_looked_for_at_once_again(self) -> None:
        talks = [Conversation(f"inc_{number}") for number in range(4)]
        server = Server(talks[0])
        server.wait = 60.0
        server.news = [lambda _, talk=talk: setattr(server, "conversation", talk) for talk in talks[1:]]
        machine = follower(target="sub_9", purpose="wait", offset=at(1), live="long-poll")
        played = read(machine, server, until=300.0)
        assert server.conversation is talks[3]
        assert played.delays == [0.0, 0.0, 0.0]


WAIT = partial(follower, target="sub_9", purpose="wait")
UPDATES = partial(WAIT, offset="-1")  # which asks for no history first
READERS = pytest.mark.parametrize("reader", [WAIT, UPDATES, observer], ids=["wait", "updates", "observation"])
OTHER_INCARNATION = page([{"type": "stream-checkpoint", "incarnation": "inc_2"}], at(2), up_to_date=True)
NOT_UNDERSTOOD = [{"type": "message-sung", "position": {"batch": 1, "index": 0}}, {"type": "message-sung"}, 3]


class TestEveryReader:
    """What waits have in common with observations."""

    @READERS
    @pytest.mark.parametrize(
        ("answered", "options", "endless"),
        [
            (0, None, False),  # given up after a minute
            (1, None, True),  # waited for without end once it was there
            (1, BackoffOptions(initial_delay=0.0, max_retries=2), False),
        ],
    )
    def test_a_server_that_is_gone(self, reader: Any, answered: int, options: Any, endless: bool) -> None:
        server, count = Server(Conversation()), itertools.count()
        machine = reader(options=options)
        played = read(
            machine,
            lambda request, now: server(request, now) if next(count) < answered else REFUSED,
            until=9999.0,
        )
        if endless:
            assert (played.end, played.now >= 9999.0) == (None, True)
        else:
            assert played.error is REFUSED
            assert played.now < 61 + LONG_POLL
            assert options is None or len(played.requests) == 4

    @READERS
    @pytest.mark.parametrize("answered", [0, 1])
    @pytest.mark.parametrize(("refreshable", "tries"), [(True, 3), (False, 1)])
    def test_credentials_are_tried_again_where_they_can_be_fresh(
        self, reader: Any, answered: int, refreshable: bool, tries: int
    ) -> None:
        server, count = Server(Conversation()), itertools.count()
        played = read(
            reader(refreshable=refreshable),
            lambda request, now: server(request, now) if next(count) < answered else refusal(403),
        )
        assert isinstance(played.error, PermissionDeniedError)
        assert len(played.requests) == answered + tries

    @pytest.mark.parametrize(
        ("reader", "updates"),
        [
            *((reader, updates) for reader in (WAIT, observer) for updates in (GONE, OTHER_INCARNATION)),
            *((observer, page([odd], at(2), up_to_date=True)) for odd in NOT_UNDERSTOOD),
        ],
    )
    def test_a_place_that_is_lost_again_and_again_is_looked_for_with_pauses(self, reader: Any, updates: Any) -> None:
        start = history(Conversation())
        played = read(reader(), lambda request, now: start if "=history" in request.url else updates, until=1000.0)
        assert played.delays[:8] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        assert [pause.attempt.attempt for pause in played.pauses[:3]] == [1, 2, 3]
        assert len(played.requests) < 100


class TestFailures:
    def test_a_mode_that_does_not_come_through_is_remembered(self) -> None:
        server = Server(talk_of("completed"))
        machine = follower(target="sub_9", purpose="wait", offset=at(1))
        played = read(
            machine,
            lambda request, now: refusal(406) if "live=sse" in request.url else server(request, now),
            until=100.0,
        )
        assert (machine.live, played.live_modes) == ("long-poll", ["long-poll"])
        assert [view.split()[-1] for view in views(played)] == ["sse", "plain", *["long-poll"] * 4]

    def test_pages_beyond_the_limit_are_refused(self) -> None:
        for machine in (follower(offset="-1", live=None, limit=300), follower(limit=100)):
            assert read(machine, Server(talk_of("completed"))).code == "EVENT_TOO_LARGE"


class TestCaller:
    def test_cancelling_ends_it_quietly_with_what_is_queued(self) -> None:
        chunks = talk_of("completed").chunks()
        machine = follower(offset="-1")
        reader = Reader(machine, [events(frames(chunks[:1], at(1)) + frames(chunks[1:], at(6)))])
        assert len(reader.run(items=1).items) == 1
        assert machine.next_batch() is not None
        machine.cancel()
        assert machine.next_batch() is None
        assert machine.next_action(0.0) == machine.result == Done()
        machine.cancel(AbortError())
        machine.connection_interrupted()
        assert machine.result == Done()

    def test_failing_it(self) -> None:
        machine, error = follower(), ServerError("no", status=500)
        machine.fail(error)
        assert machine.next_action(0.0) == Fail(error)

    @pytest.mark.parametrize("tear_at", range(1, 14))
    @pytest.mark.parametrize("offset", [at(1), at(9)])
    def test_torn_out_of_any_action_it_goes_on(self, tear_at: int, offset: str) -> None:
        """Out of the pause of a place that is lost, too."""
        server = Server(after(act("user", "hi")), TURN)
        reader = Reader(follower(target="sub_1", purpose="read", offset=offset), server, tear_at=tear_at)
        assert reader.run().end == Done(Reply("ab", submission_id="sub_1"))


ACTS = [
    *CONTENT_ACTS,
    act("settle", "sub_0"),
]


@given(
    acts=st.lists(st.sampled_from(ACTS), max_size=8),
    cuts=st.lists(st.one_of(st.none(), st.integers(0, 400)), max_size=12),
    live=st.sampled_from(["sse", "long-poll"]),
    purpose=st.sampled_from(["stream", "wait", "read"]),
    before=st.integers(0, 6),
)
@settings(settings.get_profile("core"), max_examples=50)
def test_each_chunk_once_and_in_order_whatever_the_connections_do(
    acts: Any, cuts: Any, live: Any, purpose: Any, before: int
) -> None:
    news = [act("user", "hi"), act("start"), *acts, act("complete"), act("settle")]
    before = min(before, len(news) - 1)
    talk = after(*news[:before])
    begin = len(talk.batches)
    server = Server(talk, news[before:])
    server.page = 3
    machine = follower(target="sub_1", purpose=purpose, offset=at(begin), live=live)
    reader = Reader(machine, cutting(server, cuts))
    played = reader.played
    while played.end is None:
        reader.run(items=len(played.items) + 1)
        done = {chunk.position.batch for chunk in played.items}
        assert count_at(machine.offset) <= max(done, default=begin) + 1 or not done
    assert positions(played) == places(talk.chunks(begin))
    assert played.items[-1].type == "submission-settled"
    if purpose == "read":
        [message] = [one for one in snapshot(talk.history()).messages if one.id == "a1"]
        texts = [part.text for part in message.parts if part.type == "text"]
        assert played.end.value.text == "\n\n".join(texts)


@pytest.mark.parametrize("live", ["sse", "long-poll", None])
@pytest.mark.parametrize("fault", [RESET, None], ids=["reset", "clean"])
def test_a_transcript_that_is_cut_after_every_byte(live: Any, fault: Any) -> None:
    """Each chunk once, and the same end."""

    talk = talk_of("completed")

    def start() -> tuple[Any, Server]:
        server = Server(talk)
        server.page = 4
        return follower(target="sub_1", purpose="read", offset="-1", live=live), server

    def check(machine: Any, talk: Conversation, played: Any) -> None:
        assert (types(played), played.end) == (EVERYTHING, Done(REPLY))
        assert (machine.offset, machine.closed) == (talk.offset, True)

    cut_everywhere(start, check, fault=fault)


class TestResumed:
    """From a checkpoint behind which the settlement may be missing, because the caller has had it."""

    @pytest.mark.parametrize("live", ["sse", "long-poll"])
    @pytest.mark.parametrize("outcome", ["completed", "failed"])
    def test_behind_the_settlement_it_ends(self, live: Any, outcome: str) -> None:
        talk = talk_of(outcome, "completed")
        machine = follower(target="sub_1", offset=at(7), resumed=True, live=live)
        played = read(machine, Server(talk))
        assert (places(talk.chunks(7)), played.end) == (positions(played), Done())
        assert (machine.offset, machine.up_to_date, machine.closed) == (talk.offset, True, True)
        assert [view.split()[-1] for view in views(played)].count("history") == 1

    @pytest.mark.parametrize("live", ["sse", "long-poll"])
    def test_before_the_settlement_it_goes_on(self, live: Any) -> None:
        """The settlement comes while the history is asked, and after that."""
        for turn in ([act("settle")], TURN):
            machine = follower(target="sub_1", offset=at(2), resumed=True, live=live)
            played = read(machine, Server(after(act("user", "hi")), [*turn]))
            assert (types(played)[-1], played.end) == ("submission-settled", Done())
            assert positions(played) == sorted(set(positions(played)))

    def test_what_is_said_to_be_all_later(self) -> None:
        talk = talk_of("completed")
        quiet = events(frames([talk.checkpoint()], talk.offset), control_frame(talk.offset, upToDate=True), 30.0)
        machine = follower(target="sub_1", offset=talk.offset, resumed=True)
        assert (read(machine, [quiet, history(talk), quiet]).end, machine.closed) == (Done(), True)

    def test_another_incarnation(self) -> None:
        old, new = talk_of("completed"), talk_of("completed", incarnation="inc_2")
        first = events(frames([old.checkpoint()], old.offset, upToDate=True), 30.0)
        played = read(follower(target="sub_1", offset=old.offset, resumed=True), [first, history(new)])
        assert played.code == "STREAM_REPLACED"
