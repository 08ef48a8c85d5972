"""Following a run to its end, and what to type to go on when that is interrupted."""

from __future__ import annotations

import contextlib
import shlex
import signal
import time
from typing import TYPE_CHECKING, Self

import attrs

from flue._results import RECORD_POLL_DELAYS, RunOutcome
from flue.cli.parser import LIVE, program_words
from flue.core.stream_state import START
from flue.errors import FlueError, FlueExecutionError, NotFoundError

if TYPE_CHECKING:
    from types import FrameType

    from flue import FlueClient, FlueEventStream
    from flue._requests import Deadline
    from flue.cli.parser import Options
    from flue.cli.views import View

__all__ = ["Follower", "Interrupted"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while events were read.

    Attributes:
        sentences: what to tell: where the reading stopped, and how to go on.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.sentences = sentences


@attrs.frozen
class Follower:
    """Reads the events of one run for one command.

    Attributes:
        client: to ask with.
        view: shows the events.
        options: of the command.
        run_id: of the run.
        verb: of the `runs` command that would go on: `stream` or `events`.
        workflow: that was started by this very command, if one was.
    """

    client: FlueClient
    view: View
    options: Options
    run_id: str
    verb: str = "stream"
    workflow: str | None = None

    def read(self, stream: FlueEventStream) -> RunOutcome:
        """Show the events of `stream` until it ends. Returns how the run went, as far as the events say so.

        Raises:
            Interrupted: Ctrl-C was pressed.
            FlueError: the events cannot be read on; a note says how to go on later.
        """
        outcome = RunOutcome(self.run_id, self.workflow or "")
        beginning = stream.offset
        try:
            with stream, _CtrlC(stream) as ctrl_c:
                for event in stream:
                    self.view.event(event)
                    if event.type == "run_end" and event.run_id == self.run_id:
                        outcome.from_event(event)
        except FlueError as error:
            self._explain(error, outcome, stream.offset, moved=stream.offset != beginning)
            raise
        if ctrl_c.pressed and not outcome.done:
            raise Interrupted(
                f"interrupted at offset {stream.offset}; the run goes on",
                f"to go on from here: {self._command(stream.offset)}",
            )
        if not outcome.done:
            self.view.end(stream.offset)
        return outcome

    def succeeded(self, stream: FlueEventStream, deadline: Deadline) -> bool:
        """Follow a run. Whether it completed, or has not ended and no news were waited for."""
        outcome = self.read(stream)
        if not outcome.done and not stream.closed:
            return True
        for seconds in RECORD_POLL_DELAYS:
            if outcome.done:
                break
            outcome.from_record(self.client.runs.get(self.run_id, timeout=deadline.remaining()))
            if not outcome.done:
                time.sleep(seconds)
        try:
            outcome.result()
        except FlueExecutionError as error:
            self.view.failed(error)
            return False
        return True

    def _explain(self, error: FlueError, outcome: RunOutcome, offset: str, *, moved: bool) -> None:
        if self.workflow is not None:
            outcome.add_context(error)
        if moved or (self.workflow is not None and not isinstance(error, NotFoundError)):
            error.add_note(f"to go on from here: {self._command(offset)}")

    def _command(self, offset: str) -> str:
        """What to type to go on. The token and other headers stay out of it: they are secrets."""
        options = self.options
        words = [*program_words(), "runs", self.verb, self.run_id, "--offset", offset]
        if offset == START and options.tail is not None:
            words += ["--tail", str(options.tail)]
        if self.verb == "stream" and options.live != LIVE[0]:
            words += ["--live", options.live]
        if options.base_url is not None:
            words += ["--base-url", options.base_url]
        if options.json:
            words.append("--json")
        command = shlex.join(words)
        secrets = [name for name, given in (("--token", options.token), ("--header", options.headers)) if given]
        return f"{command}  (and {' and '.join(secrets)} as before)" if secrets else command


class _CtrlC:
    """While entered, Ctrl-C ends a stream between two events. Pressed once more it does what it always does."""

    def __init__(self, stream: FlueEventStream) -> None:
        self.pressed = False
        self._stream = stream
        self._installed = False

    def __enter__(self) -> Self:
        # Where it is ignored or somebody else's it stays so; and only the main thread may ask for it.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGINT, self._press)
                self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _press(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # what a handler is given
        self.pressed = True
        self._restore()
        self._stream.cancel("Ctrl-C")

    def _restore(self) -> None:
        if self._installed:
            self._installed = False
            signal.signal(signal.SIGINT, signal.default_int_handler)
