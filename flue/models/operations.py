"""What starting workflows and prompting agents answers.

Generated from schemas/operations.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC001, TC003  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from flue.codec._base import JSON, NO_EXTRA, Model
from flue.models.common import PromptUsage


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class WorkflowInvokeResult(Model):
    """A workflow run that was admitted.

    Attributes:
        run_id: The run, to follow with `client.runs`.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    run_id: str
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class WorkflowWaitResult(Model):
    """A workflow run whose end the request waited for.

    Attributes:
        run_id: The run.
        result: What the workflow returned; None when it returned nothing.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    run_id: str
    result: JSON = None
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class WorkflowRunResult(Model):
    """A workflow run that was followed to its end.

    Attributes:
        run_id: The run.
        result: What the workflow returned; None when it returned nothing.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    run_id: str
    result: JSON = None
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentSendResult(Model):
    """A prompt that an agent has admitted.

    Attributes:
        stream_url: URL of the agent's event stream, as the server sees itself; behind a proxy its host may differ from
            the one asked.
        offset: Where this prompt's events begin in that stream.
        submission_id: Identifies the prompt; its events carry it as `submission_id`.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    stream_url: str
    offset: str
    submission_id: str
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentPromptResult(Model):
    """A prompt that an agent has answered.

    Attributes:
        stream_url: URL of the agent's event stream, as the server sees itself; behind a proxy its host may differ from
            the one asked.
        offset: Where this prompt's events begin in that stream.
        submission_id: Identifies the prompt; its events carry it as `submission_id`.
        result: The answer: an `AgentPromptResponse` where it has that shape, else the JSON that the server sent.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    stream_url: str
    offset: str
    submission_id: str
    result: AgentPromptResponse | JSON = None
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentPromptResponse(Model):
    """An agent's answer to one prompt.

    Attributes:
        text: What the agent said.
        usage: Tokens and cost of the model work behind it.
        model: The model of the prompt's main turn.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    text: str
    usage: PromptUsage
    model: PromptModel
    wire_extra: Mapping[str, Any] = NO_EXTRA


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class PromptModel(Model):
    """The model that Flue selected for a prompt.

    Attributes:
        provider: Key under which the provider is registered with Flue.
        id: The provider's id of the model.
        wire_extra: What came with the object and is not in the attributes: unknown keys, explicit nulls, other
            spellings of a value.
    """

    provider: str
    id: str
    wire_extra: Mapping[str, Any] = NO_EXTRA
