"""Decides at which address a vendor is asked to call back when a submit's process ends. It must not submit anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from darkroom import callback_addresses
from darkroom.model import Job, Plan
from darkroom.ports import CallbackKeys


@dataclass(frozen=True, kw_only=True)
class CallbackRequest:
    """Makes the addresses of callbacks. An address is a secret of its run: it is sent to the vendor and written down nowhere."""

    url: str  # of the function callback, with a slash at its end; empty = the stack takes no callbacks
    keys: CallbackKeys
    providers: Collection[str]  # those that can be asked to call back

    def address(self, job: Job, plan: Plan) -> str | None:
        """Return the address for the job's run. Return None if the vendor is not to call back: the stack takes no callbacks, the
        vendor makes none, or its answer brings the result anyway. Raises LedgerBusy. Repeat safe."""
        if not self.url or plan.provider not in self.providers or plan.send_mode.is_synchronous:
            return None
        return callback_addresses.write(self.url, plan.provider, job.job_id, job.run, self.keys.read_or_make())
