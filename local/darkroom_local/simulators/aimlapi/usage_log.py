"""The usage log: the query of a client, the rows of the answer, and how often a client may read the log.

As published, the log has no filter for ids that clients gave. So a client must read a period and look for its id. Failed
requests are listed too, with no cost. The log therefore has a row for every generation that has ended and for every request
that was refused with 4xx. It is assumed that two kinds of requests have no row: a request with a wrong key, because it
belongs to no account, and a request that a gateway answered or cut off. This module must not run or change generations.
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

from darkroom_local.simulators.aimlapi.errors import InvalidRequest, format_time
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
class LogRow:
    """One row of the usage log: a request that has ended. `created` is in Unix seconds."""

    created: float
    status: str
    model: str | None
    credits: int
    sender: Sender
    inference_id: str | None = None


class RefusedRequests:
    """Holds the requests that were refused. The usage log shows each of them after a delay."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._rows: list[LogRow] = []

    def add(self, sender: Sender, model: object) -> None:
        """Add a refused request. `model` is the value that its body had for the model."""
        self._rows.append(LogRow(time.time(), FAILED, model if isinstance(model, str) else None, 0, sender))

    def logged(self) -> list[LogRow]:
        """Return the refused requests that the usage log shows now."""
        now = time.time()
        return [row for row in self._rows if row.created + self._delay_seconds <= now]


def log_rows(generations: Iterable[Generation], refusals: RefusedRequests) -> list[LogRow]:
    """Return the rows for the ended generations and the refused requests, newest first."""
    ended = [_log_row(generation) for generation in generations]
    return sorted([*ended, *refusals.logged()], key=lambda row: row.created, reverse=True)


def _log_row(generation: Generation) -> LogRow:
    status = generation.status or FAILED  # the log never shows a generation that still runs
    credits = generation.request.credits if status == SUCCEEDED else 0
    return LogRow(
        generation.created, status, generation.request.model, credits, generation.sender, generation.inference_id
    )


@dataclass(frozen=True)
class LogQuery:
    """The query of a client: which rows of the usage log it asks for."""

    start: datetime
    end: datetime
    models: tuple[str, ...]
    statuses: tuple[str, ...]
    limit: int
    offset: int

    def wants(self, row: LogRow) -> bool:
        """Return whether a row matches the query's period, models and statuses. Limit and offset play no role here."""
        model, moment = row.model or "", datetime.fromtimestamp(row.created, UTC)
        names = (model, model.rpartition("/")[2])  # a client may write `maker/model` or only `model`
        return (
            self.start <= moment <= self.end
            and (not self.models or any(name in self.models for name in names))
            and (not self.statuses or row.status in self.statuses)
        )


class RateLimit:
    """Counts the calls within the last minute and refuses a call if there were too many."""

    def __init__(self, speed: float) -> None:
        self._seconds = LOG_CALLS_SECONDS / speed
        self._calls: deque[float] = deque()

    def record_call(self) -> None:
        """Count one more call. Raises Refusal 429 if there were too many calls within the last minute."""
        now = time.monotonic()
        while self._calls and self._calls[0] <= now - self._seconds:
            self._calls.popleft()
        if len(self._calls) >= LOG_CALLS:
            raise Refusal(429)
        self._calls.append(now)


def read_query(request: web.Request, api_key: str, refuse_unknown: bool) -> LogQuery:
    """Return the checked query. Raises InvalidRequest for a query that the vendor's pages do not allow.

    Raises Refusal 403 if the query asks for another key than `api_key`.
    """
    given = request.query
    unknown = [name for name in given if name not in PARAMETERS]
    if unknown and refuse_unknown:
        raise InvalidRequest("Query", [f"{name}: Unrecognized key" for name in unknown])
    prefix = given.get("key_prefix")
    if prefix is not None and prefix != api_key[:KEY_PREFIX_LENGTH]:
        raise Refusal(403, "Only a management key may ask for another key")
    start, end = _window(given)
    models, statuses = tuple(given.getall("model", [])), tuple(given.getall("status", []))
    if len(models) > LOG_MODELS_HIGHEST:
        raise InvalidRequest("Query", [f"model: Array must contain at most {LOG_MODELS_HIGHEST} element(s)"])
    for word in statuses:
        if word not in (SUCCEEDED, FAILED):
            message = f"Invalid enum value. Expected '{SUCCEEDED}' | '{FAILED}', received '{word}'"
            raise InvalidRequest("Query", [f"status: {message}"])
    limit = _whole_number(given, "limit", LOG_LIMIT_DEFAULT, 1, LOG_LIMIT_HIGHEST)
    return LogQuery(start, end, models, statuses, limit, _whole_number(given, "offset", 0, 0, None))


def page_body(shown: Iterable[LogRow], query: LogQuery) -> dict[str, Any]:
    """Return the body of the answer: one page of the rows that the query asks for."""
    wanted = [row for row in shown if query.wants(row)]
    rows = [_row_body(row) for row in wanted[query.offset : query.offset + query.limit]]
    pagination = {
        "limit": query.limit,
        "offset": query.offset,
        "total": len(wanted),
        "has_more": query.offset + len(rows) < len(wanted),
    }
    return {"data": rows, "pagination": pagination}


def _row_body(row: LogRow) -> dict[str, Any]:
    return {
        "created": format_time(datetime.fromtimestamp(row.created, UTC)),
        "status": row.status,
        "origin": "api",
        "model": row.model,
        "cost": {"usd": usd(row.credits), "credits": row.credits},
        "tokens": {"input": 0, "output": 0, "total": 0},  # zero, as for all models that are not billed by tokens
        "request_id": row.sender.request_id,
        "inference_id": row.inference_id,
        "client_request_id": row.sender.client_request_id,
    }


def _window(given: Mapping[str, str]) -> tuple[datetime, datetime]:
    """Return the first and the last moment of the rows that the query asks for.

    The query must have either a period, which ends now, or both moments. Raises InvalidRequest if it has not.
    """
    period, start, end = (given.get(name) for name in ("period", "start", "end"))
    if (period is None) == (start is None and end is None) or (start is None) != (end is None):
        raise InvalidRequest("Query", ["Provide either `period` or both `start` and `end`"])
    if period is not None:
        last = datetime.now(UTC)
        first = last - _length(period)
    else:
        first, last = _moment(start or "", "start"), _moment(end or "", "end")
    if last < first:
        raise InvalidRequest("Query", ["end: Must not be earlier than `start`"])
    if last - first > timedelta(days=LOG_WINDOW_DAYS):
        raise InvalidRequest("Query", [f"The window cannot exceed {LOG_WINDOW_DAYS} days"])
    return first, last


def _length(text: str) -> timedelta:
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise InvalidRequest("Query", ["period: Expected a positive integer followed by `h` or `d`"])
    return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest("Query", [f"{name}: Invalid date"]) from None


def _whole_number(given: Mapping[str, str], name: str, default: int, lowest: int, highest: int | None) -> int:
    text = given.get(name, str(default))
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None or number < lowest or (highest is not None and number > highest):
        raise InvalidRequest(
            "Query", [f"{name}: Expected a number from {lowest} to {highest or 'any'}, received '{text}'"]
        )
    return number
