"""Foreign objects: objects in the output bucket that Darkroom did not write. They are never overwritten.

Submit refuses an upload whose result would go to such a key, unpaid. An object that comes later sends the result, which is paid
for then, to a versioned key.
"""

from __future__ import annotations

from darkroom import output_keys
from darkroom.errors import OutputCollision
from darkroom.ports import Ledger, OutputBucket, StandingObject


def is_foreign(standing: StandingObject | None, ledger: Ledger, bucket: str, key: str) -> bool:
    """Whether an object stands at the key that has no receipt, where the ledger knows no result. An object that may not be read
    has none. The ledger is only read if there is such an object."""
    return (
        standing is not None and output_keys.RECEIPT_JOB not in standing.metadata and not ledger.has_result(bucket, key)
    )


def refuse_foreign_object(outputs: OutputBucket, ledger: Ledger, key: str) -> None:
    """Raise OutputCollision if a foreign object is at the key.

    If submit may not read the key, it cannot tell whether there is an object at all; finalize can.
    """
    standing = outputs.find(key)
    may_be_read = standing is not None and standing.etag is not None
    if may_be_read and is_foreign(standing, ledger, outputs.bucket, key):
        raise OutputCollision(
            f"the output bucket {outputs.bucket!r} holds an object at {key!r} that Darkroom did not write; "
            "the result would overwrite it"
        )
