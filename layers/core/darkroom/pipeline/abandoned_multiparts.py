"""abandoned_multiparts: aborts multipart uploads whose worker died. Part of the sweep, every quarter of an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from darkroom import output_keys
from darkroom.ports import Clock, OutputBucket, SweepQueries

EVERY = timedelta(minutes=15)
UPLOAD_ABANDONED = timedelta(hours=1)  # longer than any worker lives


@dataclass(frozen=True)
class AbandonedMultiparts:
    """Multipart uploads to our own keys or those that jobs claimed, begun an hour ago and written by nobody now."""

    outputs: OutputBucket
    queries: SweepQueries
    clock: Clock
    bucket: str

    def __call__(self) -> int:
        """How many were aborted. Repeat safe; other people's uploads to the same bucket are left alone."""
        aborted = 0
        for upload in self.outputs.unfinished():
            if upload.initiated_at > self.clock() - UPLOAD_ABANDONED:
                continue
            if self._is_abandoned(upload.key):
                self.outputs.abort(upload)
                aborted += 1
        return aborted

    def _is_abandoned(self, key: str) -> bool:
        if key.startswith(output_keys.OWN_PREFIX):
            return True  # of a submit, which never lasts an hour
        return self.queries.is_being_written(self.bucket, output_keys.plain_key(key), self.clock()) is False
