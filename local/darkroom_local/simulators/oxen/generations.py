"""Generations: their states, their clock, their money, and the store that runs them.

A generation is queued, then processing, then succeeded, failed or cancelled. Its parameters are
checked, its input fetched and its picture made while its clock runs. Only one that succeeded is
charged. A synchronous call runs the same way, out of sight of the lists. All state changes happen
on the server's event loop, so none of it needs a lock.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.imaging import DECODE_ERRORS, ResultFile
from darkroom_local.simulators.framework.input_fetching import NotFetched
from darkroom_local.simulators.framework.job_workers import Workshop, made_as, sleep_until
from darkroom_local.simulators.oxen.pictures import recipe_for
from darkroom_local.simulators.oxen.published_facts import (
    ACTIVE,
    CANCELLED,
    FAILED,
    LONGEST_SECONDS,
    PROCESSING,
    QUEUED,
    QUEUED_SECONDS,
    SECONDS_PER_OUTPUT_MP,
    SHORTEST_SECONDS,
    SUCCEEDED,
)
from darkroom_local.simulators.oxen.request_checks import Choices, Order, Request, Unfit, order_of

FAULT_MESSAGE = "The model failed to produce a result"


@dataclass(frozen=True)
class Limits:
    """What the store allows, and how fast its clock runs."""

    speed: float
    choices: Choices
    fetch_seconds: float
    fetch_bytes: int
    output_mp: float


@dataclass(frozen=True)
class Traits:
    """Misbehaviour a generation carries for life."""

    ending: str = SUCCEEDED
    late_seconds: float = 0.0
    hold_seconds: float = 0.0
    fetch_late_seconds: float = 0.0
    list_lag_seconds: float = 0.0
    wrong_size: bool = False
    unknown_status: bool = False


@dataclass
class Job:
    """One accepted generation and how far it has come; times are Unix seconds, `units` its price.

    `is_unfit` when it failed for what the client gave, not by itself.
    """

    generation_id: str
    request: Request
    units: int
    traits: Traits
    listed: bool
    enqueued: float
    started: float | None = None
    completed: float | None = None
    status: str = QUEUED
    file: ResultFile | None = None
    error_message: str | None = None
    is_unfit: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_active(self) -> bool:
        """Whether it may still change."""
        return self.status in ACTIVE


class JobStore:
    """Every generation the account knows of, newest last."""

    def __init__(self, account: Account, workshop: Workshop, limits: Limits, tell: Callable[[Job], None]) -> None:
        """`tell` is called with each generation that ended, unless a client cancelled it."""
        self._account = account
        self._workshop = workshop
        self._limits = limits
        self._tell = tell
        self._jobs: dict[str, Job] = {}

    def accept(self, request: Request, units: int, traits: Traits, *, listed: bool = True) -> Job:
        """Start a generation whose units are already reserved."""
        job = Job(str(uuid.uuid4()), request, units, traits, listed, time.time())
        self._jobs[job.generation_id] = job
        self._workshop.start(self._run(job))
        return job

    def find(self, generation_id: str) -> Job | None:
        """The generation of that id, unless it is a synchronous call's."""
        job = self._jobs.get(generation_id)
        return job if job is not None and job.listed else None

    def of_file(self, name: str) -> Job | None:
        """The generation whose picture bears that file name."""
        return made_as(name, self._jobs.values())

    def shown(self) -> list[Job]:
        """What the lists may show, newest first."""
        now = time.time()
        jobs = reversed(self._jobs.values())
        return [job for job in jobs if job.listed and job.enqueued + job.traits.list_lag_seconds <= now]

    def cancel(self, job: Job) -> None:
        """End a generation that is still active; one that ended stays as it is."""
        if job.is_active:
            self._end(job, CANCELLED)

    async def _run(self, job: Job) -> None:
        wait_seconds = QUEUED_SECONDS / self._limits.speed + job.traits.hold_seconds
        await sleep_until(job.enqueued + wait_seconds if job.listed else 0.0)
        if not job.is_active:
            return
        job.status, job.started = PROCESSING, time.time()
        source = self._workshop.directory / f"input-{job.generation_id}"
        ending, message = job.traits.ending, FAULT_MESSAGE
        try:
            job.file = await self._make(job, source)
        except Unfit as unfit:
            ending, message, job.is_unfit = FAILED, str(unfit), True
        finally:
            source.unlink(missing_ok=True)
        if job.is_active:
            job.error_message = message if ending == FAILED else None
            self._end(job, ending)
            self._tell(job)

    async def _make(self, job: Job, source: Path) -> ResultFile:
        """The finished picture, once its time has come as well."""
        order = order_of(job.request.params, self._limits.choices)
        await sleep_until(time.time() + job.traits.fetch_late_seconds)
        await self._fetch(order, source)
        recipe = await self._workshop.make(partial(recipe_for, order, source))
        if recipe.size_mp > self._limits.output_mp:
            raise Unfit(
                f"The output would have {recipe.size_mp:.1f} megapixels; {self._limits.output_mp:g} is the limit"
            )
        try:
            file = await self._workshop.picture(source, recipe, wrong_size=job.traits.wrong_size)
        except DECODE_ERRORS as error:
            raise Unfit("The image could not be decoded") from error
        seconds = min(LONGEST_SECONDS, SHORTEST_SECONDS + SECONDS_PER_OUTPUT_MP * recipe.size_mp)
        late_seconds = job.traits.late_seconds + job.traits.hold_seconds
        await sleep_until(job.enqueued + seconds / self._limits.speed + late_seconds)
        return file

    async def _fetch(self, order: Order, target: Path) -> None:
        try:
            limits = self._limits
            await self._workshop.fetch(order.input_image, target, limits.fetch_seconds, limits.fetch_bytes)
        except NotFetched as error:
            raise Unfit(_complaint(str(error), order.input_image)) from error

    def _end(self, job: Job, status: str) -> None:
        self._account.settle(job.units, delivered=status == SUCCEEDED)
        job.status, job.completed = status, time.time()
        job.ended.set()


def _complaint(reason: str, url: str) -> str:
    """Why the input was not had, worded as published for an address that refuses; it names the address in full."""
    _, found, digits = reason.partition("status ")
    if not found:
        return f"Could not download the image ({reason}) for url: {url}"
    status = int(digits)
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
    return f"{status} {'Server' if status >= 500 else 'Client'} Error: {phrase} for url: {url}"
