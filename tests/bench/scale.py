"""How much is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Scale:
    """Sizes, and limits of time.

    Attributes:
        events: of the run that is caught up with.
        fewer: events of the other runs.
        frames: events of a run whose frames hold one each.
        requests: pages of one event.
        history: events on a real server.
        million: events of the long run.
        big: bytes of the big event; the other is half as large.
        idle: streams.
        ticks: events whose delay is measured, in each round.
        imports: processes for each import statement.
        repeats: fresh processes for each measurement of memory.
        least: rounds, whatever they take.
        most: rounds at most.
        patience: seconds after which no round begins.
        limit: seconds after which no part of the benchmark begins.
    """

    events: int = 49_502
    fewer: int = 19_800
    frames: int = 9_900
    requests: int = 500
    history: int = 20_000
    million: int = 1_000_000
    big: int = 64 << 20
    idle: int = 1_000
    ticks: int = 150
    imports: int = 15
    repeats: int = 3
    least: int = 3
    most: int = 9
    patience: float = 6.0
    limit: float = 330.0
    begin: float = field(default_factory=time.monotonic)

    def rounds(self) -> Iterator[int]:
        """Numbers of the rounds: some at least, then as many as there is time for."""
        begin = time.monotonic()
        for number in range(self.most):
            if number >= self.least and time.monotonic() - begin > self.patience:
                return
            yield number

    @property
    def over(self) -> bool:
        """The time is up."""
        return time.monotonic() - self.begin > self.limit


def quick() -> Scale:
    """A look at everything in a minute and a half; the ratios are rough."""
    return Scale(
        events=9_900,
        fewer=4_950,
        frames=2_000,
        requests=100,
        history=2_000,
        million=100_000,
        big=16 << 20,
        idle=200,
        ticks=50,
        imports=3,
        repeats=2,
        least=2,
        most=3,
        patience=1.0,
        limit=80.0,
    )


def tiny() -> Scale:
    """Shows that every part works; measures nothing."""
    return Scale(
        events=660,
        fewer=330,
        frames=99,
        requests=20,
        history=200,
        million=20_000,
        big=1 << 20,
        idle=20,
        ticks=10,
        imports=1,
        repeats=1,
        least=1,
        most=1,
        limit=75.0,
    )
