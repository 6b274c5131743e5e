"""The two ways a request ends without a normal answer: refused with an error status, or the connection is cut.

The vendor's package decides the body of a refusal.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.request_journal import Entry


class Refusal(Exception):
    """The request gets an error status. Without a message, the vendor's usual one is sent.

    `entry` is the journal's entry of the refused request, for vendors that name the request in their errors.
    """

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.message = message
        self.entry: Entry = {}
        super().__init__(f"{status}: {message or 'refused'}")


class ConnectionCut(Exception):
    """The simulator cut the connection on purpose; there is no answer."""
