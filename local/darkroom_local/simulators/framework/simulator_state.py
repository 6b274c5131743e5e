"""Everything that the parts of one running simulator share.

A vendor's state class extends this one with its jobs and its error answers. It must not know routes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.faults import Fault, Faults
from darkroom_local.simulators.framework.imaging import ResultFile
from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry, RequestJournal


@dataclass(frozen=True)
class SimulatorSettings:
    """How a simulator is set up."""

    api_key: str
    speed: float = 1.0
    available_credits: int = 10_000
    faults: tuple[Fault, ...] = ()
    authorities: Path | None = None  # certificates to trust for inputs fetched by https; None means OpenSSL's default

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError("speed is above zero")


@dataclass(frozen=True)
class FoundResult:
    """What a result link leads to: the file if it exists, and what the request is about."""

    file: ResultFile | None
    subject: str | None


@dataclass
class SimulatorState(ABC):
    """The parts that live longer than one request."""

    account: Account
    faults: Faults
    journal: RequestJournal
    links: PresignedUrls
    workers: JobWorkers

    @abstractmethod
    def render(self, refusal: Refusal) -> web.Response:
        """Return the vendor's error answer for a refusal."""

    @abstractmethod
    def find_result(self, name: str, entry: Entry) -> FoundResult:
        """Return the result file of that name. May note in the journal's entry which job it belongs to."""

    def admit(self, entry: Entry) -> None:
        """Refuse a request whose key is missing or wrong."""
        if not entry["key_matched"]:
            raise Refusal(401)
