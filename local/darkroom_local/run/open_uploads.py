"""Bounds what a run has sent to its embedded cloud and the cloud still holds, so that uploads keep pace with results.

It must not send or look at jobs.
"""

from __future__ import annotations

from collections.abc import Collection

from darkroom_local.folder.uploads import Sent

# A machine with two cores ends about 15 jobs a second, so that 200 keep it busy for longer than it takes to notice that some have
# ended, and a provider that needs a minute for a picture still gets three a second.
MOST_JOBS = 200
MOST_BYTES = (
    1024**3
)  # the embedded cloud holds its uploads in memory; reached by 200 pictures of 5 MB, or by fewer larger ones


class OpenUploads:
    """The uploads that the cloud holds, by the ids of their jobs."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}

    def add(self, sent: Sent) -> None:
        """Count an upload."""
        self._bytes[sent.job_id] = sent.source.size_bytes

    def remove(self, job_id: str) -> None:
        """Count an upload no longer, because the cloud does not hold it any more."""
        self._bytes.pop(job_id, None)

    def is_full(self) -> bool:
        """Return whether no other upload may be sent now."""
        return len(self._bytes) >= MOST_JOBS or sum(self._bytes.values()) >= MOST_BYTES

    def are_all_in(self, job_ids: Collection[str]) -> bool:
        """Return whether each of the uploads has its job among `job_ids`."""
        return all(job_id in job_ids for job_id in self._bytes)
