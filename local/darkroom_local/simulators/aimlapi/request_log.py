"""The request log: what a query asks for, how a row looks, and how often one may ask.

As published there is no filter for the caller's own id: a caller reads a window of time and
compares; and failed requests are listed too, at no cost. So whatever was answered with an error of
the caller's (4xx) has its row, beside what was tried in vain (assumed: a key that is none names no
account, and what a gateway answers or cuts off never came as far as the log). It must not run or
change generations.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from darkroom_local.simulators.aimlapi.errors import Invalid, stamp
from darkroom_local.simulators.aimlapi.generations import Generation, Sender
from darkroom_local.simulators.aimlapi.published_facts import (
    FAILED,
    KEY_PREFIX_LENGTH,
    LOG_CALLS,
    LOG_CALLS_SECONDS,
    LOG_LIMIT_DEFAULT,
    LOG_LIMIT_HIGHEST,
    LOG_MODELS_HIGHEST,
    LOG_WINDOW_DAYS,
    SUCCEEDED,
)
from darkroom_local.simulators.aimlapi.responses import usd
from darkroom_local.simulators.framework.refusals import Refusal

PARAMETERS = ("period", "start", "end", "key_prefix", "model", "status", "limit", "offset")
_PERIOD = re.compile(r"([1-9][0-9]{0,5})([hd])")
_WHOLE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Line:
    """One request that has ended; times are Unix seconds."""

    created: float
    status: str
    model: str | None
    credits: int
    sender: Sender
    inference_id: str | None = None


class Refusals:
    """The requests that were refused, each shown some time after."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._lines: list[Line] = []

    def note(self, sender: Sender, model: object) -> None:
        """One more, of whatever it named as its model."""
        self._lines.append(Line(time.time(), FAILED, model if isinstance(model, str) else None, 0, sender))

    def logged(self) -> list[Line]:
        """Those the log shows by now."""
        now = time.time()
        return [line for line in self._lines if line.created + self._delay_seconds <= now]


def lines(generations: Iterable[Generation], refusals: Refusals) -> list[Line]:
    """Everything the log shows, newest first."""
    ended = [_line(generation) for generation in generations]
    return sorted([*ended, *refusals.logged()], key=lambda line: line.created, reverse=True)


def _line(generation: Generation) -> Line:
    status = generation.status or FAILED  # nothing that still runs is shown
    credits = generation.order.credits if status == SUCCEEDED else 0
    return Line(generation.created, status, generation.order.model, credits, generation.sender, generation.inference_id)


@dataclass(frozen=True)
class Query:
    """Which rows are wanted."""

    start: datetime
    end: datetime
    models: tuple[str, ...]
    statuses: tuple[str, ...]
    limit: int
    offset: int

    def wants(self, line: Line) -> bool:
        """Whether a row belongs to the answer, on whatever page."""
        model, moment = line.model or "", datetime.fromtimestamp(line.created, UTC)
        names = (model, model.rpartition("/")[2])  # source/alias, or the bare alias
        return (
            self.start <= moment <= self.end
            and (not self.models or any(name in self.models for name in names))
            and (not self.statuses or line.status in self.statuses)
        )


class Pace:
    """Counts calls within the last while."""

    def __init__(self, speed: float) -> None:
        self._seconds = LOG_CALLS_SECONDS / speed
        self._calls: deque[float] = deque()

    def note(self) -> None:
        """One more call; refuses it when there were too many."""
        now = time.monotonic()
        while self._calls and self._calls[0] <= now - self._seconds:
            self._calls.popleft()
        if len(self._calls) >= LOG_CALLS:
            raise Refusal(429)
        self._calls.append(now)


def read_query(request: web.Request, api_key: str, refuse_unknown: bool) -> Query:
    """The checked query; refuses one that is not as published."""
    given = request.query
    strange = [name for name in given if name not in PARAMETERS]
    if strange and refuse_unknown:
        raise Invalid("Query", [f"{name}: Unrecognized key" for name in strange])
    prefix = given.get("key_prefix")
    if prefix is not None and prefix != api_key[:KEY_PREFIX_LENGTH]:
        raise Refusal(403, "Only a management key may ask for another key")
    start, end = _window(given)
    models, statuses = tuple(given.getall("model", [])), tuple(given.getall("status", []))
    if len(models) > LOG_MODELS_HIGHEST:
        raise Invalid("Query", [f"model: Array must contain at most {LOG_MODELS_HIGHEST} element(s)"])
    for word in statuses:
        if word not in (SUCCEEDED, FAILED):
            message = f"Invalid enum value. Expected '{SUCCEEDED}' | '{FAILED}', received '{word}'"
            raise Invalid("Query", [f"status: {message}"])
    limit = _whole(given, "limit", LOG_LIMIT_DEFAULT, 1, LOG_LIMIT_HIGHEST)
    return Query(start, end, models, statuses, limit, _whole(given, "offset", 0, 0, None))


def page(shown: Iterable[Line], query: Query) -> dict[str, Any]:
    """The answer's body."""
    wanted = [line for line in shown if query.wants(line)]
    rows = [_row(line) for line in wanted[query.offset : query.offset + query.limit]]
    facts = {
        "limit": query.limit,
        "offset": query.offset,
        "total": len(wanted),
        "has_more": query.offset + len(rows) < len(wanted),
    }
    return {"data": rows, "pagination": facts}


def _row(line: Line) -> dict[str, Any]:
    return {
        "created": stamp(datetime.fromtimestamp(line.created, UTC)),
        "status": line.status,
        "origin": "api",
        "model": line.model,
        "cost": {"usd": usd(line.credits), "credits": line.credits},
        "tokens": {"input": 0, "output": 0, "total": 0},  # as for any model that is not billed by the token
        "request_id": line.sender.request_id,
        "inference_id": line.inference_id,
        "client_request_id": line.sender.client_request_id,
    }


def _window(given: Mapping[str, str]) -> tuple[datetime, datetime]:
    """A period up to now, or from one moment to another; exactly one of the two ways."""
    period, start, end = (given.get(name) for name in ("period", "start", "end"))
    if (period is None) == (start is None and end is None) or (start is None) != (end is None):
        raise Invalid("Query", ["Provide either `period` or both `start` and `end`"])
    if period is not None:
        last = datetime.now(UTC)
        first = last - _length(period)
    else:
        first, last = _moment(start or "", "start"), _moment(end or "", "end")
    if last < first:
        raise Invalid("Query", ["end: Must not be earlier than `start`"])
    if last - first > timedelta(days=LOG_WINDOW_DAYS):
        raise Invalid("Query", [f"The window cannot exceed {LOG_WINDOW_DAYS} days"])
    return first, last


def _length(text: str) -> timedelta:
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise Invalid("Query", ["period: Expected a positive integer followed by `h` or `d`"])
    return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("Query", [f"{name}: Invalid date"]) from None


def _whole(given: Mapping[str, str], name: str, default: int, lowest: int, highest: int | None) -> int:
    text = given.get(name, str(default))
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None or number < lowest or (highest is not None and number > highest):
        raise Invalid("Query", [f"{name}: Expected a number from {lowest} to {highest or 'any'}, received '{text}'"])
    return number
