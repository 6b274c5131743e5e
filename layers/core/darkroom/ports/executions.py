"""The port for executions of the state machine, one for each run of a job."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import PollState


class Executions(Protocol):
    """Starts executions of the state machine."""

    def start(self, tick: PollState, attempt: int) -> None:
        """Start an execution for the job's run, unless one is running. Repeat safe."""
