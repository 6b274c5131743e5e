"""A vendor's API."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from darkroom.model import Balance, Estimate, FoundProcess, Handle, Plan, Progress, SendMode, Submission
from darkroom.ports.streams import ImageStream, ResultLink, StageResult


class Provider(Protocol):
    """A vendor's API. Every call may raise OperatorFault, Throttled or ProviderUnavailable besides those named."""

    name: str
    deletes_entries: bool  # others may remove a finished process from the vendor's list: unknown is not unpaid then

    def submit(self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult) -> Submission:
        """Spends money. Raises NothingSent, ProviderRejected, SubmitInDoubt. Never retries by itself after a byte left.

        A synchronous call hands its result to `keep` before it returns, and says so (`staged`).
        """

    def progress(self, process_id: str) -> Progress:
        """The state of a process. Raises ProcessUnknown. Repeat safe."""

    def result(self, process_id: str) -> AbstractContextManager[ResultLink]:
        """A fresh link, opened. Raises ResultNotReady, UnsafeLink, ProcessUnknown. Repeat safe."""

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Processes of this run, sent in that manner and not before `since`, in the vendor's own list, oldest first; None
        where the vendor has no list that must show our handle. Repeat safe."""

    def cancel(self, process_id: str) -> bool:
        """True when the vendor confirms it was cancelled; False when it no longer can be. Raises ProcessUnknown."""

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """The vendor's forecast for an image of that size in pixels. Free. Raises InvalidSetting for what the vendor has
        taken from its list since."""

    def forget(self, process_id: str) -> None:
        """Removes one finished process from the vendor's list. Repeat safe; unknown is fine."""

    def key_fingerprint(self) -> str:
        """12 hex digits that change when the API key does; never the key."""

    def refresh_key(self) -> None:
        """Reads the API key again. Repeat safe."""

    def balance(self) -> Balance | None:
        """The account's credits; None where the vendor tells nobody. Repeat safe."""
