"""Oxen.ai: its image upscaler, by the queue or at once.

Vendor words in, our words out. What this adapter relies on, from docs.oxen.ai (Topaz Image Upscaler page, async queue,
image editing and models references, List past generations and Get generation details, 2026-11): POST /ai/queue answers with
a `generation_id`; what it was given is checked only when it runs; rows carry the parameters of their request, `input_image`
among them; the models endpoint names the price in dollars a picture, and a generation's details what was charged, a decimal
as text (assumed: in dollars too); a result URL on the vendor's own host may want the key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

import httpx

from darkroom.errors import (
    DarkroomError,
    InvalidSetting,
    ProcessUnknown,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
)
from darkroom.model import Estimate, FoundProcess, Handle, Plan, ProcessState, Progress, SendMode, Submission
from darkroom.ports import ImageStream, ResultLink, StageResult
from darkroom.providers import http_client, parsing, payloads, synchronous
from darkroom.providers.authenticated_client import bearer
from darkroom.providers.base import Adapter
from darkroom.providers.downloads import Downloads

NAME = "oxen"
UNITS_PER_USD = 10_000
PRICE_KEPT_SECONDS = 3600
PAGE_SIZE = 500
MAX_PAGES = 100
CLOCKS_DIFFER = timedelta(minutes=2)
GENERATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # published: a UUID. Nothing else may stand in a path

STATES: Mapping[str, ProcessState] = {
    "queued": ProcessState.RUNNING,
    "processing": ProcessState.RUNNING,
    "succeeded": ProcessState.COMPLETED,
    "failed": ProcessState.FAILED,
    "cancelled": ProcessState.CANCELLED,
}


class Oxen(Adapter):
    """Fulfils `ports.Provider`. One per container."""

    name = NAME
    usual_seconds = 15  # typically 5 to 30

    def __init__(self, base_url: str, keys: http_client.Keys, client: httpx.Client, downloads: Downloads) -> None:
        super().__init__(base_url, keys, client, replace(downloads, headers_for=self._for_results))
        self._models: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def submit(self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult) -> Submission:
        """POST /ai/queue with a link to the image, or /ai/images/edit, held until the result has come and is kept. Spends
        money; see `ports.Provider`."""
        began = self._downloads.clock()
        body = {**payloads.json_fields(plan), "input_image": image.link()}
        if plan.send_mode.is_synchronous:
            answer = self._calls.pay(plan.endpoint, body, timeout=http_client.HELD_TIMEOUT, send=synchronous.start)
            with synchronous.opened(answer) as response:
                http_client.raise_for_submit(response)
                synchronous.take(response, self._downloads, keep, str(handle), "images", began)
            return Submission(str(handle), datetime.now(UTC), staged=True)
        response = self._calls.pay(plan.endpoint, body)
        http_client.raise_for_submit(response)
        return Submission(_enqueued(response), datetime.now(UTC) + timedelta(seconds=self.usual_seconds))

    def progress(self, process_id: str) -> Progress:
        """GET /ai/queue/{id}, and what was charged once it is completed. An unknown status word counts as running."""
        row = self._row(process_id)
        word = str(row.get("status", ""))
        state = STATES.get(word, ProcessState.RUNNING)
        reason = http_client.clean(str(row.get("error_message") or "")) if state is ProcessState.FAILED else ""
        credits = self._charged(process_id) if state is ProcessState.COMPLETED else None
        return Progress(state, credits=credits, vendor_word=word[:40], reason=reason)

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """The row's result_url, opened."""
        with self._downloads.open(self._result_url(process_id), lambda: self._result_url(process_id)) as link:
            yield link

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Generations whose input is a link of the run's, oldest first. None for a synchronous call, which has no row, and
        when none is found in lists that are not known to be whole, or among rows of which some do not say, in any list, what
        they were given."""
        if send_mode.is_synchronous:
            return None
        found: dict[str, FoundProcess] = {}
        silent, told = set[str](), set[str]()
        rows, is_whole = self._everything()
        for row in rows:
            if not _may_be_of(row, since - CLOCKS_DIFFER):
                continue
            given = row.get("input_image")
            (told if isinstance(given, str) and given else silent).add(str(row.get("generation_id")))
            name = payloads.handle_in(given, handle)
            if name is not None:
                process = _found(row, name)
                found[process.process_id] = process
        if not found and (silent - told or not is_whole):
            return None
        return parsing.oldest_first(found.values(), handle)

    def cancel(self, process_id: str) -> bool:
        """DELETE /ai/queue/{id}, which answers alike whether or not it had an effect: the row tells."""
        self._row(process_id)
        self._calls.read("DELETE", f"ai/queue/{process_id}")
        return STATES.get(str(self._row(process_id).get("status", ""))) is ProcessState.CANCELLED

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """The model's price, kept for an hour, and a look whether its schema still takes what the plan says."""
        model = self._model(plan.parameters["model"])
        _check_schema(plan, model)
        return Estimate(self.usual_seconds, _price(model))

    def _result_url(self, process_id: str) -> str:
        url = self._row(process_id).get("result_url")
        if not isinstance(url, str):
            raise ResultNotReady("the provider does not offer the result yet")
        return url

    def _row(self, process_id: str) -> dict[str, Any]:
        if not GENERATION_ID.fullmatch(process_id):
            raise ProcessUnknown("that is no generation of this provider")
        return parsing.read_object(self._calls.read("GET", f"ai/queue/{process_id}"))

    def _charged(self, process_id: str) -> Decimal | None:
        """What the generation's details say was charged, in our unit; None when they say nothing or cannot be had, which
        changes nothing."""
        try:
            answer = parsing.read_object(self._calls.read("GET", f"ai/generations/{process_id}"))
        except DarkroomError:
            return None
        generation = answer.get("generation", answer)
        return _units(parsing.read_amount(generation.get("cost"))) if isinstance(generation, dict) else None

    def _everything(self) -> tuple[list[dict[str, Any]], bool]:
        """All rows, and whether that is known. In flight first: what ends meanwhile is then in the history. Where there is
        no history, the queue by status, which does not say how much of it it shows."""
        rows = [row for word in ("queued", "processing") for row in self._queue(word)]
        try:
            past, is_whole = self._history()
        except ProcessUnknown:
            past = [row for word in ("succeeded", "failed", "cancelled") for row in self._queue(word)]
            is_whole = False
        return [*rows, *past], is_whole

    def _queue(self, word: str) -> list[dict[str, Any]]:
        return _rows(parsing.read_object(self._calls.read_of_all("GET", "ai/queue", params={"status": word})))

    def _history(self) -> tuple[list[dict[str, Any]], bool]:
        """Every page, and whether they are all: as many as the vendor says there are, or up to an empty one where it does
        not say. Pages that begin anew are not all. Raises ProviderUnavailable, and ProcessUnknown where there is no history."""
        past: list[dict[str, Any]] = []
        seen = set[str]()
        for number in range(1, MAX_PAGES + 1):
            page = {"page": str(number), "page_size": str(PAGE_SIZE)}
            answer = parsing.read_object(self._calls.read("GET", "ai/generations", params=page))
            rows, pages = _rows(answer), parsing.read_number(answer.get("total_pages"))
            fresh = {str(row.get("generation_id")) for row in rows} - seen
            past += rows  # each as it stands: one without an id must not be lost among others
            seen |= fresh
            if not rows if pages is None else number >= pages:
                return past, True
            if rows and not fresh:
                return past, False
        raise ProviderUnavailable("the provider's history does not end")

    def _model(self, name: str) -> Mapping[str, Any]:
        kept_until, model = self._models.get(name, (0.0, {}))
        if time.monotonic() >= kept_until:
            model = parsing.read_object(self._calls.read_of_all("GET", f"ai/models/{name}"))
            self._models[name] = (time.monotonic() + PRICE_KEPT_SECONDS, model)
        return model

    def _for_results(self, origin: str) -> Mapping[str, str]:
        """The key, for the vendor's own host alone."""
        own = httpx.URL(self._calls.base_url)
        is_own = origin == f"{own.scheme}://{own.netloc.decode('ascii')}"
        return bearer(self._calls.keys.get(NAME)) if is_own else {}


def _enqueued(response: httpx.Response) -> str:
    """The id of the generation that was enqueued. Raises SubmitInDoubt when the answer names none."""
    try:
        answer = http_client.read_json(response)
    except ProviderUnavailable:
        answer = None
    match answer:
        case {"generations": [{"generation_id": str(generation_id)}, *_]} if GENERATION_ID.fullmatch(generation_id):
            return generation_id
    raise SubmitInDoubt("the provider accepted without naming a generation")


def _rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = answer.get("generations")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProviderUnavailable("the provider's list of generations has an unknown shape")
    return rows


def _may_be_of(row: Mapping[str, Any], moment: datetime) -> bool:
    """Whether it is of an image that was enqueued since then, as far as it says."""
    enqueued_at = parsing.read_moment(row.get("enqueued_at"))
    return row.get("media_type", "image") == "image" and (enqueued_at is None or enqueued_at >= moment)


def _found(row: Mapping[str, Any], name: str) -> FoundProcess:
    process_id = row.get("generation_id")
    if not isinstance(process_id, str) or not GENERATION_ID.fullmatch(process_id):
        raise ProviderUnavailable("the provider's list shows our generation without its id")
    state = STATES.get(str(row.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(process_id, name, state, None, parsing.read_moment(row.get("enqueued_at")))


def _check_schema(plan: Plan, model: Mapping[str, Any]) -> None:
    """Raises InvalidSetting for a value that the model's own schema no longer lists."""
    schema = model.get("json_request_schema") or model.get("request_schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, value in plan.parameters.items():
        described = properties.get(name) if isinstance(properties, dict) else None
        choices = described.get("enum") if isinstance(described, dict) else None
        if isinstance(choices, list) and value not in choices:
            listed = http_client.clean(", ".join(map(str, choices)))
            raise InvalidSetting(f"{name}={value}: the provider no longer takes it for {plan.model}; it lists {listed}")


def _price(model: Mapping[str, Any]) -> Decimal | None:
    """Units of 0.0001 USD a picture; the dearest where it depends on what nobody says beforehand; None when none is named."""
    pricing = model.get("pricing")
    if not isinstance(pricing, dict):
        return None
    grid = pricing.get("cost_per_image_grid")
    rows = [row for row in grid.values() if isinstance(row, dict)] if isinstance(grid, dict) else []
    named = [pricing.get("cost_per_image"), *(price for row in rows for price in row.values())]
    prices = [price for price in map(parsing.read_amount, named) if price is not None]
    return _units(max(prices)) if prices else None


def _units(dollars: Decimal | None) -> Decimal | None:
    """Whole units of 0.0001 USD, rounded up: what costs anything never costs nothing."""
    return None if dollars is None else (dollars * UNITS_PER_USD).quantize(Decimal(1), ROUND_CEILING)
