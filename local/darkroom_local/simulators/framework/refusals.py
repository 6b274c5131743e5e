"""The two ways a call ends without its answer: refused with a status, or cut off.

How a refusal looks on the wire is the vendor's business.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.request_journal import Entry


class Refusal(Exception):
    """A request answered with an error status; without a message the vendor's usual one is given.

    `entry` is the journal's entry of the refused request, for a vendor that names the request in its errors.
    """

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.message = message
        self.entry: Entry = {}
        super().__init__(f"{status}: {message or 'refused'}")


class Severed(Exception):
    """The connection was cut on purpose; there is no answer."""
