"""The generations of the simulator, with their states, times and charges, and the store that runs them.

A generation is Created, then Ongoing, then Done or Error. It fetches its input and makes its picture. It ends when the
picture is ready and the simulated time is over. Only a generation that is Done is charged. All state changes happen on
the server's event loop, so no lock is needed.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

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
from darkroom_local.simulators.uwear.published_facts import (
    CREATED,
    CREATED_SECONDS,
    DONE,
    ERROR,
    KEPT_FORMATS,
    LONGEST_SECONDS,
    ONGOING,
    OTHER_FORMAT,
    SECONDS_PER_OUTPUT_MP,
    SHORTEST_SECONDS,
)
from darkroom_local.simulators.uwear.request_checks import UpscaleRequest

RUNNING = (CREATED, ONGOING)
_FAILURES = (NotFetched, NotAPicture, NoArea, *DECODE_ERRORS)


@dataclass(frozen=True)
class Limits:
    """The limits that the store applies to each generation, and how many times faster the simulated time runs."""

    speed: float
    result_lifetime_seconds: float
    fetch_seconds: float
    fetch_bytes: int
    output_mp: float


@dataclass(frozen=True)
class Misbehaviour:
    """The injected faults of one generation. They are decided when the generation is accepted."""

    ending: str = DONE
    late_seconds: float = 0.0
    fetch_late_seconds: float = 0.0
    list_lag_seconds: float = 0.0
    wrong_size: bool = False
    turning: Turning = Turning.TURNED
    unknown_status: bool = False
    result_second: bool = False


@dataclass
class Generation:
    """One accepted request and its progress. Times are Unix seconds."""

    generation_id: int
    result_id: int
    request: UpscaleRequest
    misbehaviour: Misbehaviour
    created: float
    modified: float
    status: str = CREATED
    file: ResultFile | None = None
    expires: int = 0
    prefix: str = ""  # the prefix of the path that the submit used

    def has_result(self) -> bool:
        """Return whether the picture exists and has not expired."""
        return self.file is not None and self.status == DONE and time.time() < self.expires

    def change_status(self, status: str) -> None:
        """Set the status and the time of the change."""
        self.status, self.modified = status, time.time()


class GenerationStore:
    """Holds and runs every generation of the account. The newest generation comes last."""

    def __init__(self, account: Account, workers: JobWorkers, limits: Limits) -> None:
        self._account = account
        self._workers = workers
        self._limits = limits
        self._generations: dict[int, Generation] = {}

    def accept(self, request: UpscaleRequest, misbehaviour: Misbehaviour) -> Generation:
        """Start a generation whose credits are already reserved."""
        now, number = time.time(), len(self._generations) + 1
        generation = Generation(1000 + number, 5000 + number, request, misbehaviour, now, now)
        self._generations[generation.generation_id] = generation
        self._workers.start(self._run(generation))
        return generation

    def find(self, generation_id: int) -> Generation | None:
        """Return the generation with this id, or None."""
        return self._generations.get(generation_id)

    def find_by_result(self, result_id: int) -> Generation | None:
        """Return the generation whose result has this id, or None if there is none or the result has expired."""
        return next((g for g in self._generations.values() if g.result_id == result_id and g.has_result()), None)

    def find_by_file(self, name: str) -> Generation | None:
        """Return the generation whose picture has this file name, or None. A picture that has expired is found too."""
        return find_by_file_name(name, self._generations.values())

    def listed(self) -> list[Generation]:
        """Return the generations that the client's list shows now, newest first."""
        now = time.time()
        return [g for g in reversed(self._generations.values()) if g.created + g.misbehaviour.list_lag_seconds <= now]

    async def _run(self, generation: Generation) -> None:
        await sleep_until(generation.created + CREATED_SECONDS / self._limits.speed)
        generation.change_status(ONGOING)
        source = self._workers.directory / f"input-{generation.generation_id}"
        try:
            file = await self._make(generation, await self._input(generation, source))
        except _FAILURES:
            self._end(generation, ERROR)
        else:
            generation.file = file
            self._end(generation, generation.misbehaviour.ending)
        finally:
            source.unlink(missing_ok=True)

    async def _input(self, generation: Generation, target: Path) -> Path:
        """Return the path of the input: the picture fetched from `image_url`, or an earlier result.

        Raises NotFetched if there is no such picture.
        """
        request, limits = generation.request, self._limits
        await sleep_until(time.time() + generation.misbehaviour.fetch_late_seconds)
        if request.image_url is not None:
            await self._workers.fetch(request.image_url, target, limits.fetch_seconds, limits.fetch_bytes)
            return target
        earlier = self.find_by_result(request.generation_result_id or 0)
        if earlier is None or earlier.file is None:
            raise NotFetched("the earlier result is gone")
        return earlier.file.path

    async def _make(self, generation: Generation, source: Path) -> ResultFile:
        """Make the picture, and return it once the simulated time is over."""
        recipe = await self._workers.run_in_thread(partial(recipe_for, generation.request, source))
        if recipe.size_mp > self._limits.output_mp:
            raise NotAPicture
        recipe = replace(recipe, turning=generation.misbehaviour.turning)
        file = await self._workers.make_picture(source, recipe, wrong_size=generation.misbehaviour.wrong_size)
        seconds = min(LONGEST_SECONDS, SHORTEST_SECONDS + SECONDS_PER_OUTPUT_MP * recipe.size_mp)
        await sleep_until(generation.created + seconds / self._limits.speed + generation.misbehaviour.late_seconds)
        return file

    def _end(self, generation: Generation, status: str) -> None:
        self._account.settle(generation.request.credits, delivered=status == DONE)
        if status == DONE:
            generation.expires = math.ceil(time.time() + self._limits.result_lifetime_seconds / self._limits.speed)
        generation.change_status(status)


def recipe_for(request: UpscaleRequest, source: Path) -> Recipe:
    """Return the recipe for the picture that the request asks for.

    The function reads the header of the input file, so run it in a worker thread.
    """
    header = read_header(source)
    return Recipe(
        width=header.width * request.factor,
        height=header.height * request.factor,
        format=header.format if header.format in KEPT_FORMATS else OTHER_FORMAT,
        crop_to_fill=True,
        sharpen=request.sharpening,
        denoise=0.0,
    )
