"""Flue 2 in the live tests: its conversations over plain HTTP, and the TypeScript SDK beside."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import Any

from .harness import node
from .server import TOKEN, Answer, LiveServer

SDK_LIMIT = 150.0
"""Seconds for a run of the TypeScript SDK; a reply takes a few."""


class Talk:
    """One conversation, over plain HTTP.

    Args:
        server: That has it.
        agent: Of `app2/`: assistant, reporter, slow, compactor or seeded.
    """

    def __init__(self, server: LiveServer, agent: str = "assistant") -> None:
        self.server = server
        self.agent = agent
        self.name = f"talk-{uuid.uuid4().hex[:12]}"
        self.path = f"/agents/{agent}/{self.name}"

    @property
    def url(self) -> str:
        """For a client."""
        return f"{self.server.base_url}{self.path}"

    def get(self, query: str) -> Answer:
        """Read with this query."""
        answer = self.server.request("GET", f"{self.path}?{query}")
        assert answer.status == 200, answer
        return answer

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
        return self.get("view=history").json

    def chunks(self, offset: str = "-1") -> tuple[list[dict[str, Any]], str]:
        """The content chunks from an offset to the head, and the offset there."""
        chunks: list[dict[str, Any]] = []
        while True:
            answer = self.get(f"view=updates&offset={offset}")
            assert answer.json[0]["type"] == "stream-checkpoint", answer.json
            chunks += answer.json[1:]
            offset = answer.headers["Stream-Next-Offset"]
            if answer.headers["Stream-Up-To-Date"]:
                return chunks, offset

    def until(self, kind: str, offset: str) -> None:
        """Wait for a chunk of this type behind an offset, by long polls, which the server ends by itself."""
        for _ in range(200):
            answer = self.get(f"view=updates&offset={offset}&live=long-poll")
            if any(chunk["type"] == kind for chunk in answer.json):
                return
            offset = answer.headers["Stream-Next-Offset"]
        raise AssertionError(f"no {kind}")

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
