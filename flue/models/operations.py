"""What starting workflows and prompting agents answers.

Generated from schemas/operations.json by `python -m codegen`: do not edit.
"""

# ruff: noqa: TC001  (whoever resolves the annotations at run time finds their names here)

from __future__ import annotations

import attrs

from flue.codec._base import JSON, WireModel
from flue.models.common import PromptUsage


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class WorkflowInvokeResult(WireModel):
    """A workflow run that was admitted.

    Attributes:
        run_id: The run, to follow with `client.runs`.
    """

    run_id: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class WorkflowWaitResult(WireModel):
    """A workflow run whose end the request waited for.

    Attributes:
        run_id: The run.
        result: What the workflow returned; None when it returned nothing.
    """

    run_id: str
    result: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class WorkflowRunResult(WireModel):
    """A workflow run that was followed to its end.

    Attributes:
        run_id: The run.
        result: What the workflow returned; None when it returned nothing.
    """

    run_id: str
    result: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentSendResult(WireModel):
    """A prompt that an agent has admitted.

    Attributes:
        stream_url: URL of the agent's event stream, as the server sees itself; behind a proxy its host may differ from
            the one asked.
        offset: Where this prompt's events begin in that stream.
        submission_id: Identifies the prompt; its events carry it as `submission_id`.
    """

    stream_url: str
    offset: str
    submission_id: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class PromptModel(WireModel):
    """The model that Flue selected for a prompt.

    Attributes:
        provider: Key under which the provider is registered with Flue.
        id: The provider's id of the model.
    """

    provider: str
    id: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentPromptResponse(WireModel):
    """An agent's answer to one prompt.

    Attributes:
        text: What the agent said.
        usage: Tokens and cost of the model work behind it.
        model: The model of the prompt's main turn.
    """

    text: str
    usage: PromptUsage
    model: PromptModel


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class AgentPromptResult(WireModel):
    """A prompt that an agent has answered.

    Attributes:
        stream_url: URL of the agent's event stream, as the server sees itself; behind a proxy its host may differ from
            the one asked.
        offset: Where this prompt's events begin in that stream.
        submission_id: Identifies the prompt; its events carry it as `submission_id`.
        result: The answer: an `AgentPromptResponse` where it has that shape, else the JSON that the server sent.
    """

    stream_url: str
    offset: str
    submission_id: str
    result: AgentPromptResponse | JSON = None
