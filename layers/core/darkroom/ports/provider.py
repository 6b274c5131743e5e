"""The port for a provider: the calls that Darkroom makes to a vendor's API."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from darkroom.model import (
    Balance,
    Estimate,
    FoundProcess,
    Handle,
    Plan,
    Progress,
    SendMode,
    Submission,
    UnnamedProcess,
)
from darkroom.ports.streams import ImageStream, ResultLink, StageResult


class KeptInputs(Protocol):
    """The images that a vendor keeps of its processes. Every call may also raise OperatorFault, Throttled or
    ProviderUnavailable."""

    def unnamed(self, since: datetime) -> tuple[UnnamedProcess, ...]:
        """Return the processes of the vendor's list, made at `since` or later or at an unknown time, whose names are no
        handles. Repeat safe."""

    def open(self, process_id: str) -> AbstractContextManager[ResultLink]:
        """Open a new link to the image of a process. Raises ResultNotReady, UnsafeLink, and ProcessUnknown if the vendor does
        not keep it. Repeat safe."""


class Provider(Protocol):
    """A vendor's API. Every call may also raise OperatorFault, Throttled or ProviderUnavailable."""

    name: str
    deletes_entries: (
        bool  # true if others may delete a process from the list; then an unknown one may have been charged
    )
    can_cancel: bool  # true if the vendor publishes a way to cancel a running process

    @property
    def inputs(self) -> KeptInputs | None:
        """The images that the vendor keeps; None if it does not publish them."""

    def submit(
        self,
        plan: Plan,
        image: ImageStream,
        handle: Handle,
        stage_result: StageResult,
        callback_url: str | None = None,
    ) -> Submission:
        """Submit the image. This spends money, so nothing is sent a second time once the first byte was sent. Raises NothingSent,
        ProviderRejected, SubmitInDoubt.

        A vendor that can call back is asked to do so at `callback_url`; the others ignore it.
        In a synchronous mode, the result goes to `stage_result` first; then the returned submission has `staged` set.
        """

    def progress(self, process_id: str) -> Progress:
        """Return the state of a process. Raises ProcessUnknown. Repeat safe."""

    def result(self, process_id: str) -> AbstractContextManager[ResultLink]:
        """Open a new link to the result. Raises ResultNotReady, UnsafeLink, ProcessUnknown. Repeat safe."""

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Search the vendor's list for the processes of the handle's run, and return them, oldest first. They were sent in
        `send_mode`, not before `since`.

        An empty tuple proves that nothing was accepted. Return None if the list cannot prove that. Repeat safe.
        """

    def cancel(self, process_id: str) -> bool:
        """Cancel the process. Return True if the vendor confirms that, False if it is too late. Raises ProcessUnknown."""

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """Return the vendor's estimate for an image of that size in pixels. This costs nothing. Raises InvalidSetting if the
        vendor no longer takes a value of the plan."""

    def forget(self, process_id: str) -> None:
        """Remove a finished process from the vendor's list. Repeat safe; an unknown process is no error."""

    def key_fingerprint(self) -> str:
        """Return 24 hex digits that tell accounts apart. The first 12 change with the API key and do not reveal it. The others
        change with the base URL: its host name and its path."""

    def refresh_key(self) -> None:
        """Read the API key again. Repeat safe."""

    def check_key(self) -> None:
        """Make a call that costs nothing and that the vendor answers only to a valid key. Raises OperatorFault with AuthFailed if
        the vendor refuses the key. Repeat safe."""

    def balance(self) -> Balance | None:
        """Return the account's credits, or None if the vendor does not publish them. Repeat safe."""
