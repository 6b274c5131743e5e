"""One request under way, and the faults that concern the exchange itself rather than a job or a file.

It must not know routes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web

from darkroom_local.simulators.framework.fault_kinds import AFTER, RESULT, before
from darkroom_local.simulators.framework.faults import Fault
from darkroom_local.simulators.framework.refusals import Refusal, Severed
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import World

AnyWorld = TypeVar("AnyWorld", bound=World, covariant=True)
Meant = TypeVar("Meant")


@dataclass
class Call(Generic[AnyWorld]):
    """One request under way."""

    world: AnyWorld
    request: web.Request
    entry: Entry
    operation: str
    subject: str | None = None

    def take(self, *kinds: str) -> Fault | None:
        """Use up a rule of these kinds that applies to this call, and note it."""
        fault = self.world.faults.take(kinds, self.operation, self.subject)
        if fault is not None:
            self.entry["faults"].append(fault.kind)
        return fault

    def has(self, kind: str) -> bool:
        """Whether a rule of this kind applies; it is used up."""
        return self.take(kind) is not None

    def seconds(self, kind: str) -> float:
        """How long a rule of this kind makes something take; nothing if none applies."""
        fault = self.take(kind)
        return fault.option("seconds") if fault else 0.0

    def meant(self, meanings: Mapping[str, Meant], otherwise: Meant) -> Meant:
        """What the one rule of these kinds that applies stands for."""
        fault = self.take(*meanings)
        return meanings[fault.kind] if fault else otherwise

    def link(self, name: str, expires: int, method: str = "GET") -> str:
        """A presigned address of a result file, on the host that was called."""
        return self.world.links.mint(str(self.request.url.origin()), method, name, expires)

    async def gate_body(self, body: Any) -> None:
        """`gate`, for a JSON body that names what the call is about; the journal keeps it if it is an object."""
        self.entry["fields"] = fields = body if isinstance(body, dict) else {}
        subject = fields.get(self.world.journal.subject)
        await self.gate(subject if isinstance(subject, str) else None)

    async def gate(self, subject: str | None = None) -> None:
        """Carry out what is to go wrong before anything is done."""
        self.subject = self.entry[self.world.journal.subject] = subject
        kinds = self.world.faults.repertoire.kinds
        fault = self.take(*before(kinds))
        if fault is not None:
            if fault.kind == "reset_before":
                self.sever(reset=True)
            if fault.kind == "moved":
                raise web.HTTPMovedPermanently(f"https://{self.request.host}{self.request.path_qs}")
            raise Refusal(kinds[fault.kind].status or int(fault.option("status")))
        if self.operation == RESULT:
            await self._delay()

    async def leave(self, response: web.StreamResponse) -> web.StreamResponse:
        """Carry out what is to go wrong once the work is done."""
        if self.operation == RESULT:
            return response
        await self._delay()
        fault = self.take(*AFTER)
        if fault is None:
            return response
        if fault.kind == "error_after":
            raise Refusal(int(fault.option("status")))
        if fault.kind == "lost_answer":
            self.sever(reset=False)
        return web.Response(text="<html>upstream is warming up", content_type="text/html")

    def sever(self, reset: bool) -> None:
        """Cut the connection: with a reset, or closed quietly. Always raises."""
        transport = self.request.transport
        if transport is not None:
            raw = transport.get_extra_info("socket")
            if reset and raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        raise Severed

    async def _delay(self) -> None:
        fault = self.take("delay")
        if fault is not None:
            await asyncio.sleep(fault.option("seconds"))
