"""Values of the wire that have a tag this version does not know, or that do not fit the schema of the tag they have."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # whoever resolves the annotations at run time finds it here
from typing import Any, ClassVar, Literal

import attrs

from flue.codec._base import DecodeError, Model, parse_time


@attrs.define(repr=False, eq=False, getstate_setstate=False)
class Unknown(Model):
    """Base of these classes.

    Attributes:
        type: Always `unknown`, so that comparing the `type` of a union's members narrows.
        stands_for_misfits: Whether it also takes the place of a value inside another object that has a known tag and
            does not fit its schema. Otherwise the object around it does not fit either.
        wire_type: The `type` on the wire; None where it is missing or not a string.
        raw: The JSON object as it came.
        problem: What was not understood, in one sentence.
    """

    type: ClassVar[Literal["unknown"]] = "unknown"
    stands_for_misfits: ClassVar[bool] = True

    wire_type: str | None
    raw: dict[str, Any]
    problem: str

    def _text(self, key: str) -> str | None:
        value = self.raw.get(key)
        return value if isinstance(value, str) else None


@attrs.define(repr=False, eq=False, getstate_setstate=False)
class UnknownContent(Unknown):
    """A part of a message whose `type` is not known to this version.

    Attributes:
        type: Always `unknown`, so that comparing the `type` of a part narrows.
        wire_type: The `type` on the wire; None where it is missing or not a string.
        raw: The JSON object as it came.
        problem: What was not understood, in one sentence.
    """

    stands_for_misfits: ClassVar[bool] = False


@attrs.define(repr=False, eq=False, getstate_setstate=False)
class UnknownPart(Unknown):
    """A part of a conversation's message: of a type that is not known, or of a known type that does not fit its schema.

    Attributes:
        type: Always `unknown`, so that comparing the `type` of a part narrows.
        wire_type: The `type` on the wire; None where it is missing or not a string.
        raw: The JSON object as it came.
        problem: What was not understood, in one sentence.
    """


@attrs.define(repr=False, eq=False, getstate_setstate=False)
class UnknownChunk(Unknown):
    """A chunk of a conversation: of a type that is not known, or of a known type that does not fit its schema.

    Attributes:
        type: Always `unknown`, so that comparing the `type` of a chunk narrows.
        wire_type: The `type` on the wire; None where it is missing or not a string.
        raw: The JSON object as it came.
        problem: What was not understood, in one sentence.
    """

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the chunk belongs to."""
        return self._text("conversationId")


@attrs.define(repr=False, eq=False, getstate_setstate=False)
class UnknownEvent(Unknown):
    """An event of a type that this version does not know, or of a known type that does not fit its schema.

    The properties read the envelope of the raw event as far as it has one; None stands for what is missing or misfits.

    Attributes:
        type: Always `unknown`, so that comparing the `type` of an event narrows.
        wire_type: The `type` on the wire; None where it is missing or not a string.
        raw: The JSON object as it came.
        problem: What was not understood, in one sentence.
    """

    @property
    def v(self) -> int | None:
        """Version of the event format."""
        value = self.raw.get("v")
        if type(value) is float and value.is_integer():
            return int(value)
        return value if type(value) is int else None

    @property
    def event_index(self) -> int | None:
        """Position of the event in its context. Has gaps, and is not a stream offset."""
        value = self.raw.get("eventIndex")
        return value if type(value) is int else None

    @property
    def timestamp(self) -> datetime | None:
        """When the event was emitted."""
        try:
            return parse_time(self.raw.get("timestamp"))
        except DecodeError:
            return None

    @property
    def run_id(self) -> str | None:
        """The workflow run that the event belongs to."""
        return self._text("runId")

    @property
    def instance_id(self) -> str | None:
        """The agent instance that the event belongs to, where it is not part of a run."""
        return self._text("instanceId")

    @property
    def dispatch_id(self) -> str | None:
        """The dispatched input that caused the event."""
        return self._text("dispatchId")

    @property
    def submission_id(self) -> str | None:
        """The prompt that caused the event."""
        return self._text("submissionId")

    @property
    def agent_name(self) -> str | None:
        """Name of the agent."""
        return self._text("agentName")

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the event belongs to."""
        return self._text("conversationId")

    @property
    def session(self) -> str | None:
        """Name of the session."""
        return self._text("session")

    @property
    def parent_session(self) -> str | None:
        """Name of the session that delegated to this one."""
        return self._text("parentSession")

    @property
    def task_id(self) -> str | None:
        """The delegated task that the event belongs to."""
        return self._text("taskId")

    @property
    def harness(self) -> str | None:
        """Name of the harness that runs the session."""
        return self._text("harness")

    @property
    def operation_id(self) -> str | None:
        """The operation that the event belongs to."""
        return self._text("operationId")

    @property
    def turn_id(self) -> str | None:
        """The model turn that the event belongs to."""
        return self._text("turnId")
