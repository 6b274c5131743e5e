"""Keeps the staged results of synchronous calls in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from darkroom.errors import ResultNotReady
from darkroom.model import Handle
from tests.faults.simulated_vendor import Link


@dataclass(frozen=True)
class StagedResult:
    """Holds a staged result, and the handle and the process to which it belongs."""

    handle: Handle
    process_id: str
    body: bytes


@dataclass
class MemoryStagedResults:
    """Fulfils `ports.StagedResults` with at most one result for each job.

    `on_keep` is called when a result is staged, and `on_drop` when one is removed.
    """

    on_keep: Callable[[str], None]
    on_drop: Callable[[str], None]
    kept: dict[str, StagedResult] = field(default_factory=dict)

    def stage(self, handle: Handle, process_id: str, pieces: Iterator[bytes]) -> None:
        self.kept[handle.job_id] = StagedResult(handle, process_id, b"".join(pieces))
        self.on_keep(process_id)

    def find(self, handle: Handle) -> str | None:
        found = self.kept.get(handle.job_id)
        return found.process_id if found and found.handle.prefix == handle.prefix else None

    @contextmanager
    def open(self, job_id: str, process_id: str) -> Iterator[Link]:
        found = self.kept.get(job_id)
        if found is None or found.process_id != process_id:
            raise ResultNotReady("nothing is staged")
        yield Link(found.body)

    def drop(self, job_id: str, process_id: str) -> None:
        found = self.kept.get(job_id)
        if found is not None and found.process_id == process_id:
            del self.kept[job_id]
            self.on_drop(process_id)
