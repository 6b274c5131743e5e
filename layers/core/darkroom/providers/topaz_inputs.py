"""The images that Topaz keeps: who knows an image by its bytes finds the process of a submit by link, whichever name it has.

Source: OpenAPI 1.2.0, `GET /download/input/{process_id}`: a presigned link, valid for an hour, to the image as it was received,
which is kept for 7 days. assumed: the bytes are those that were sent or fetched. It must not judge whose an image is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from darkroom.model import Handle, UnnamedProcess
from darkroom.ports import ResultLink
from darkroom.providers import topaz_answers
from darkroom.providers.downloads import Downloads

StatusEntries = Callable[[datetime], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True)
class TopazInputs:
    """Fulfils `ports.KeptInputs`. `entries` reads the status list since a time, `download_url` makes a new link."""

    entries: StatusEntries = field(repr=False)
    download_url: Callable[[str, str], str] = field(repr=False)  # (operation, process id)
    downloads: Downloads = field(repr=False)

    def unnamed(self, since: datetime) -> tuple[UnnamedProcess, ...]:
        """Return the entries of GET /status since that time whose filename is no handle. Each process appears once."""
        nameless = [entry for entry in self.entries(since) if not Handle.begins(str(entry.get("filename", "")))]
        # By id, because an entry may appear twice: pages shift while they are read.
        found = {process.found.process_id: process for process in map(topaz_answers.to_unnamed_process, nameless)}
        return tuple(
            process
            for process in found.values()
            if process.found.created_at is None or process.found.created_at >= since
        )

    @contextmanager
    def open(self, process_id: str) -> Iterator[ResultLink]:
        """GET /download/input/{id} for a new link, and open it."""
        url = self.download_url("download/input", process_id)
        with self.downloads.open(url, lambda: self.download_url("download/input", process_id)) as link:
            yield link
