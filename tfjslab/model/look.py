"""What would run, without making it: modules, pipelines and copies of weights take most of the time of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from tfjslab.backends.base import CommandInfo, ListsCommands, Plan, PlanInfo, Session
from tfjslab.graph.specialize import Specialized
from tfjslab.model.executor import Executor


@dataclass(frozen=True)
class _Look:
    """In place of a plan: its commands, and nothing to run or to give back."""

    info: PlanInfo

    def dispose(self) -> None:
        """Nothing was made."""


@dataclass(frozen=True)
class _LookingSession:
    """In place of a session, for an executor that is only asked what it would run."""

    session: ListsCommands

    def compile(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        """The commands that a plan would have."""
        commands: Sequence[CommandInfo] = self.session.commands(program, outputs)
        return cast("Plan", _Look(PlanInfo(commands, 0, 0, 0, 0.0, cached=False, threads=1, clock="")))


def looking(executor: Executor) -> Executor:
    """An executor of the same graph that looks; ``executor`` itself where its backend cannot tell without making."""
    session = executor.session
    if not isinstance(session, ListsCommands):
        return executor
    look = cast("Session", _LookingSession(session))
    return Executor(executor.graph, look, executor.fallback, threads=executor.threads)
