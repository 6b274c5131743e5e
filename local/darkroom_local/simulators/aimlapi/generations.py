"""Generations: their clock, their money, and the store that runs them to the end, whoever still listens.

A generation holds its credits from the start. It fetches its input and makes its picture while its
clock runs, ends when both are done, and is charged only if it succeeded. It runs beside the
request that started it: a caller who hangs up stops nothing and saves nothing. All state changes
happen on the server's event loop, so none of it needs a lock.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import string
import time
from dataclasses import dataclass, field
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
from darkroom_local.simulators.aimlapi.request_checks import Order
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

_UNREADABLE = (NotAPicture, NoArea, *DECODE_ERRORS)
_ID_LETTERS, _ID_LENGTH = string.ascii_letters + string.digits, 21


@dataclass(frozen=True)
class Limits:
    """What the store allows, and how fast its clock runs."""

    speed: float
    result_lifetime_seconds: float
    log_delay_seconds: float
    fetch_seconds: float
    fetch_bytes: int
    input_mp: float


@dataclass(frozen=True)
class Problem:
    """Why a generation failed: the status of its answer and, if it is not the usual one, the message."""

    status: int
    message: str | None = None


@dataclass(frozen=True)
class Traits:
    """Misbehaviour a generation carries for life."""

    problem: Problem | None = None
    late_seconds: float = 0.0
    fetch_late_seconds: float = 0.0
    log_lag_seconds: float = 0.0
    wrong_size: bool = False


@dataclass(frozen=True)
class Sender:
    """Who asked: the id of the call, and the caller's own id if a good one came."""

    request_id: str
    client_request_id: str | None


@dataclass
class Generation:
    """One accepted order and how far it has come; times are Unix seconds."""

    inference_id: str
    order: Order
    sender: Sender
    traits: Traits
    created: float
    status: str | None = None  # none while it runs
    problem: Problem | None = None
    file: ResultFile | None = None
    expires: int = 0
    logged: float = math.inf  # from when on the log shows it
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def has_result(self) -> bool:
        """Whether the picture exists and is still kept."""
        return self.file is not None and self.status == SUCCEEDED and time.time() < self.expires


class GenerationStore:
    """Every generation the account knows of, newest last."""

    def __init__(self, account: Account, workshop: Workshop, limits: Limits) -> None:
        self._account = account
        self._workshop = workshop
        self._limits = limits
        self._generations: list[Generation] = []

    def accept(self, order: Order, sender: Sender, traits: Traits) -> Generation:
        """Start a generation whose credits are already held."""
        inference_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        generation = Generation(inference_id, order, sender, traits, time.time())
        self._generations.append(generation)
        self._workshop.start(self._run(generation))
        return generation

    def of_file(self, name: str) -> Generation | None:
        """The generation whose picture bears that file name, kept or not."""
        return made_as(name, self._generations)

    def logged(self) -> list[Generation]:
        """What the log shows by now, newest first."""
        now = time.time()
        return [g for g in reversed(self._generations) if g.logged <= now]

    async def _run(self, generation: Generation) -> None:
        source = self._workshop.directory / f"input-{generation.inference_id}"
        problem: Problem | None = Problem(500)
        try:
            await sleep_until(time.time() + generation.traits.fetch_late_seconds)
            url, limits = generation.order.image_url, self._limits
            await self._workshop.fetch(url, source, limits.fetch_seconds, limits.fetch_bytes)
            generation.file = await self._make(generation, source)
            problem = generation.traits.problem
        except NotFetched:
            problem = Problem(400, "The image could not be loaded from image_url")
        except _UNREADABLE:
            problem = Problem(400, "The image at image_url could not be processed")
        finally:
            source.unlink(missing_ok=True)
            self._end(generation, problem)

    async def _make(self, generation: Generation, source: Path) -> ResultFile:
        """The finished picture, once its time has come as well."""
        order, limits = generation.order, self._limits
        recipe = await self._workshop.make(partial(recipe_for, order, source))
        if recipe.size_mp > limits.input_mp:
            raise NotAPicture
        file = await self._workshop.picture(source, recipe, wrong_size=generation.traits.wrong_size)
        seconds = min(
            LONGEST_SECONDS[order.model], SHORTEST_SECONDS[order.model] + SECONDS_PER_MP[order.model] * recipe.size_mp
        )
        await sleep_until(generation.created + seconds / limits.speed + generation.traits.late_seconds)
        return file

    def _end(self, generation: Generation, problem: Problem | None) -> None:
        now, limits = time.time(), self._limits
        self._account.settle(generation.order.credits, delivered=problem is None)
        if problem is None:
            generation.expires = math.ceil(now + limits.result_lifetime_seconds / limits.speed)
        generation.status = SUCCEEDED if problem is None else FAILED
        generation.problem = problem
        generation.logged = now + limits.log_delay_seconds / limits.speed + generation.traits.log_lag_seconds
        generation.ended.set()


def failure(status: int) -> Problem:
    """A generation that was tried in vain; a 500 is worded as that of a partner's service."""
    return Problem(status, PARTNER_FAILED if status == 500 else None)


def recipe_for(order: Order, source: Path) -> Recipe:
    """What to make of a picture; reads its header, so it is meant for a worker thread."""
    facts = read_facts(source)
    return Recipe(
        width=facts.width,
        height=facts.height,
        format=order.format,
        crop_to_fill=True,
        sharpen=order.sharpening,
        denoise=order.denoising,
    )
