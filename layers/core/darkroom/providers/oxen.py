"""Oxen.ai: its image upscaler, by the queue or at once.

Vendor words in, our words out. What this adapter relies on, from docs.oxen.ai (Topaz Image Upscaler page, async queue,
image editing and models references, 2026-11): POST /ai/queue answers with a `generation_id`; what it was given is checked
only when it runs; rows carry the parameters of their request, `input_image` among them; replies name no cost, the models
endpoint does, in dollars a picture; a result URL on the vendor's own host may want the key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from darkroom.errors import InvalidSetting, ProcessUnknown, ProviderUnavailable, ResultNotReady, SubmitInDoubt
from darkroom.model import Estimate, FoundProcess, Handle, Manner, Plan, ProcessState, Progress, Submission
from darkroom.ports import ImageStream, Keep, ResultLink
from darkroom.providers import answers, bodies, held, http
from darkroom.providers.adapter import Adapter
from darkroom.providers.calls import bearer
from darkroom.providers.results import Downloads

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

    def __init__(self, base_url: str, keys: http.Keys, client: httpx.Client, downloads: Downloads) -> None:
        super().__init__(base_url, keys, client, replace(downloads, headers_for=self._for_results))
        self._models: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def submit(self, plan: Plan, image: ImageStream, handle: Handle, keep: Keep) -> Submission:
        """POST /ai/queue with a link to the image, or /ai/images/edit, held until the result has come and is kept. Spends
        money; see `ports.Provider`."""
        body = {**bodies.json_fields(plan), "input_image": image.link()}
        if plan.manner.is_held:
            answer = self._calls.pay(plan.endpoint, body, timeout=http.HELD_TIMEOUT, send=held.start)
            with held.opened(answer) as response:
                http.raise_for_submit(response)
                held.take(response, self._downloads, keep, str(handle), "images")
            return Submission(str(handle), datetime.now(UTC), staged=True)
        response = self._calls.pay(plan.endpoint, body)
        http.raise_for_submit(response)
        return Submission(_enqueued(response), datetime.now(UTC) + timedelta(seconds=self.usual_seconds))

    def progress(self, process_id: str) -> Progress:
        """GET /ai/queue/{id}. An unknown status word counts as running."""
        row = self._row(process_id)
        word = str(row.get("status", ""))
        state = STATES.get(word, ProcessState.RUNNING)
        reason = http.clean(str(row.get("error_message") or "")) if state is ProcessState.FAILED else ""
        return Progress(state, vendor_word=word[:40], reason=reason)

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """The row's result_url, opened."""
        with self._downloads.open(self._result_url(process_id), lambda: self._result_url(process_id)) as link:
            yield link

    def find(self, handle: Handle, manner: Manner, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Generations whose input is a link of the run's, oldest first. None for a synchronous call, which has no row, and
        when none is found among rows of which some do not say, in any list, what they were given."""
        if manner.is_held:
            return None
        found: dict[str, FoundProcess] = {}
        silent, told = set[str](), set[str]()
        for row in self._rows_since(since - CLOCKS_DIFFER):
            (told if "input_image" in row else silent).add(str(row.get("generation_id")))
            name = bodies.handle_in(row.get("input_image"), handle)
            if name is not None:
                process = _found(row, name)
                found[process.process_id] = process
        if not found and silent - told:
            return None
        return answers.oldest_first(found.values(), handle)

    def cancel(self, process_id: str) -> bool:
        """DELETE /ai/queue/{id}, which answers alike whether or not it had an effect: the row tells."""
        self._row(process_id)
        self._calls.read("DELETE", f"ai/queue/{process_id}")
        return self.progress(process_id).state is ProcessState.CANCELLED

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
        return answers.read_object(self._calls.read("GET", f"ai/queue/{process_id}"))

    def _rows_since(self, moment: datetime) -> Iterator[Mapping[str, Any]]:
        """Every row of an image enqueued since then: those in flight, then all that the history shows."""
        for row in self._everything():
            enqueued_at = answers.read_moment(row.get("enqueued_at"))
            if row.get("media_type", "image") == "image" and (enqueued_at is None or enqueued_at >= moment):
                yield row

    def _everything(self) -> Iterator[Mapping[str, Any]]:
        """In flight first: what ends meanwhile is then in the history. Where there is no history, the queue by status."""
        for word in ("queued", "processing"):
            yield from self._queue(word)
        try:
            yield from self._history()
        except ProcessUnknown:
            for word in ("succeeded", "failed", "cancelled"):
                yield from self._queue(word)

    def _queue(self, word: str) -> list[dict[str, Any]]:
        return _rows(answers.read_object(self._calls.read_of_all("GET", "ai/queue", params={"status": word})))

    def _history(self) -> Iterator[dict[str, Any]]:
        """Every page, or ProviderUnavailable: half a list would prove a payment away. Raises ProcessUnknown without one."""
        for number in range(1, MAX_PAGES + 1):
            page = {"page": str(number), "page_size": str(PAGE_SIZE)}
            answer = answers.read_object(self._calls.read("GET", "ai/generations", params=page))
            rows, pages = _rows(answer), answers.read_number(answer.get("total_pages"))
            yield from rows
            if len(rows) < PAGE_SIZE if pages is None else number >= pages:
                return
        raise ProviderUnavailable("the provider's history does not end")

    def _model(self, name: str) -> Mapping[str, Any]:
        kept_until, model = self._models.get(name, (0.0, {}))
        if time.monotonic() >= kept_until:
            model = answers.read_object(self._calls.read_of_all("GET", f"ai/models/{name}"))
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
        answer = http.read_json(response)
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


def _found(row: Mapping[str, Any], name: str) -> FoundProcess:
    process_id = row.get("generation_id")
    if not isinstance(process_id, str) or not GENERATION_ID.fullmatch(process_id):
        raise ProviderUnavailable("the provider's list shows our generation without its id")
    state = STATES.get(str(row.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(process_id, name, state, None, answers.read_moment(row.get("enqueued_at")))


def _check_schema(plan: Plan, model: Mapping[str, Any]) -> None:
    """Raises InvalidSetting for a value that the model's own schema no longer lists."""
    schema = model.get("json_request_schema") or model.get("request_schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, value in plan.parameters.items():
        described = properties.get(name) if isinstance(properties, dict) else None
        choices = described.get("enum") if isinstance(described, dict) else None
        if isinstance(choices, list) and value not in choices:
            listed = http.clean(", ".join(map(str, choices)))
            raise InvalidSetting(f"{name}={value}: the provider no longer takes it for {plan.model}; it lists {listed}")


def _price(model: Mapping[str, Any]) -> Decimal | None:
    """Units of 0.0001 USD a picture; the dearest where it depends on what nobody says beforehand; None when none is named."""
    pricing = model.get("pricing")
    if not isinstance(pricing, dict):
        return None
    grid = pricing.get("cost_per_image_grid")
    rows = [row for row in grid.values() if isinstance(row, dict)] if isinstance(grid, dict) else []
    named = [pricing.get("cost_per_image"), *(price for row in rows for price in row.values())]
    prices = [price for price in map(answers.read_number, named) if price is not None]
    return (max(prices) * UNITS_PER_USD).quantize(Decimal(1)) if prices else None
