"""A chat with a Flue 2 agent behind a web page.

FLUE_CONVERSATION_URL=... FLUE_TOKEN=... uvicorn chat:app      then open http://127.0.0.1:8000/

`chat.html` is the browser's side. It gets the newest state of the conversation whenever that has changed. A state is
complete, so a browser that comes back has missed nothing; text that the agent takes back disappears by itself.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, StreamingResponse

from flue import AsyncConversation, ConversationPart, ConversationState, DynamicToolPart, FlueError, TextPart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One conversation for everybody; a real service has one for each user, by `client.conversation(...)`."""
    async with AsyncConversation() as conversation:
        app.state.conversation = conversation
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def page() -> FileResponse:
    """The page."""
    return FileResponse(Path(__file__).with_name("chat.html"))


@app.post("/messages", status_code=202)
async def send(request: Request) -> dict[str, str]:
    """Deliver what the user says. The browser's key makes it safe to send again."""
    conversation: AsyncConversation = request.app.state.conversation
    body: dict[str, str] = await request.json()
    try:
        sent = await conversation.send(body["text"], idempotency_key=body["key"], timeout=30)
    except FlueError:
        raise HTTPException(502, "the message could not be delivered") from None
    return {"submission_id": sent.submission_id}


@app.post("/abort")
async def abort(request: Request) -> dict[str, bool]:
    """Stop the agent."""
    conversation: AsyncConversation = request.app.state.conversation
    return {"aborted": (await conversation.abort(timeout=30)).aborted}


@app.get("/states")
async def states(request: Request) -> StreamingResponse:
    """The states of the conversation as server-sent events."""
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # proxies pass each event on at once
    return StreamingResponse(observe(request.app.state.conversation), media_type="text/event-stream", headers=headers)


async def observe(conversation: AsyncConversation) -> AsyncIterator[str]:
    """A frame for each state. When the browser leaves, this generator is cancelled, and the observation with it."""
    async with conversation.observe(live="sse", wait_until_exists=True) as observation:
        try:
            async for state in observation:
                yield f"data: {json.dumps(shown(state))}\n\n"
        except FlueError:
            return  # the browser comes back


def shown(state: ConversationState) -> list[dict[str, Any]]:
    """What the page shows: who says what."""
    visible = [message for message in state.messages if message.display == "visible"]
    return [{"role": message.role, "lines": [*map(line, message.parts)]} for message in visible]


def line(part: ConversationPart) -> str:
    """A part of a message as text."""
    match part:
        case TextPart():
            return part.text
        case DynamicToolPart():
            return f"[{part.tool_name}: {part.state}]"
        case _:
            return f"[{part.type}]"
