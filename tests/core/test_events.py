"""The buffer between batches and the caller."""

from __future__ import annotations

import json

import pytest

from flue.core.actions import Done, Fail
from flue.core.events import DECODE_BATCH, NEED_DATA, EventBuffer
from flue.errors import DurableStreamError, FlueApiError, FlueError, UnsupportedFlueEventVersionError

from .driver import Player, follow
from .script import at, count_at, events, frames, page
from .server import StreamServer


def decode(item):
    value = json.loads(bytes(item))
    if value == "bad":
        raise UnsupportedFlueEventVersionError(4)
    return value


def never(event, last):
    """Whether an event ends what the caller wanted: none does."""
    return False


class Decoding:
    """A decoder made of two functions."""

    def __init__(self, decode, ends):
        self.decode, self.ends = decode, ends

    def __call__(self, item):
        return self.decode(item)

    def decode_many(self, items):
        events = []
        for item in items:
            try:
                event = self.decode(item)
            except FlueError:
                break
            if self.ends(event, False):
                break
            events.append(event)
        return events


class Caller:
    """Pulls from a machine by way of a buffer."""

    def __init__(self, pages, *, ends=never, decode=decode, live=None, offset="-1"):
        self.machine = follow(live, offset=offset)
        self.buffer = EventBuffer(self.machine, Decoding(decode, ends), ends)
        self.player = Player(self.machine, pages)
        self.player._deliver = lambda: None  # the buffer pulls

    def pull(self):
        """The next event; None at the end."""
        while (event := self.buffer.next_event()) is NEED_DATA:
            action = self.machine.next_action(self.player.played.now)
            if isinstance(action, Done):
                return None
            if isinstance(action, Fail):
                raise action.error
            self.player._perform(action, 1e9)
        return event

    def pull_all(self):
        return [*iter(self.pull, None)]


def test_each_once_and_in_order_and_the_checkpoint_with_the_last():
    caller = Caller([page("abc", at(3)), page("d", at(4)), page([], at(5)), page("efg", at(8), up_to_date=True)])
    seen = []
    while (event := caller.pull()) is not None:
        seen.append((event, caller.machine.offset))
    assert seen == [
        ("a", "-1"),
        ("b", "-1"),
        ("c", at(3)),
        ("d", at(4)),
        ("e", at(5)),
        ("f", at(5)),
        ("g", at(8)),
    ]


@pytest.mark.parametrize(
    "size", [1, 2, DECODE_BATCH - 1, DECODE_BATCH, DECODE_BATCH + 1, DECODE_BATCH + 2, 3 * DECODE_BATCH]
)
def test_batches_of_every_size(size):
    items = list(range(2 * size))
    caller = Caller([page(items[:size], at(size)), page(items[size:], at(2 * size), up_to_date=True)])
    for item in items:
        assert caller.machine.offset == at(item - item % size)
        assert caller.pull() == item
    assert caller.machine.offset == at(2 * size)
    assert caller.pull() is None


def test_items_are_decoded_few_at_a_time():
    """A page waits raw."""
    decoded = []
    caller = Caller([page(range(500), at(500), up_to_date=True)], decode=lambda item: decoded.append(item) or item)
    caller.pull()
    assert 1 <= len(decoded) <= DECODE_BATCH
    for _ in range(498):
        caller.pull()
        assert len(decoded) < 500
    assert caller.machine.offset == "-1"
    caller.pull()
    assert caller.machine.offset == at(500)
    assert len(decoded) == 500


class TestBadItems:
    @pytest.mark.parametrize("place", [0, 1, 2, 3])
    def test_the_pull_that_asks_for_it_fails(self, place):
        items = list("wxyz")
        items[place] = "bad"
        caller = Caller([page("ab", at(2)), page(items, at(6), up_to_date=True)])
        assert [caller.pull() for _ in range(2 + place)] == list("ab") + items[:place]
        with pytest.raises(UnsupportedFlueEventVersionError) as caught:
            caller.pull()
        assert caught.value.__notes__ == [f"the checkpoint is offset {at(2)!r}"]
        assert caller.machine.offset == at(2)
        assert (caller.machine.up_to_date, caller.machine.closed) == (False, False)

    def test_it_is_the_last_word_and_what_waits_behind_it_stays_there(self):
        caller = Caller([events(frames("a", at(1)) + frames(["bad"], at(2)) + frames("c", at(3)))], live="sse")
        assert caller.pull() == "a"
        caught = []
        for _ in range(2):
            with pytest.raises(UnsupportedFlueEventVersionError) as error:
                caller.pull()
            caught.append(error.value)
        assert caught[0] is caught[1]
        assert (caller.machine.offset, len(caller.player.played.requests)) == (at(1), 1)

    @pytest.mark.parametrize(
        ("error", "offset"),
        [
            (DurableStreamError("PARSE_ERROR"), at(2)),  # it says where
            (DurableStreamError("PARSE_ERROR", offset="0_7"), "0_7"),  # an offset that it has is kept
            (FlueApiError("no", status=400), None),
        ],
    )
    def test_any_error_of_ours_ends_it(self, error, offset):
        def decode(item):
            if bytes(item) == b'"bad"':
                raise error
            return item

        caller = Caller([page("ab", at(2)), page(["c", "bad"], at(4))], decode=decode)
        for _ in "abc":
            caller.pull()
        with pytest.raises(FlueError):
            caller.pull()
        assert getattr(error, "offset", None) == offset
        assert caller.machine.result == Fail(error)

    def test_an_exception_of_another_kind_does_not(self):
        interrupts = [KeyboardInterrupt, None, None]

        def decode(item):
            if (interrupt := interrupts.pop(0)) is not None:
                raise interrupt
            return json.loads(bytes(item))

        caller = Caller([page("ab", at(2), up_to_date=True)], decode=decode)
        with pytest.raises(KeyboardInterrupt):
            caller.pull()
        assert caller.pull_all() == ["a", "b"]

    def test_only_the_pull_that_asks_for_it_decides(self):
        """What could not be decoded ahead may be when it is asked for."""
        attempts = []

        def decode(item):
            attempts.append(item)
            if len(attempts) == 1:
                raise FlueApiError("not yet", status=400)
            return json.loads(bytes(item))

        caller = Caller([page("abc", at(3), up_to_date=True)], decode=decode)
        assert [caller.pull(), caller.machine.offset] == ["a", "-1"]
        assert [*caller.pull_all(), caller.machine.offset] == ["b", "c", at(3)]


class TestTheEnd:
    @staticmethod
    def caller(*pages):
        return Caller(pages, ends=lambda event, last: event == "end")

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_its_batch_is_handed_over_whole(self, place):
        items = ["a", "b", "c"]
        items[place] = "end"
        caller = self.caller(page(items, at(3)), page("d", at(4)))
        assert caller.pull_all() == items
        assert (caller.machine.result, caller.machine.closed, caller.machine.offset) == (Done(), True, at(3))
        assert len(caller.player.played.requests) == 1

    @pytest.mark.parametrize("up_to_date", [True, False])
    def test_whether_it_is_the_last_that_there_is(self, up_to_date):
        pages = [page(["a", "end"], at(2), up_to_date=up_to_date), page(["end"], at(3), up_to_date=True)]
        caller = Caller(pages, ends=lambda event, last: event == "end" and last, live="long-poll")
        assert caller.pull_all() == (["a", "end"] if up_to_date else ["a", "end", "end"])
        assert caller.machine.closed


@pytest.mark.parametrize("live", [None, "long-poll", "sse"])
@pytest.mark.parametrize("cap", [1, 4, 6])
def test_a_saved_offset_never_skips_and_repeats_a_batch_at_most(live, cap):
    """Stopped after every single event, and gone on with in another process."""
    items = list("abcdef")
    for stop in range(len(items) + 1):
        caller = Caller(StreamServer(items, cap=cap), live=live)
        for count in range(stop):
            assert count_at(caller.machine.offset) <= count
            caller.pull()
        saved = count_at(caller.machine.offset)
        assert stop - cap < saved <= stop
        rest = Caller(StreamServer(items, cap=cap), live=live, offset=caller.machine.offset)
        assert rest.pull_all() == items[saved:]
