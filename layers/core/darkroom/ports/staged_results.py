"""The port for staged results: results of synchronous calls that wait in the output bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from darkroom.model import Handle
from darkroom.ports.streams import ResultLink


class StagedResults(Protocol):
    """Results of synchronous calls, from their arrival until they are published. Each job has one place for them."""

    def stage(self, handle: Handle, process_id: str, chunks: Iterator[bytes]) -> None:
        """Stage all bytes or nothing, in constant memory. An earlier result of the job is replaced. Raises what the iterator
        raises."""

    def find(self, handle: Handle) -> str | None:
        """Return the process id of the result that any attempt of the handle's run has staged, None if there is none."""

    def open(self, job_id: str, process_id: str) -> AbstractContextManager[ResultLink]:
        """Open that result. Raises ResultNotReady if it is not there."""

    def drop(self, job_id: str, process_id: str) -> None:
        """Remove that result. One of another process stays, such as a rerun's. Repeat safe."""
