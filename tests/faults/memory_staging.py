"""The staged results of synchronous calls, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from darkroom.errors import ResultNotReady
from darkroom.model import Handle
from tests.faults.simulated_vendor import Link


@dataclass(frozen=True)
class StagedResult:
    """A staged result, and the handle and process it belongs to."""

    handle: Handle
    process_id: str
    body: bytes


@dataclass
class MemoryStagedResults:
    """Fulfils `ports.StagedResults`: one result for each job. `on_keep` and `on_drop` are called when one comes or
    goes.
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
