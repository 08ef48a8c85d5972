"""Contestants side by side: asked in turn, round after round, so that noise falls on all alike."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from .children import BenchError, Child, contestant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .node import Sdk
    from .scale import Scale

SYNC, ASYNC = "flue sync", "flue async"
BARE_SYNC, BARE_ASYNC = "requests + orjson", "httpx + orjson"
DS_SYNC, DS_ASYNC = "durable-streams sync", "durable-streams async"
SDK = "@flue/sdk (Node)"
SOCKET = "bare socket"

Answers = dict[str, list[dict[str, Any]]]


class Contest:
    """Some contestants, each in a running process of its own."""

    def __init__(self, children: dict[str, Child]) -> None:
        self.children = children
        self.notes: list[str] = []

    def ask(self, name: str, events: int, **command: Any) -> dict[str, Any] | None:
        """One measurement; None, and a note, when the contestant failed or miscounted."""
        try:
            answer = self.children[name].ask(**command)
            if answer["events"] != events:
                raise BenchError(f"{answer['events']} events instead of {events}")
        except BenchError as error:
            if name.startswith("flue"):
                raise BenchError(f"{name}, {command}: {error}") from error
            self.notes.append(f"{name} is left out of `{command['run']}`: {error}.")
            return None
        return answer

    def rounds(self, scale: Scale, events: int, *, warm_up: str | None = "check", **command: Any) -> Answers:
        """All contestants in turn, several times; who fails is left out of this measurement.

        Args:
            scale: how often.
            events: that each must get.
            warm_up: what each does once before that, untimed.
            command: what each is asked.
        """
        answers: Answers = {name: [] for name, child in self.children.items() if child.running}
        if warm_up:
            answers = {name: [] for name in answers if self.ask(name, events, **{**command, "do": warm_up})}
        for number in scale.rounds():
            names = list(answers)
            turn = number % max(len(names), 1)
            for name in names[turn:] + names[:turn]:
                if (answer := self.ask(name, events, **command)) is None:
                    del answers[name]
                else:
                    answers[name].append(answer)
        return answers


@contextmanager
def contest(
    names: Sequence[str], sdk: Sdk | None, base_url: str, headers: dict[str, str] | None = None
) -> Iterator[Contest]:
    """Start these contestants, and `@flue/sdk` where there is one."""
    with ExitStack() as running:
        children = {name: running.enter_context(contestant(name, base_url, headers)) for name in names}
        if sdk is not None:
            children[SDK] = running.enter_context(sdk.contestant(base_url, headers))
        yield Contest(children)


def middle(answers: list[dict[str, Any]] | None, key: str) -> float | None:
    """The median of a value, or None."""
    return median(answer[key] for answer in answers) if answers else None
