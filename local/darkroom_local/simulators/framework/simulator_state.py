"""The state that all requests to one running simulator share, and the settings of a simulator.

The state class of each vendor extends the one here with the vendor's jobs and error answers. It must not know routes.
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
    """The settings of one simulator."""

    api_key: str
    speed: float = 1.0  # how many times faster than the vendor the simulated time runs
    available_credits: int = 10_000
    faults: tuple[Fault, ...] = ()
    authorities: Path | None = None  # certificates to trust for inputs fetched by https; None means OpenSSL's default

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError("speed must be above zero")


@dataclass(frozen=True)
class FoundResult:
    """The file that a result link leads to (None if it does not exist), and the subject: the name or URL of the input."""

    file: ResultFile | None
    subject: str | None


@dataclass
class SimulatorState(ABC):
    """Holds what all requests of one simulator share: the account, fault rules, journal, links and workers."""

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
        """Return the result called `name`. The method may write the id of the result's job into the journal's entry."""

    def admit(self, entry: Entry) -> None:
        """Raise Refusal if the key of the request is missing or wrong."""
        if not entry["key_matched"]:
            raise Refusal(401)
