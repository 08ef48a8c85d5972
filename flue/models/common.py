"""Payload types that events, records and answers share: token usage, the normalized model turn, and errors.

Generated from schemas/common.json by `python -m codegen`: do not edit.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import attrs

from flue.codec._base import JSON, WireModel
from flue.codec._unknown import UnknownContent

SubmissionOutcome: TypeAlias = Literal["completed", "failed", "aborted"]
"""How a prompt or a message to a conversation ended. `aborted` is known to 1.0.0-beta.8 and later."""

LlmTurnPurpose: TypeAlias = Literal["agent", "compaction", "compaction_prefix"]
"""Why a model turn was made: the agent's own work, or a summary of older context."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class PromptCost(WireModel):
    """Cost of model work, in the currency of the model's price table.

    That is US dollars for the large commercial providers, and whatever was configured for custom models.

    Attributes:
        input: Cost of the prompt tokens.
        output: Cost of the generated tokens.
        cache_read: Cost of the tokens read from the cache.
        cache_write: Cost of the tokens written to the cache.
        total: The sum.
    """

    input: float
    output: float
    cache_read: float
    cache_write: float
    total: float


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class PromptUsage(WireModel):
    """Tokens and cost of model work, summed over every model call that the described operation made.

    Attributes:
        input: Prompt tokens that were neither read from nor written to the provider's cache.
        output: Generated tokens.
        cache_read: Prompt tokens read from the provider's cache.
        cache_write: Prompt tokens written to the provider's cache.
        total_tokens: All tokens counted.
        cost: What the tokens cost.
    """

    input: int
    output: int
    cache_read: int
    cache_write: int
    total_tokens: int
    cost: PromptCost


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmTextContent(WireModel):
    """Text in a message.

    Attributes:
        type: The kind of content.
        text: The text.
        text_signature: Opaque signature of the provider, needed to send the text back to it.
    """

    type: ClassVar[Literal["text"]] = "text"

    text: str
    text_signature: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmImageContent(WireModel):
    """An image in a message. Events never carry its bytes.

    Attributes:
        type: The kind of content.
        data: Base64 in the model's context; in events always the text `[image data omitted from event]`.
        mime_type: Media type of the image, such as `image/png`.
    """

    type: ClassVar[Literal["image"]] = "image"

    data: str
    mime_type: str


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmThinkingContent(WireModel):
    """Reasoning that the model showed before it answered.

    Attributes:
        type: The kind of content.
        thinking: The reasoning text; empty where the provider hides it.
        thinking_signature: Opaque signature of the provider, needed to send the reasoning back to it.
        redacted: Whether the provider withheld the text and left only the signature.
    """

    type: ClassVar[Literal["thinking"]] = "thinking"

    thinking: str
    thinking_signature: str | None = None
    redacted: bool | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmToolCall(WireModel):
    """A tool that the model asked to be called.

    Attributes:
        type: The kind of content.
        id: Identifies the call; the `tool_start` and `tool` events carry it as `tool_call_id`.
        name: Name of the tool.
        arguments: The arguments, as the model wrote them.
        thought_signature: Opaque signature of the provider, needed to send the call back to it.
    """

    type: ClassVar[Literal["toolCall"]] = "toolCall"

    id: str
    name: str
    arguments: dict[str, JSON]
    thought_signature: str | None = None


LlmUserContent: TypeAlias = LlmTextContent | LlmImageContent | UnknownContent
"""A part of a user's message or of a tool's result."""

LlmAssistantContent: TypeAlias = LlmTextContent | LlmThinkingContent | LlmToolCall | UnknownContent
"""A part of the model's message."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmUserMessage(WireModel):
    """What the user, or the program in its name, told the model.

    Attributes:
        role: Who speaks.
        content: Plain text, or the parts of the message in order.
    """

    role: ClassVar[Literal["user"]] = "user"

    content: str | list[LlmUserContent]


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmAssistantMessage(WireModel):
    """What the model answered.

    Attributes:
        role: Who speaks.
        content: The parts of the message in order: reasoning, text and tool calls.
    """

    role: ClassVar[Literal["assistant"]] = "assistant"

    content: list[LlmAssistantContent]


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmToolResultMessage(WireModel):
    """What a tool returned to the model.

    Attributes:
        role: Who speaks.
        tool_call_id: The call that is answered.
        tool_name: Name of the tool.
        content: The parts of the result in order.
        is_error: Whether the tool failed.
    """

    role: ClassVar[Literal["toolResult"]] = "toolResult"

    tool_call_id: str
    tool_name: str
    content: list[LlmUserContent]
    is_error: bool


LlmMessage: TypeAlias = LlmUserMessage | LlmAssistantMessage | LlmToolResultMessage
"""A message of a model's context in its normalized form."""


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class LlmTool(WireModel):
    """A tool that the model was offered.

    Attributes:
        name: Name of the tool.
        description: What the model is told about it.
        parameters: JSON Schema of its arguments.
    """

    name: str
    description: str
    parameters: JSON = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ModelRequestInfo(WireModel):
    """Which model a turn asked, and with what settings.

    Attributes:
        provider_id: Key under which the provider is registered with Flue; the first half of a model specifier.
        provider_name: The provider's own name. Differs from `provider_id` behind gateways and for custom registrations.
        requested_model: Id of the model that was asked for.
        api: The provider API spoken, such as `anthropic-messages`.
        server_address: Host of the provider's endpoint.
        server_port: Port of the provider's endpoint, where it is not the usual one.
        reasoning_level: Reasoning effort asked for, such as `medium`.
        max_tokens: Upper limit of generated tokens.
        temperature: Sampling temperature.
        context_compacted: True when older context had been replaced by a summary.
    """

    provider_id: str
    provider_name: str
    requested_model: str
    api: str
    server_address: str | None = None
    server_port: int | None = None
    reasoning_level: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    context_compacted: bool | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class FlueErrorInfo(WireModel):
    """A classified error of a model turn.

    Attributes:
        type: Class of the error, such as `AbortError`.
        name: Name of the JavaScript error.
        code: Code of the error, such as `ECONNRESET`.
        message: What the error says.
    """

    type: str
    name: str | None = None
    code: str | None = None
    message: str | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class ModelResponse(WireModel):
    """What a model turn brought back.

    Attributes:
        response_id: The provider's id of the response.
        response_model: The model that answered, where the provider names it.
        output: The model's message.
        usage: Tokens and cost of this turn.
        finish_reason: Why the model stopped, such as `stop`, `toolUse` or `length`.
        error: What went wrong, if something did.
    """

    response_id: str | None = None
    response_model: str | None = None
    output: LlmAssistantMessage | None = None
    usage: PromptUsage | None = None
    finish_reason: str | None = None
    error: FlueErrorInfo | None = None


@attrs.define(kw_only=True, repr=False, eq=False, getstate_setstate=False)
class FlueSerializedError(WireModel):
    """An error as an event carries it.

    Attributes:
        name: Name of the JavaScript error.
        message: What the error says.
        type: Stable type of a Flue error, such as `submission_aborted`.
        details: Longer explanation for people.
        dev: Advice for the developer; only from a local development server.
        meta: Structured details, by the type of the error.
    """

    name: str | None = None
    message: str
    type: str | None = None
    details: str | None = None
    dev: str | None = None
    meta: dict[str, JSON] | None = None
