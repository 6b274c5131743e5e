"""The generations of the simulator, with their states, times and charges, and the store that runs them.

A generation is queued, then processing, then succeeded, failed or cancelled. While it runs, it checks its parameters,
fetches its input and makes its picture. Only a generation that succeeds is charged. A synchronous call runs in the same
way, but no list shows it. All state changes happen on the server's event loop, so no lock is needed.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.imaging import DECODE_ERRORS, ResultFile, Turning
from darkroom_local.simulators.framework.input_fetching import NotFetched
from darkroom_local.simulators.framework.job_workers import JobWorkers, find_by_file_name, sleep_until
from darkroom_local.simulators.oxen.input_pictures import recipe_for
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
from darkroom_local.simulators.oxen.request_checks import (
    CheckedParameters,
    GenerationRequest,
    Rules,
    UnusableInput,
    check_parameters,
)

FAULT_MESSAGE = "The model failed to produce a result"


@dataclass(frozen=True)
class Limits:
    """The limits that the store applies to each generation, and how many times faster the simulated time runs."""

    speed: float
    rules: Mapping[str, Rules]  # model → rules of its parameters
    fetch_seconds: float
    fetch_bytes: int
    output_mp: float


@dataclass(frozen=True)
class Misbehaviour:
    """The injected faults of one generation. They are decided when the generation is accepted."""

    ending: str = SUCCEEDED
    late_seconds: float = 0.0
    hold_seconds: float = 0.0
    fetch_late_seconds: float = 0.0
    list_lag_seconds: float = 0.0
    wrong_size: bool = False
    turning: Turning = Turning.TURNED
    unknown_status: bool = False


@dataclass
class Job:
    """One accepted generation and its progress. Times are Unix seconds. `units` is its price.

    `listed` is False for a synchronous call. `is_input_unusable` says that the generation failed because of its parameters
    or its picture.
    """

    generation_id: str
    request: GenerationRequest
    units: int
    misbehaviour: Misbehaviour
    listed: bool
    enqueued: float
    started: float | None = None
    completed: float | None = None
    status: str = QUEUED
    file: ResultFile | None = None
    error_message: str | None = None
    is_input_unusable: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_active(self) -> bool:
        """Return whether the generation is queued or processing, so that its status may still change."""
        return self.status in ACTIVE


class JobStore:
    """Holds and runs every generation of the account. The newest generation comes last."""

    def __init__(self, account: Account, workers: JobWorkers, limits: Limits, notify: Callable[[Job], None]) -> None:
        """Start an empty store. `notify` is called with each generation that has ended, unless a client cancelled it."""
        self._account = account
        self._workers = workers
        self._limits = limits
        self._notify = notify
        self._jobs: dict[str, Job] = {}

    def accept(self, request: GenerationRequest, units: int, misbehaviour: Misbehaviour, *, listed: bool = True) -> Job:
        """Start a generation whose units are already reserved on the account."""
        job = Job(str(uuid.uuid4()), request, units, misbehaviour, listed, time.time())
        self._jobs[job.generation_id] = job
        self._workers.start(self._run(job))
        return job

    def find(self, generation_id: str) -> Job | None:
        """Return the generation with this id, or None. Synchronous calls are not found."""
        job = self._jobs.get(generation_id)
        return job if job is not None and job.listed else None

    def find_by_file(self, name: str) -> Job | None:
        """Return the generation whose picture has this file name, or None."""
        return find_by_file_name(name, self._jobs.values())

    def shown(self) -> list[Job]:
        """Return the generations that the client's lists show now, newest first."""
        now = time.time()
        jobs = reversed(self._jobs.values())
        return [job for job in jobs if job.listed and job.enqueued + job.misbehaviour.list_lag_seconds <= now]

    def cancel(self, job: Job) -> None:
        """Cancel a generation that is still active. A generation that has ended does not change."""
        if job.is_active:
            self._end(job, CANCELLED)

    async def _run(self, job: Job) -> None:
        wait_seconds = QUEUED_SECONDS / self._limits.speed + job.misbehaviour.hold_seconds
        await sleep_until(job.enqueued + wait_seconds if job.listed else 0.0)
        if not job.is_active:
            return
        job.status, job.started = PROCESSING, time.time()
        source = self._workers.directory / f"input-{job.generation_id}"
        ending, message = job.misbehaviour.ending, FAULT_MESSAGE
        try:
            job.file = await self._make(job, source)
        except UnusableInput as problem:
            ending, message, job.is_input_unusable = FAILED, str(problem), True
        finally:
            source.unlink(missing_ok=True)
        if job.is_active:
            job.error_message = message if ending == FAILED else None
            self._end(job, ending)
            self._notify(job)

    async def _make(self, job: Job, source: Path) -> ResultFile:
        """Make the picture, and return it once the simulated time is over. Raises UnusableInput if it cannot be made."""
        parameters = check_parameters(job.request.params, self._limits.rules[job.request.model])
        await sleep_until(time.time() + job.misbehaviour.fetch_late_seconds)
        await self._fetch(parameters, source)
        recipe = await self._workers.run_in_thread(partial(recipe_for, parameters, source))
        if recipe.size_mp > self._limits.output_mp:
            raise UnusableInput(
                f"The output would have {recipe.size_mp:.1f} megapixels; the limit is {self._limits.output_mp:g}"
            )
        try:
            recipe = replace(recipe, turning=job.misbehaviour.turning)
            file = await self._workers.make_picture(source, recipe, wrong_size=job.misbehaviour.wrong_size)
        except DECODE_ERRORS as error:
            raise UnusableInput("The image could not be decoded") from error
        seconds = min(LONGEST_SECONDS, SHORTEST_SECONDS + SECONDS_PER_OUTPUT_MP * recipe.size_mp)
        late_seconds = job.misbehaviour.late_seconds + job.misbehaviour.hold_seconds
        await sleep_until(job.enqueued + seconds / self._limits.speed + late_seconds)
        return file

    async def _fetch(self, parameters: CheckedParameters, target: Path) -> None:
        try:
            limits = self._limits
            await self._workers.fetch(parameters.input_image, target, limits.fetch_seconds, limits.fetch_bytes)
        except NotFetched as error:
            raise UnusableInput(_complaint(str(error), parameters.input_image)) from error

    def _end(self, job: Job, status: str) -> None:
        self._account.settle(job.units, delivered=status == SUCCEEDED)
        job.status, job.completed = status, time.time()
        job.ended.set()


def _complaint(reason: str, url: str) -> str:
    """Return the error message for an input that could not be fetched from `url`.

    If the URL answered with an error status, the message is the published one, which contains the full URL.
    """
    _, found, digits = reason.partition("status ")
    if not found:
        return f"Could not download the image ({reason}) for url: {url}"
    status = int(digits)
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
    return f"{status} {'Server' if status >= 500 else 'Client'} Error: {phrase} for url: {url}"
