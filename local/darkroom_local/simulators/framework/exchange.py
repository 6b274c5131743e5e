"""One request with its response, and the injected faults that change how the response arrives.

This module must not know routes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web

from darkroom_local.simulators.framework.fault_kinds import KINDS_AFTER_WORK, RESULT, kinds_before_work
from darkroom_local.simulators.framework.faults import Fault
from darkroom_local.simulators.framework.imaging import Turning
from darkroom_local.simulators.framework.refusals import ConnectionCut, Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import SimulatorState

AnyState = TypeVar("AnyState", bound=SimulatorState, covariant=True)
Meant = TypeVar("Meant")


@dataclass
class Exchange(Generic[AnyState]):
    """One request while it is handled. `subject` is the name or URL of its picture, which fault rules can match."""

    state: AnyState
    request: web.Request
    entry: Entry
    operation: str
    subject: str | None = None

    def take_fault(self, *kinds: str) -> Fault | None:
        """Return a matching fault rule of these kinds, or None.

        A match counts as one of the rule's `times`, and the journal notes the kind.
        """
        fault = self.state.faults.take(kinds, self.operation, self.subject)
        if fault is not None:
            self.entry["faults"].append(fault.kind)
        return fault

    def has_fault(self, kind: str) -> bool:
        """Return whether a fault rule of this kind matches. A match counts as one of the rule's `times`."""
        return self.take_fault(kind) is not None

    def fault_seconds(self, kind: str) -> float:
        """Return the `seconds` of a matching fault rule of this kind, or 0. A match counts as one of the rule's `times`."""
        fault = self.take_fault(kind)
        return fault.option("seconds") if fault else 0.0

    def choose_by_fault(self, meanings: Mapping[str, Meant], otherwise: Meant) -> Meant:
        """Return the value that `meanings` has for the kind of a matching fault rule, or `otherwise` if no rule matches.

        A match counts as one of the rule's `times`.
        """
        fault = self.take_fault(*meanings)
        return meanings[fault.kind] if fault else otherwise

    def turning_by_fault(self) -> Turning:
        """Return what becomes of the EXIF orientation of the picture in this request."""
        return self.choose_by_fault({"turn_ignored": Turning.IGNORED, "turn_kept": Turning.KEPT}, Turning.TURNED)

    def presigned_url(self, name: str, expires: int, method: str = "GET") -> str:
        """Return a presigned URL of the result file `name`. The URL has the host to which the request was sent."""
        return self.state.links.create(str(self.request.url.origin()), method, name, expires)

    async def begin_with_body(self, body: Any) -> None:
        """Read the subject from a JSON body, then call `begin`. The journal keeps the body if it is a JSON object."""
        self.entry["fields"] = fields = body if isinstance(body, dict) else {}
        subject = fields.get(self.state.journal.subject_field)
        await self.begin(subject if isinstance(subject, str) else None)

    async def begin(self, subject: str | None = None) -> None:
        """Write the subject into the journal: the name or URL of the request's picture.

        Then carry out the faults that strike before any work is done. Raises Refusal, ConnectionCut or a redirect.
        """
        self.subject = self.entry[self.state.journal.subject_field] = subject
        kinds = self.state.faults.supported_faults.kinds
        fault = self.take_fault(*kinds_before_work(kinds))
        if fault is not None:
            if fault.kind == "reset_before":
                self.cut_connection(reset=True)
            if fault.kind == "moved":
                raise web.HTTPMovedPermanently(f"https://{self.request.host}{self.request.path_qs}")
            raise Refusal(kinds[fault.kind].status or int(fault.option("status")))
        if self.operation == RESULT:
            await self._delay()

    async def finish(self, response: web.StreamResponse) -> web.StreamResponse:
        """Carry out the faults that strike after the work is done. Return the response to send.

        Raises Refusal or ConnectionCut if a fault replaces the response by an error or cuts the connection.
        """
        if self.operation == RESULT:
            return response
        await self._delay()
        fault = self.take_fault(*KINDS_AFTER_WORK)
        if fault is None:
            return response
        if fault.kind == "error_after":
            raise Refusal(int(fault.option("status")))
        if fault.kind == "lost_answer":
            self.cut_connection(reset=False)
        return web.Response(text="<html>upstream is warming up", content_type="text/html")

    def cut_connection(self, reset: bool) -> None:
        """Close the connection at once. With `reset`, the client sees a TCP reset. Always raises ConnectionCut."""
        transport = self.request.transport
        if transport is not None:
            raw = transport.get_extra_info("socket")
            if reset and raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        raise ConnectionCut

    async def _delay(self) -> None:
        fault = self.take_fault("delay")
        if fault is not None:
            await asyncio.sleep(fault.option("seconds"))
