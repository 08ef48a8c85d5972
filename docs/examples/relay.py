"""A web service that relays the events of a run to browsers, without showing them the token of the Flue server.

FLUE_BASE_URL=... FLUE_TOKEN=... uvicorn relay:app      then open http://127.0.0.1:8000/?run=RUN_ID

`relay.html` is the browser's side. A browser that loses its connection comes back by itself, with the last id that it
saw in `Last-Event-ID`. The ids are the offsets of the run's stream, so it resumes there, whichever instance of this
service it reaches. No event is skipped; those of a batch of which it had seen only a part come again, with the
`eventIndex` that they had.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import FileResponse, StreamingResponse

from flue import AsyncFlueClient, AsyncFlueEventStream, FlueError, NotFoundError, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client, and with it one pool of connections, for all requests."""
    async with AsyncFlueClient() as client:
        app.state.flue = client
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def page() -> FileResponse:
    """The page that shows a run."""
    return FileResponse(Path(__file__).with_name("relay.html"))


@app.get("/runs/{run_id}/events")
async def events(
    run_id: str, request: Request, last_event_id: Annotated[str | None, Header()] = None
) -> StreamingResponse:
    """The events of a run as server-sent events, from `Last-Event-ID` on."""
    # Check here whether this user may see this run.
    client: AsyncFlueClient = request.app.state.flue
    try:
        stream = client.runs.stream(run_id, offset=last_event_id or "-1", live="sse")
        await client.runs.get(run_id, timeout=10)  # the status of a response is chosen before its first byte
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    except NotFoundError:
        raise HTTPException(404, f"there is no run {run_id}") from None
    except FlueError:
        raise HTTPException(502, "the run cannot be read at present") from None
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # proxies pass each event on at once
    return StreamingResponse(relay(stream), media_type="text/event-stream", headers=headers)


async def relay(stream: AsyncFlueEventStream) -> AsyncIterator[str]:
    """Frames for the browser. When it leaves, this generator is cancelled, and the stream with it."""
    seen = stream.offset
    async with stream:
        try:
            async for event in stream:
                # ASCII JSON has no line breaks, so it is one line of data.
                frame = f"data: {json.dumps(to_json(event))}\n"
                if stream.offset != seen:  # this event completes its batch
                    seen = stream.offset
                    frame = f"id: {seen}\n{frame}"
                yield frame + "\n"
        except FlueError:
            return  # the browser comes back, and is told with a status what is wrong
    yield "event: end\ndata:\n\n"
