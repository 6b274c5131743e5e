"""Results of synchronous calls that wait in the output bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from darkroom.model import Handle
from darkroom.ports.streams import ResultLink


class Staging(Protocol):
    """Results of synchronous calls between their arrival and their publication: one place a job, in the output bucket."""

    def keep(self, handle: Handle, process_id: str, pieces: Iterator[bytes]) -> None:
        """All bytes or nothing, in constant memory; what stood there goes. Raises what the iterator raises."""

    def find(self, handle: Handle) -> str | None:
        """The process id of the result that is kept for the handle's run, by whichever attempt."""

    def open(self, job_id: str, process_id: str) -> AbstractContextManager[ResultLink]:
        """That result. Raises ResultNotReady when it is not there."""

    def drop(self, job_id: str, process_id: str) -> None:
        """Removes that result; another's, say a rerun's, stays. Repeat safe."""
