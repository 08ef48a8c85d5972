"""Workflows and agents of a test: the part of a server's interface that takes Python callables."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flue.testing.agents import AgentFunction
from flue.testing.workflows import Workflow, WorkflowFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from flue.testing.workflows import Validate

A = TypeVar("A", bound=AgentFunction)
F = TypeVar("F", bound=WorkflowFunction)


class Registrations:
    """The callables that requests may name. May grow while the server runs.

    Args:
        workflows: By name.
        agents: By name.
    """

    def __init__(self, workflows: dict[str, Workflow], agents: dict[str, AgentFunction]) -> None:
        self._workflows = workflows
        self._agents = agents

    def workflow(
        self,
        name: str,
        *,
        runs: bool = True,
        accepts_input: bool = True,
        validate: Validate | None = None,
    ) -> Callable[[F], F]:
        """Register the decorated function as a workflow; see `add_workflow`."""

        def register(function: F) -> F:
            self.add_workflow(name, function, runs=runs, accepts_input=accepts_input, validate=validate)
            return function

        return register

    def add_workflow(
        self,
        name: str,
        function: WorkflowFunction,
        *,
        runs: bool = True,
        accepts_input: bool = True,
        validate: Validate | None = None,
    ) -> None:
        """Register a workflow, in place of an older one of this name.

        Args:
            name: In the URL.
            function: Called with a `WorkflowRun` for every invocation: a plain function on a thread of its own,
                a coroutine function on the loop of the server. What it returns is the result of the run, what
                it raises is its error.
            runs: Whether its runs can be read. Without, they answer 404 though they execute.
            accepts_input: Whether it takes input at all. Input that is not wanted is a 500.
            validate: Called with the input; a `ValueError`, `TypeError` or `LookupError` that it raises is a
                500 with an issue of that text, before anything runs. `InvalidInputError` says where, too.
        """
        self._workflows[name] = Workflow(name, function, runs, accepts_input, validate)

    def agent(self, name: str) -> Callable[[A], A]:
        """Register the decorated function as an agent; see `add_agent`."""

        def register(function: A) -> A:
            self.add_agent(name, function)
            return function

        return register

    def add_agent(self, name: str, function: AgentFunction) -> None:
        """Register an agent, in place of an older one of this name.

        Args:
            name: In the URL.
            function: Called with an `AgentTurn` for every prompt, one after the other for each instance: a plain
                function on a thread of its own, a coroutine function on the loop of the server. A text that it
                returns is the answer of a model, anything else is the result as it is. What it raises settles
                the submission as failed; as from Flue, a client does not learn why.
        """
        self._agents[name] = function
