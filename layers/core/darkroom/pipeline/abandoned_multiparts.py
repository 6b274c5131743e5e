"""Aborts multipart uploads to the output bucket whose worker died. The sweep runs this task every 15 minutes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from darkroom import output_keys
from darkroom.ports import Clock, OutputBucket, SweepQueries

EVERY = timedelta(minutes=15)
UPLOAD_ABANDONED = timedelta(hours=1)  # longer than any worker lives

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AbandonedMultiparts:
    """Finds and aborts multipart uploads of Darkroom that are older than an hour and that no worker is writing.

    An upload belongs to Darkroom if its key begins with `_darkroom/` or is claimed by a job.
    """

    outputs: OutputBucket
    queries: SweepQueries
    clock: Clock
    bucket: str

    def __call__(self) -> int:
        """Abort the abandoned uploads and return their number. Repeat safe. Uploads of other programs to the same bucket are left
        alone.

        If an upload cannot be aborted, the other uploads are aborted before the error is raised.
        """
        aborted, error = 0, None
        for upload in self.outputs.list_unfinished():
            if upload.initiated_at > self.clock() - UPLOAD_ABANDONED:
                continue
            try:
                if self._is_abandoned(upload.key):
                    self.outputs.abort(upload)
                    aborted += 1
            except Exception as failed:  # any error is raised after the other uploads were handled
                log.exception("an abandoned multipart upload could not be aborted", extra={"key": upload.key})
                error = failed
        if error:
            raise error
        return aborted

    def _is_abandoned(self, key: str) -> bool:
        if key.startswith(output_keys.OWN_PREFIX):
            return True  # submit writes these keys, and no submit lasts an hour
        return self.queries.is_being_written(self.bucket, output_keys.plain_key(key), self.clock()) is False
