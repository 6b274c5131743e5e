"""The port for staged results: results of synchronous calls that wait in the output bucket for their delivery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from darkroom.model import Handle
from darkroom.ports.streams import ResultLink


class StagedResults(Protocol):
    """Keeps results of synchronous calls until they are delivered. Each job has one place for its staged result."""

    def stage(self, handle: Handle, process_id: str, chunks: Iterator[bytes]) -> None:
        """Stage all bytes or nothing, in constant memory. This replaces an earlier staged result of the job. Raises what
        `chunks` raises."""

    def find(self, handle: Handle) -> str | None:
        """Return the process id of the result that an attempt of the handle's run has staged, or None if there is none."""

    def open(self, job_id: str, process_id: str) -> AbstractContextManager[ResultLink]:
        """Open the staged result of that process. Raises ResultNotReady if it is not there."""

    def drop(self, job_id: str, process_id: str) -> None:
        """Remove the staged result of that process. A result of another process, such as a rerun's, stays. Repeat safe."""
