"""Everything one running simulator shares, and what its vendor has to say about it.

A vendor's world extends this one with its jobs. It must not know routes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.faults import Fault, Faults
from darkroom_local.simulators.framework.imaging import ResultFile
from darkroom_local.simulators.framework.job_workers import Workshop
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry, Journal


@dataclass(frozen=True)
class Settings:
    """How a simulator is set up."""

    api_key: str
    speed: float = 1.0
    available_credits: int = 10_000
    faults: tuple[Fault, ...] = ()
    authorities: Path | None = None  # certificates to trust when a picture is fetched by https; OpenSSL's own without

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError("speed is above zero")


@dataclass(frozen=True)
class Found:
    """What a result link leads to: the file if it is there, and what the call is about."""

    file: ResultFile | None
    subject: str | None


@dataclass
class World(ABC):
    """The parts that outlive a single request."""

    account: Account
    faults: Faults
    journal: Journal
    links: PresignedUrls
    workshop: Workshop

    @abstractmethod
    def render(self, refusal: Refusal) -> web.Response:
        """A refusal as the vendor words it."""

    @abstractmethod
    def find_result(self, name: str, entry: Entry) -> Found:
        """The result file of that name; may note in the journal's entry which job it belongs to."""

    def admit(self, entry: Entry) -> None:
        """Refuses a call whose key is missing or wrong."""
        if not entry["key_matched"]:
            raise Refusal(401)
