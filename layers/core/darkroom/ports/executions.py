"""Executions of the state machine, one a run."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import PollState


class Executions(Protocol):
    """The state machine."""

    def start(self, tick: PollState, attempt: int) -> None:
        """Starts the job's execution unless it is running. Repeat safe."""
