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
    from flue.testing._conversations import ReceivedAttachment as ReceivedAttachment
    from flue.testing._conversations import ReceivedMessage as ReceivedMessage
    from flue.testing._http import RecordedRequest as RecordedRequest
    from flue.testing._runs import AgentTurn as AgentTurn
    from flue.testing._runs import InvalidInputError as InvalidInputError
    from flue.testing._runs import ServerStoppedError as ServerStoppedError
    from flue.testing._runs import WorkflowRun as WorkflowRun
    from flue.testing._turns import ConversationTurn as ConversationTurn
    from flue.testing._turns import ToolCall as ToolCall
    from flue.testing._turns import TurnAbortedError as TurnAbortedError
    from flue.testing.faults import Fault as Fault
    from flue.testing.faults import FaultQueue as FaultQueue
    from flue.testing.faults import FaultRule as FaultRule
    from flue.testing.faults import Reply as Reply
    from flue.testing.server import FlueTestServer as FlueTestServer

_MODULES = {
    "FlueTestServer": "server",
    "RecordedRequest": "_http",
    **dict.fromkeys(("ReceivedAttachment", "ReceivedMessage"), "_conversations"),
    **dict.fromkeys(("AgentTurn", "InvalidInputError", "ServerStoppedError", "WorkflowRun"), "_runs"),
    **dict.fromkeys(("ConversationTurn", "ToolCall", "TurnAbortedError"), "_turns"),
    **dict.fromkeys(("Fault", "FaultQueue", "FaultRule", "Reply"), "faults"),
}

__all__ = [*_MODULES]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
