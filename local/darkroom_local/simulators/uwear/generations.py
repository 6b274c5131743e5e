"""Generations: their states, their clock, their money, and the store that runs them.

A generation is Created, then Ongoing, then Done or Error. It fetches its input and makes its
picture while its clock runs, and ends when both are done. Only one that is Done is charged. All
state changes happen on the server's event loop, so none of it needs a lock.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.imaging import (
    DECODE_ERRORS,
    NoArea,
    NotAPicture,
    Recipe,
    ResultFile,
    read_facts,
)
from darkroom_local.simulators.framework.input_fetching import NotFetched
from darkroom_local.simulators.framework.job_workers import Workshop, made_as, sleep_until
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
from darkroom_local.simulators.uwear.request_checks import Order

RUNNING = (CREATED, ONGOING)
_FAILURES = (NotFetched, NotAPicture, NoArea, *DECODE_ERRORS)


@dataclass(frozen=True)
class Limits:
    """What the store allows, and how fast its clock runs."""

    speed: float
    result_lifetime_seconds: float
    fetch_seconds: float
    fetch_bytes: int
    output_mp: float


@dataclass(frozen=True)
class Traits:
    """Misbehaviour a generation carries for life."""

    ending: str = DONE
    late_seconds: float = 0.0
    fetch_late_seconds: float = 0.0
    list_lag_seconds: float = 0.0
    wrong_size: bool = False
    unknown_status: bool = False
    result_second: bool = False


@dataclass
class Generation:
    """One accepted order and how far it has come; times are Unix seconds."""

    generation_id: int
    result_id: int
    order: Order
    traits: Traits
    created: float
    modified: float
    status: str = CREATED
    file: ResultFile | None = None
    expires: int = 0

    def has_result(self) -> bool:
        """Whether the picture exists and is still kept."""
        return self.file is not None and self.status == DONE and time.time() < self.expires

    def move(self, status: str) -> None:
        """Enter a state."""
        self.status, self.modified = status, time.time()


class GenerationStore:
    """Every generation the account knows of, newest last."""

    def __init__(self, account: Account, workshop: Workshop, limits: Limits) -> None:
        self._account = account
        self._workshop = workshop
        self._limits = limits
        self._generations: dict[int, Generation] = {}

    def accept(self, order: Order, traits: Traits) -> Generation:
        """Start a generation whose credits are already reserved."""
        now, number = time.time(), len(self._generations) + 1
        generation = Generation(1000 + number, 5000 + number, order, traits, now, now)
        self._generations[generation.generation_id] = generation
        self._workshop.start(self._run(generation))
        return generation

    def find(self, generation_id: int) -> Generation | None:
        """The generation of that id."""
        return self._generations.get(generation_id)

    def of_result(self, result_id: int) -> Generation | None:
        """The generation that result belongs to, while the result is kept."""
        return next((g for g in self._generations.values() if g.result_id == result_id and g.has_result()), None)

    def of_file(self, name: str) -> Generation | None:
        """The generation whose picture bears that file name, kept or not."""
        return made_as(name, self._generations.values())

    def listed(self) -> list[Generation]:
        """What the list shows, newest first."""
        now = time.time()
        return [g for g in reversed(self._generations.values()) if g.created + g.traits.list_lag_seconds <= now]

    async def _run(self, generation: Generation) -> None:
        await sleep_until(generation.created + CREATED_SECONDS / self._limits.speed)
        generation.move(ONGOING)
        source = self._workshop.directory / f"input-{generation.generation_id}"
        try:
            file = await self._make(generation, await self._input(generation, source))
        except _FAILURES:
            self._end(generation, ERROR)
        else:
            generation.file = file
            self._end(generation, generation.traits.ending)
        finally:
            source.unlink(missing_ok=True)

    async def _input(self, generation: Generation, target: Path) -> Path:
        """The picture to work on: fetched, or an earlier result."""
        order, limits = generation.order, self._limits
        await sleep_until(time.time() + generation.traits.fetch_late_seconds)
        if order.image_url is not None:
            await self._workshop.fetch(order.image_url, target, limits.fetch_seconds, limits.fetch_bytes)
            return target
        earlier = self.of_result(order.generation_result_id or 0)
        if earlier is None or earlier.file is None:
            raise NotFetched("the earlier result is gone")
        return earlier.file.path

    async def _make(self, generation: Generation, source: Path) -> ResultFile:
        """The finished picture, once its time has come as well."""
        recipe = await self._workshop.make(partial(recipe_for, generation.order, source))
        if recipe.size_mp > self._limits.output_mp:
            raise NotAPicture
        file = await self._workshop.picture(source, recipe, wrong_size=generation.traits.wrong_size)
        seconds = min(LONGEST_SECONDS, SHORTEST_SECONDS + SECONDS_PER_OUTPUT_MP * recipe.size_mp)
        await sleep_until(generation.created + seconds / self._limits.speed + generation.traits.late_seconds)
        return file

    def _end(self, generation: Generation, status: str) -> None:
        self._account.settle(generation.order.credits, delivered=status == DONE)
        if status == DONE:
            generation.expires = math.ceil(time.time() + self._limits.result_lifetime_seconds / self._limits.speed)
        generation.move(status)


def recipe_for(order: Order, source: Path) -> Recipe:
    """What to make of a picture; reads its header, so it is meant for a worker thread."""
    facts = read_facts(source)
    return Recipe(
        width=facts.width * order.factor,
        height=facts.height * order.factor,
        format=facts.format if facts.format in KEPT_FORMATS else OTHER_FORMAT,
        crop_to_fill=True,
        sharpen=order.sharpening,
        denoise=0.0,
    )
