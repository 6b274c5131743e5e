"""The generations of the simulator, with their times and charges, and the store that runs them.

A generation reserves its credits at the start. It fetches its input and makes its picture. It ends when the picture is
ready and the simulated time is over. It is charged only if it succeeds. If the client hangs up, the generation still goes on
and is charged. All state changes happen on the server's event loop, so no lock is needed.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import string
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from darkroom_local.simulators.aimlapi.errors import PARTNER_FAILED
from darkroom_local.simulators.aimlapi.published_facts import (
    FAILED,
    LONGEST_SECONDS,
    SECONDS_PER_MP,
    SHORTEST_SECONDS,
    SUCCEEDED,
)
from darkroom_local.simulators.aimlapi.request_checks import SharpenRequest
from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.imaging import (
    DECODE_ERRORS,
    NoArea,
    NotAPicture,
    Recipe,
    ResultFile,
    Turning,
    read_header,
)
from darkroom_local.simulators.framework.input_fetching import NotFetched
from darkroom_local.simulators.framework.job_workers import JobWorkers, find_by_file_name, sleep_until

_UNREADABLE = (NotAPicture, NoArea, *DECODE_ERRORS)
_ID_LETTERS, _ID_LENGTH = string.ascii_letters + string.digits, 21


@dataclass(frozen=True)
class Limits:
    """The limits that the store applies to each generation, and how many times faster the simulated time runs."""

    speed: float
    result_lifetime_seconds: float
    log_delay_seconds: float
    fetch_seconds: float
    fetch_bytes: int
    input_mp: float


@dataclass(frozen=True)
class Problem:
    """The error answer of a generation that failed. Without a message, the usual message for the status is sent."""

    status: int
    message: str | None = None


@dataclass(frozen=True)
class Misbehaviour:
    """The injected faults of one generation. They are decided when the generation is accepted."""

    problem: Problem | None = None
    late_seconds: float = 0.0
    fetch_late_seconds: float = 0.0
    log_lag_seconds: float = 0.0
    wrong_size: bool = False
    turning: Turning = Turning.TURNED


@dataclass(frozen=True)
class Sender:
    """The ids of a request: the one that the vendor gave it, and the one that the client gave it if that id is valid."""

    request_id: str
    client_request_id: str | None


@dataclass
class Generation:
    """One accepted request and its progress. Times are Unix seconds."""

    inference_id: str
    request: SharpenRequest
    sender: Sender
    misbehaviour: Misbehaviour
    created: float
    status: str | None = None  # None while the generation runs
    problem: Problem | None = None
    file: ResultFile | None = None
    expires: int = 0
    logged: float = math.inf  # the time from which the usage log shows the generation
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def has_result(self) -> bool:
        """Return whether the picture exists and has not expired."""
        return self.file is not None and self.status == SUCCEEDED and time.time() < self.expires


class GenerationStore:
    """Holds and runs every generation of the account. The newest generation comes last."""

    def __init__(self, account: Account, workers: JobWorkers, limits: Limits) -> None:
        self._account = account
        self._workers = workers
        self._limits = limits
        self._generations: list[Generation] = []

    def accept(self, request: SharpenRequest, sender: Sender, misbehaviour: Misbehaviour) -> Generation:
        """Start a generation whose credits are already reserved."""
        inference_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        generation = Generation(inference_id, request, sender, misbehaviour, time.time())
        self._generations.append(generation)
        self._workers.start(self._run(generation))
        return generation

    def find_by_file(self, name: str) -> Generation | None:
        """Return the generation whose picture has this file name, or None. A picture that has expired is found too."""
        return find_by_file_name(name, self._generations)

    def logged(self) -> list[Generation]:
        """Return the generations that the usage log shows now, newest first."""
        now = time.time()
        return [g for g in reversed(self._generations) if g.logged <= now]

    async def _run(self, generation: Generation) -> None:
        source = self._workers.directory / f"input-{generation.inference_id}"
        problem: Problem | None = Problem(500)
        try:
            await sleep_until(time.time() + generation.misbehaviour.fetch_late_seconds)
            url, limits = generation.request.image_url, self._limits
            await self._workers.fetch(url, source, limits.fetch_seconds, limits.fetch_bytes)
            generation.file = await self._make(generation, source)
            problem = generation.misbehaviour.problem
        except NotFetched:
            problem = Problem(400, "The image could not be loaded from image_url")
        except _UNREADABLE:
            problem = Problem(400, "The image at image_url could not be processed")
        finally:
            source.unlink(missing_ok=True)
            self._end(generation, problem)

    async def _make(self, generation: Generation, source: Path) -> ResultFile:
        """Make the picture, and return it once the simulated time is over."""
        request, limits = generation.request, self._limits
        recipe = await self._workers.run_in_thread(partial(recipe_for, request, source))
        if recipe.size_mp > limits.input_mp:
            raise NotAPicture
        recipe = replace(recipe, turning=generation.misbehaviour.turning)
        file = await self._workers.make_picture(source, recipe, wrong_size=generation.misbehaviour.wrong_size)
        seconds = min(
            LONGEST_SECONDS[request.model],
            SHORTEST_SECONDS[request.model] + SECONDS_PER_MP[request.model] * recipe.size_mp,
        )
        await sleep_until(generation.created + seconds / limits.speed + generation.misbehaviour.late_seconds)
        return file

    def _end(self, generation: Generation, problem: Problem | None) -> None:
        now, limits = time.time(), self._limits
        self._account.settle(generation.request.credits, delivered=problem is None)
        if problem is None:
            generation.expires = math.ceil(now + limits.result_lifetime_seconds / limits.speed)
        generation.status = SUCCEEDED if problem is None else FAILED
        generation.problem = problem
        generation.logged = now + limits.log_delay_seconds / limits.speed + generation.misbehaviour.log_lag_seconds
        generation.ended.set()


def problem_for_status(status: int) -> Problem:
    """Return the problem of a generation that is answered with `status`. For 500, the message blames the vendor's partner."""
    return Problem(status, PARTNER_FAILED if status == 500 else None)


def recipe_for(request: SharpenRequest, source: Path) -> Recipe:
    """Return the recipe for the picture that the request asks for.

    The function reads the header of the input file, so run it in a worker thread.
    """
    header = read_header(source)
    return Recipe(
        width=header.width,
        height=header.height,
        format=request.format,
        crop_to_fill=True,
        sharpen=request.sharpening,
        denoise=request.denoising,
    )
