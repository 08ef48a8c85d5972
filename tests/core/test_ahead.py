"""What a driver may ask ahead: the page behind the one that is being read."""

from __future__ import annotations

import pytest

from flue.core.exchange import Exchange
from flue.core.operations import get_run

from .driver import URL, Player, follow
from .script import Answer, at, data_frame, events, nothing, page, refusal


def said_ahead(machine, answer):
    """What is said when the head of the answer to the first question is here."""
    machine.next_action(0.0)
    machine.head(answer.head(), 0.0)
    request = machine.ahead()
    return request and request.url


@pytest.mark.parametrize("live", [None, "long-poll"])
@pytest.mark.parametrize(("offset", "tail"), [("-1", None), ("-1", 5), ("now", None), (at(3), None)])
def test_the_page_behind_a_page(live, offset, tail):
    """Known from the head alone, whatever the question was."""
    assert said_ahead(follow(live, offset=offset, tail=tail), page("abc", at(6))) == f"{URL}?offset={at(6)}"
    assert said_ahead(follow(live, offset=offset, tail=tail), page("abc", "opaque")) == f"{URL}?offset=opaque"


@pytest.mark.parametrize(
    "answer",
    [
        page("abc", at(6), up_to_date=True),
        page("abc", at(6), closed=True),
        page("abc", None),
        page("abc", at(3)),
        page("abc", at(2)),
        page("abc", "two tokens"),
        page("abc", at(6), content_type="text/html"),
        nothing(at(6)),
        refusal(503),
        refusal(404, b"{}"),
        Answer(307, (("Location", "/elsewhere"), ("Stream-Next-Offset", at(6))), ()),
    ],
)
def test_nothing_behind_any_other_answer(answer):
    """The last page, one that leads nowhere, and what is no page."""
    assert said_ahead(follow(None, offset=at(3)), answer) is None


def test_no_page_before_events():
    """A stream of events is pinned by one page, and asks for no second one."""
    assert said_ahead(follow("sse", tail=3), page("abc", at(6))) is None
    assert said_ahead(follow("sse"), events(data_frame("a"))) is None


def test_nothing_behind_a_poll_and_a_confirmation():
    machine = follow(offset=at(1))
    player = Player(machine, [page("a", at(2), up_to_date=True), page("b", at(3)), page("c", at(4))])
    player.run(items=2)
    assert machine.ahead() is None
    confirming = follow(offset=at(1))
    answers = [
        page([], at(1), up_to_date=True),
        nothing(at(1), closed=True),
        page("b", at(2)),
        page("c", at(3), closed=True),
    ]
    player = Player(confirming, answers)
    player.run(items=1)
    assert confirming.ahead() is None
    assert player.run().items == ["b", "c"]


def test_not_before_the_first_answer():
    assert follow(None).ahead() is None


def test_nothing_behind_a_single_question():
    assert Exchange(get_run("http://h", "run_1", dict), None).ahead() is None
