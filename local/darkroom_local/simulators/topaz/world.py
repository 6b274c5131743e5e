"""Everything one running simulator shares: settings, ledger, jobs, links, faults and journal.

It also carries out the faults that concern the exchange itself rather than a job or a file. It
must not know routes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from .account import Account
from .errors import ErrorShapes, Refusal, Severed
from .faults import Fault, Faults
from .jobs import JobStore, Traits
from .journal import Entry, Journal
from .links import Links
from .models import LINK_LIFETIME_SECONDS, REQUEST_LIMIT_BYTES

_REFUSING = {
    "throttle": 429,
    "auth": 401,
    "forbidden": 403,
    "no_funds": 402,
    "no_subscription": 412,
    "topping_up": 425,
}
_BEFORE = (*_REFUSING, "error_before", "reset_before", "moved")
_AFTER = ("error_after", "lost_answer", "garbage")


@dataclass(frozen=True)
class Settings:
    """How a simulator is set up."""

    api_key: str
    speed: float = 1.0
    available_credits: int = 10_000
    request_limit_bytes: int = REQUEST_LIMIT_BYTES
    link_lifetime_seconds: float = LINK_LIFETIME_SECONDS
    faults: tuple[Fault, ...] = ()


@dataclass
class World:
    """The parts that outlive a single request."""

    settings: Settings
    account: Account
    faults: Faults
    journal: Journal
    links: Links
    directory: Path
    jobs: JobStore
    shapes: ErrorShapes = field(default_factory=ErrorShapes)


def make_world(
    settings: Settings,
    account: Account,
    faults: Faults,
    journal: Journal,
    directory: Path,
) -> World:
    """A fresh world that keeps its files in the given directory."""
    links = Links(settings.link_lifetime_seconds)
    jobs = JobStore(account, directory, settings.speed)
    return World(settings, account, faults, journal, links, directory, jobs)


@dataclass
class Call:
    """One request under way."""

    world: World
    request: web.Request
    entry: Entry
    operation: str
    filename: str | None = None

    def take(self, *kinds: str) -> Fault | None:
        """Use up a rule of these kinds that applies to this call, and note it."""
        fault = self.world.faults.take(kinds, self.operation, self.filename)
        if fault is not None:
            self.entry["faults"].append(fault.kind)
        return fault

    async def gate(self, filename: str | None = None) -> None:
        """Carry out what is to go wrong before anything is done."""
        self.filename = self.entry["filename"] = filename
        fault = self.take(*_BEFORE)
        if fault is not None:
            if fault.kind == "reset_before":
                self.sever(reset=True)
            if fault.kind == "moved":
                raise web.HTTPMovedPermanently(f"https://{self.request.host}{self.request.path_qs}")
            if fault.kind == "error_before":
                raise Refusal(int(fault.option("status")))
            raise Refusal(_REFUSING[fault.kind])
        if self.operation == "result":
            await self._delay()

    async def leave(self, response: web.StreamResponse) -> web.StreamResponse:
        """Carry out what is to go wrong once the work is done."""
        if self.operation == "result":
            return response
        await self._delay()
        fault = self.take(*_AFTER)
        if fault is None:
            return response
        if fault.kind == "error_after":
            raise Refusal(int(fault.option("status")))
        if fault.kind == "lost_answer":
            self.sever(reset=False)
        return web.Response(text="<html>upstream is warming up", content_type="text/html")

    def traits(self) -> Traits:
        """What an accepted job is to suffer."""
        late, lag = self.take("eta_early"), self.take("list_lag")
        ending = self.take("failed_job", "cancelled_job")
        endings = {"failed_job": "Failed", "cancelled_job": "Cancelled"}
        return Traits(
            late_seconds=late.option("late_seconds") if late else None,
            ending=endings[ending.kind] if ending else "Completed",
            wrong_size=self.take("wrong_size") is not None,
            unknown_status=self.take("unknown_status") is not None,
            list_lag_seconds=lag.option("seconds") if lag else 0.0,
        )

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
