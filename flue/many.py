"""Many runs at once: what both faces share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs

from flue.core import wire
from flue.plan import plan_run_stream

if TYPE_CHECKING:
    from flue.config import Settings
    from flue.errors import FlueError
    from flue.plan import StreamPlan

__all__ = ["MAX_CONNECTIONS", "StreamFailure", "plan_many"]

MAX_CONNECTIONS = 100
"""How many runs are followed at a time unless the caller says otherwise."""
AHEAD = 256
"""Events of all runs together that are read ahead of the consumer."""


@attrs.frozen
class StreamFailure:
    """What `stream_many()` gives instead of an event when one run cannot be read on; the others go on.

    Attributes:
        error: why.
        offset: where that run can be read on.
        type: `stream_failure`, beside the types of the events.
    """

    error: FlueError
    offset: str
    type: Literal["stream_failure"] = attrs.field(default="stream_failure", init=False)


def plan_many(
    settings: Settings, run_ids: object, *, offsets: object, max_connections: object, **options: Any
) -> tuple[dict[str, StreamPlan], int]:
    """Check the arguments and plan each run.

    Args:
        settings: the client's.
        run_ids: the runs; one that is named twice is followed once.
        offsets: saved checkpoints by run; runs without one start at the beginning.
        max_connections: how many are followed at a time.
        options: as for one stream.

    Raises:
        ValueError: an argument that cannot work.
        TypeError: an argument of the wrong type.
    """
    if isinstance(run_ids, str | bytes) or not isinstance(run_ids, Iterable):
        raise TypeError(f"run_ids must be several run ids, not {type(run_ids).__name__}")
    if offsets is None:
        offsets = {}
    if not isinstance(offsets, Mapping):
        raise TypeError(f"offsets must be a mapping of run ids to offsets, not {type(offsets).__name__}")
    if isinstance(max_connections, bool) or not isinstance(max_connections, int):
        raise TypeError(f"max_connections must be an int, not {type(max_connections).__name__}")
    if max_connections < 1:
        raise ValueError(f"max_connections must be >= 1, not {max_connections}")
    plans: dict[str, StreamPlan] = {}
    starts = cast("Mapping[Any, object]", offsets)
    named: Iterable[Any] = run_ids  # pyright: ignore[reportUnknownVariableType]  # each is checked by its plan
    for run_id in named:
        start = starts.get(run_id, wire.START) if isinstance(run_id, str) else wire.START
        plans[run_id] = plan_run_stream(settings, run_id, offset=start, **options)
    return plans, max_connections
