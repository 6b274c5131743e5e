"""What the pipeline needs of the world, as Protocols. Adapters in `providers` and `aws` fulfil them; tests have fakes with state.

Every method says which error it raises and whether it may be called twice. Nothing here imports a vendor or AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, Protocol

from darkroom.model import (
    Estimate,
    FoundProcess,
    Handle,
    Job,
    JobStatus,
    Plan,
    Progress,
    SourceObject,
    Submission,
    Tick,
    Upload,
)

Clock = Callable[[], datetime]  # aware UTC


@dataclass(frozen=True)
class ImageStream:
    """Bytes to send: `open` starts a fresh stream at the first byte each time; it yields exactly `size_bytes`."""

    open: Callable[[], IO[bytes]]
    size_bytes: int
    content_type: str
    filename_suffix: str  # e.g. `.jpeg`


class Sources(Protocol):
    """The input bucket, read only."""

    def find(self, upload: Upload) -> SourceObject:
        """The version that fired the event, with its blanks filled in. Raises SourceGone if it is missing or overwritten."""

    def tags(self, source: SourceObject) -> dict[str, str]:
        """The tags of that version. Raises SourceGone."""

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        """`read(offset, length)` by one ranged GET each; the same version or ETag throughout. Raises SourceGone."""

    def open(self, source: SourceObject) -> IO[bytes]:
        """A stream of the whole object with `read`, `seek` and `tell` that holds at most a few pieces in memory."""


class ResultLink(Protocol):
    """One freshly minted download of a result. Its text form shows no link."""

    size_bytes: int

    def read(self, offset: int, length: int) -> bytes:
        """A ranged read. Raises ResultNotReady when the link or the connection fails."""

    def stream(self) -> Iterator[bytes]:
        """All bytes, in pieces of at most 256 KiB. Raises ResultNotReady unless exactly `size_bytes` came."""


class Provider(Protocol):
    """A vendor's API. Every call may raise OperatorFault, Throttled or ProviderUnavailable besides those named."""

    name: str

    def submit(self, plan: Plan, image: ImageStream, handle: Handle) -> Submission:
        """Spends money. Raises NothingSent, ProviderRejected, SubmitInDoubt. Never retries by itself after a byte left."""

    def progress(self, process_id: str) -> Progress:
        """The state of a process. Raises ProcessUnknown. Repeat safe."""

    def result(self, process_id: str) -> AbstractContextManager[ResultLink]:
        """A fresh link, opened. Raises ResultNotReady, UnsafeLink, ProcessUnknown. Repeat safe."""

    def find(self, handle: Handle) -> tuple[FoundProcess, ...]:
        """Processes of this run in the vendor's own list, oldest first. Repeat safe."""

    def cancel(self, process_id: str) -> bool:
        """True when the vendor confirms it was cancelled; False when it no longer can be. Raises ProcessUnknown."""

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """The vendor's forecast for an image of that size in pixels. Free."""

    def forget(self, process_id: str) -> None:
        """Removes one finished process from the vendor's list. Repeat safe; unknown is fine."""

    def key_fingerprint(self) -> str:
        """12 hex digits that change when the API key does; never the key."""


@dataclass(frozen=True)
class Claim:
    """The answer to a claim: the job as it stands, and whether this worker now owns it."""

    job: Job
    owned: bool


class Ledger(Protocol):
    """The table of jobs, budgets and output keys. Every write is conditional on run and attempt.

    Any method may raise LedgerBusy (nothing was written); conditional writes raise LostClaim.
    """

    def get(self, job_id: str) -> Job | None:
        """The job, read consistently."""

    def claim(self, source: SourceObject, now: datetime, lease_until: datetime, deadline_at: datetime) -> Claim:
        """Creates the job `CLAIMED`, or takes over a `CLAIMED` one whose lease and delay are over. Repeat safe."""

    def retake(self, job: Job, now: datetime, lease_until: datetime) -> Job:
        """Takes over a `SUBMITTING` or `PROCESSING` job whose lease is over: attempt + 1. Raises LostClaim."""

    def claim_output(self, job: Job, bucket: str, key: str) -> None:
        """Claims the output key for the job's source key. Raises OutputCollision. Repeat safe."""

    def reserve(self, job: Job, plan: Plan, output_bucket: str, output_key: str, fingerprint: str, now: datetime) -> Job:
        """`CLAIMED` → `SUBMITTING` and the month's reservations, in one transaction. Raises BudgetExceeded."""

    def release(self, job: Job, next_attempt_at: datetime, error_code: str | None, error: str | None) -> Job:
        """`SUBMITTING` → `CLAIMED`, reservation given back in the same transaction; the lease ends now."""

    def postpone(self, job: Job, next_attempt_at: datetime, error_code: str | None, error: str | None) -> Job:
        """Ends the lease of a `CLAIMED` or `SUBMITTING` job, due again at `next_attempt_at`; the status stays."""

    def bind(self, job: Job, submission: Submission, now: datetime) -> Job:
        """`SUBMITTING` → `PROCESSING` with the provider's id and eta."""

    def record_orphan(self, job: Job, process_id: str) -> None:
        """Adds a process nobody waits for to the job's `orphans`, whatever its state. Repeat safe."""

    def doubt(self, job: Job, error: str, now: datetime) -> Job:
        """`SUBMITTING` or `PROCESSING` → `IN_DOUBT`, the reservation kept."""

    def record_poll(self, job: Job, eta: datetime | None) -> Job:
        """Counts a poll of a `PROCESSING` job and follows the eta."""

    def take_output(self, job: Job, now: datetime, until: datetime) -> bool:
        """Becomes the one writer of the output key until `until`. False when a newer version's result already stands there.
        Raises ResultNotReady while another job writes it."""

    def settle(
        self, job: Job, status: JobStatus, credits: Decimal, now: datetime, *,
        error_code: str | None = None, error: str | None = None, output_key: str | None = None, superseded: bool = False,
    ) -> Job:
        """Terminal status and the month's rows in one transaction. `credits` = what the provider charges, 0 = released."""

    def published(self, job: Job, now: datetime) -> None:
        """Marks the job's event as sent. Repeat safe."""


class Outputs(Protocol):
    """The output bucket."""

    def receipt(self, key: str) -> Mapping[str, str]:
        """The user metadata of what stands at the key; empty when nothing does."""

    def write(self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str],
              tags: Mapping[str, str]) -> None:
        """All bytes or nothing, in constant memory. Raises ResultNotReady when the stream breaks. Repeat safe."""

    def write_report(self, key: str, report: Mapping[str, object]) -> None:
        """Puts `_failed/<key>.json`. Repeat safe."""

    def remove_report(self, key: str) -> None:
        """Removes `_failed/<key>.json` if it is there. Repeat safe."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, tick: Tick, attempt: int) -> None:
        """Starts the job's execution unless it is running. Repeat safe."""


class Events(Protocol):
    """The default event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Sends one event. At least once."""


class Intake(Protocol):
    """The intake queue, as submit sends to it."""

    def again(self, upload: Upload, delay_seconds: int) -> None:
        """Delivers the upload again after a delay of 0–900 s, as a new message: waiting never counts as failing."""
