"""The two ways in which a request ends without a normal answer: an error status, or a connection that is cut.

The vendor's package decides the body of an error answer.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.request_journal import Entry


class Refusal(Exception):
    """The request is answered with an error status. Without a message, the vendor's usual message for the status is sent.

    `entry` is the refused request's entry in the journal. Some vendors name the request in their error answers.
    """

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.message = message
        self.entry: Entry = {}
        super().__init__(f"{status}: {message or 'refused'}")


class ConnectionCut(Exception):
    """The simulator cut the connection on purpose, so the client gets no answer."""
