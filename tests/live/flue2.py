"""Flue 2 in the live tests: its conversations over plain HTTP, and the TypeScript SDK beside."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

from .harness import node
from .server import TOKEN, Answer, LiveServer

if TYPE_CHECKING:
    from collections.abc import Callable

SDK_LIMIT = 150.0
"""Seconds for a run of the TypeScript SDK; a reply takes a few."""
ORIGIN = "-1"


class Talk:
    """One conversation, over plain HTTP.

    Args:
        server: That has it.
        agent: Of `app2/`: assistant, reporter, slow, compactor or seeded.
        name: Its id; a new one unless it is given.
    """

    def __init__(self, server: LiveServer, agent: str = "assistant", name: str | None = None) -> None:
        self.server = server
        self.agent = agent
        self.name = name or f"talk-{uuid.uuid4().hex[:12]}"
        self.path = f"/agents/{agent}/{self.name}"

    @property
    def url(self) -> str:
        """For a client."""
        return f"{self.server.base_url}{self.path}"

    def get(self, query: str = "") -> Answer:
        """Read with this query."""
        return self.server.request("GET", f"{self.path}{query and '?'}{query}")

    def post(self, message: Any, suffix: str = "") -> Answer:
        """Send a body."""
        return self.server.request("POST", f"{self.path}{suffix}", message)

    def send(self, body: str, **fields: Any) -> dict[str, Any]:
        """Deliver a user's message and give the receipt back."""
        answer = self.post({"kind": "user", "body": body, **fields})
        assert answer.status == 202, answer
        return answer.json

    def history(self) -> dict[str, Any]:
        """The snapshot."""
        answer = self.get("view=history")
        assert answer.status == 200, answer
        return answer.json

    def chunks(self, offset: str = ORIGIN) -> tuple[list[dict[str, Any]], str]:
        """The content chunks from an offset to the head, and the offset there."""
        chunks: list[dict[str, Any]] = []
        while True:
            answer = self.get(f"view=updates&offset={offset}")
            assert answer.status == 200, answer
            assert answer.json[0]["type"] == "stream-checkpoint", answer.json
            chunks += answer.json[1:]
            offset = answer.headers["Stream-Next-Offset"]
            if answer.headers["Stream-Up-To-Date"]:
                return chunks, offset

    def until(self, met: Callable[[list[dict[str, Any]]], object], offset: str = ORIGIN) -> list[dict[str, Any]]:
        """The chunks from an offset until they satisfy something, by long polls, which the server ends by itself."""
        chunks: list[dict[str, Any]] = []
        for _ in range(200):
            if met(chunks):
                return chunks
            answer = self.get(f"view=updates&offset={offset}&live=long-poll")
            assert answer.status == 200, answer
            chunks += [chunk for chunk in answer.json if chunk["type"] != "stream-checkpoint"]
            offset = answer.headers["Stream-Next-Offset"]
        raise AssertionError(f"not among {len(chunks)} chunks")

    def settled(self, receipt: dict[str, Any]) -> dict[str, Any]:
        """The settlement of a submission, awaited."""

        def found(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [
                chunk
                for chunk in chunks
                if chunk["type"] == "submission-settled" and chunk["submissionId"] == receipt["submissionId"]
            ]

        return found(self.until(found, receipt["offset"]))[0]

    def typescript(self, *steps: list[Any]) -> list[Any]:
        """What the TypeScript SDK answers to these steps: see `app2/sdk.mjs`."""
        done = subprocess.run(
            [node(self.server.app.parent), "sdk.mjs", self.url, TOKEN],
            cwd=self.server.app,
            input=json.dumps(steps),
            capture_output=True,
            text=True,
            timeout=SDK_LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def text_of(message: dict[str, Any]) -> str:
    """The text parts of a message of the wire, as a reply has them."""
    return "\n\n".join(part["text"] for part in message["parts"] if part["type"] == "text")


def without_urls(message: dict[str, Any]) -> dict[str, Any]:
    """A message without what the TypeScript SDK adds to its file parts."""
    parts = [{key: value for key, value in part.items() if key != "url"} for part in message["parts"]]
    return {**message, "parts": parts}
