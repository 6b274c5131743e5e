"""Objects that stand at the key of a result. Submit refuses the upload, unpaid, because of two kinds of them.

Foreign objects are those that Darkroom did not write. They are never overwritten: one that comes after the submit sends the
result, which is paid for then, to a versioned key. The upload's own result may stand there, too, though the ledger does not know
of it, as after the ledger was restored to an earlier time. It has been paid for.
"""

from __future__ import annotations

from darkroom import output_keys
from darkroom.errors import OutputCollision
from darkroom.model import Job
from darkroom.ports import Ledger, OutputBucket, StandingObject


def is_foreign(standing: StandingObject | None, ledger: Ledger, bucket: str, key: str) -> bool:
    """Whether an object stands at the key that has no receipt, where the ledger knows no result. An object that may not be read
    has none. The ledger is only read if there is such an object."""
    return (
        standing is not None and output_keys.RECEIPT_JOB not in standing.metadata and not ledger.has_result(bucket, key)
    )


def refuse_standing_object(outputs: OutputBucket, ledger: Ledger, job: Job, key: str) -> None:
    """Raise OutputCollision if a foreign object is at the key, or the result of the job's first run before that run was sent.

    If submit may not read the key, it cannot tell whether there is an object at all; finalize can.
    """
    standing = outputs.find(key)
    if standing is None or standing.etag is None:
        return
    if job.run == 1 and standing.metadata.get(output_keys.RECEIPT_JOB) == job.job_id:
        raise OutputCollision(
            f"the result of this very upload is in the output bucket {outputs.bucket!r} at {key!r} already, and the ledger does "
            "not know of it, so it may be older than the result. The result was paid for, and nothing was sent again; to pay for "
            f"another one, use `darkroom rerun {job.job_id}`"
        )
    if is_foreign(standing, ledger, outputs.bucket, key):
        raise OutputCollision(
            f"the output bucket {outputs.bucket!r} holds an object at {key!r} that Darkroom did not write; "
            "the result would overwrite it"
        )
