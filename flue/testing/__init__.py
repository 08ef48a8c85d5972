"""A Flue server for tests, with faults on demand, and a pytest plugin.

Example:
    A test that pytest runs as it stands, once flue-sdk is installed. Its stream is cut half-way, and goes on::

        from flue.testing import Fault


        def test_report(flue_server, flue_client):
            @flue_server.workflow("report")
            def report(run):
                run.log("half way", done=50)
                return {"ok": True}

            flue_server.faults.add(Fault(cut_after=100), path="/runs/")
            assert flue_client.workflows.run("report").result == {"ok": True}

Names are loaded when they are asked for: the plugin is loaded by every pytest run that finds it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flue.testing._connections import ServerStoppedError
    from flue.testing._conversations import ReceivedAttachment, ReceivedMessage
    from flue.testing._http import RecordedRequest
    from flue.testing._runs import AgentTurn, InvalidInputError, WorkflowRun
    from flue.testing._turns import ConversationTurn, ToolCall, TurnAbortedError
    from flue.testing.faults import Fault, FaultQueue, FaultRule, Reply
    from flue.testing.server import FlueTestServer

__all__ = [
    "AgentTurn",
    "ConversationTurn",
    "Fault",
    "FaultQueue",
    "FaultRule",
    "FlueTestServer",
    "InvalidInputError",
    "ReceivedAttachment",
    "ReceivedMessage",
    "RecordedRequest",
    "Reply",
    "ServerStoppedError",
    "ToolCall",
    "TurnAbortedError",
    "WorkflowRun",
]

_MODULES = {
    "AgentTurn": "_runs",
    "ConversationTurn": "_turns",
    "Fault": "faults",
    "FaultQueue": "faults",
    "FaultRule": "faults",
    "FlueTestServer": "server",
    "InvalidInputError": "_runs",
    "ReceivedAttachment": "_conversations",
    "ReceivedMessage": "_conversations",
    "RecordedRequest": "_http",
    "Reply": "faults",
    "ServerStoppedError": "_connections",
    "ToolCall": "_turns",
    "TurnAbortedError": "_turns",
    "WorkflowRun": "_runs",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
