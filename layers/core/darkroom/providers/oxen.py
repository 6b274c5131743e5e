"""The adapter for Oxen.ai's image upscalers, which are called through a queue or synchronously.

It relies on these facts from docs.oxen.ai (Topaz Image Upscaler page, async queue, image editing and models references, List
past generations and Get generation details, 2026-11):

- POST /ai/queue answers with a `generation_id`. The vendor checks the parameters only when the generation runs.
- The rows of the vendor's lists contain the parameters of their requests, among them `input_image`.
- The models endpoint gives the price of a picture in dollars. A generation's details give the charge, a decimal number as
  text. assumed: the charge is also in dollars.
- A result URL on the vendor's own host may require the API key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
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
from darkroom.providers import http_client, link_handles, parsing, synchronous
from darkroom.providers.adapter_base import Adapter
from darkroom.providers.authenticated_client import bearer
from darkroom.providers.downloads import Downloads
from darkroom.providers.json_fields import json_fields
from darkroom.providers.newest_first import SLACK

NAME = "oxen"
UNITS_PER_USD = 10_000
PRICE_CACHE_SECONDS = 3600
PAGE_SIZE = 500
MAX_PAGES = 100
GENERATION_ID = re.compile(
    r"[A-Za-z0-9_-]{1,128}"
)  # the vendor documents a UUID; only such text is put into a URL path

# Error types of requests that were not accepted → the HTTP statuses that the vendor's pages give to them.
ERROR_STATUSES: Mapping[str, int] = {
    "invalid_params": 400,
    "unauthenticated": 401,
    "insufficient_credits": 402,
    "unauthorized": 403,
    "resource_not_found": 404,
    "rate_limited": 429,
}

STATES: Mapping[str, ProcessState] = {
    "queued": ProcessState.RUNNING,
    "processing": ProcessState.RUNNING,
    "succeeded": ProcessState.COMPLETED,
    "failed": ProcessState.FAILED,
    "cancelled": ProcessState.CANCELLED,
}


class Oxen(Adapter):
    """Calls Oxen.ai; implements `ports.Provider`. There is one instance per container."""

    name = NAME
    can_cancel = True
    usual_seconds = 15  # a picture typically takes 5 to 30 seconds

    def __init__(self, base_url: str, keys: http_client.Keys, client: httpx.Client, downloads: Downloads) -> None:
        super().__init__(base_url, keys, client, replace(downloads, key_headers_for=self._key_headers_for))
        self._models: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def submit(
        self,
        plan: Plan,
        image: ImageStream,
        handle: Handle,
        stage_result: StageResult,
        callback_url: str | None = None,
    ) -> Submission:
        """POST a link to the image to /ai/queue. If the plan is synchronous, POST it to /ai/images/edit instead, wait for the
        result and stage it. Spends money; see `ports.Provider`."""
        started_at = self._downloads.clock()
        body = {**json_fields(plan), "input_image": image.link()}
        if plan.send_mode.is_synchronous:
            answer = self._api.post_paid(
                plan.endpoint, body, timeout=http_client.SYNCHRONOUS_TIMEOUT, send=synchronous.send_unread
            )
            with closing(answer) as response:
                self._api.check_submit(response)
                synchronous.stage_from_json(
                    response, self._downloads, stage_result, str(handle), "images", started_at, _raise_for_error
                )
            return Submission(str(handle), datetime.now(UTC), staged=True)
        response = self._api.post_paid(plan.endpoint, body)
        self._api.check_submit(response)
        return Submission(_generation_id(response), datetime.now(UTC) + timedelta(seconds=self.usual_seconds))

    def progress(self, process_id: str) -> Progress:
        """GET /ai/queue/{id}, and for a completed generation also its charge. An unknown status word counts as running."""
        row = self._row(process_id)
        word = str(row.get("status", ""))
        state = STATES.get(word, ProcessState.RUNNING)
        reason = http_client.clean(str(row.get("error_message") or "")) if state is ProcessState.FAILED else ""
        credits = self._charged_units(process_id) if state is ProcessState.COMPLETED else None
        return Progress(state, credits=credits, vendor_word=word[:40], reason=reason)

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """GET /ai/queue/{id} and open its `result_url`."""
        with self._downloads.open(self._result_url(process_id), lambda: self._result_url(process_id)) as link:
            yield link

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Return the generations whose `input_image` is a link to the run's image, oldest first. Their times do not matter,
        because the vendor's clock may be wrong, and only this run's links carry its handle.

        Return None if nothing is found and that is no proof. This is so for a synchronous call, which has no row, if the lists
        may be incomplete, and if a generation that may be the run's by its time shows its `input_image` in no list.
        """
        if send_mode.is_synchronous:
            return None
        found: dict[str, FoundProcess] = {}
        without_input, with_input = set[str](), set[str]()
        rows, is_whole = self._all_rows()
        for row in rows:
            given = row.get("input_image")
            name = link_handles.find_handle(given, handle)
            if name is not None:
                process = _to_found_process(row, name)
                found[process.process_id] = process
            elif _may_be_ours(row, since - SLACK):
                (with_input if isinstance(given, str) and given else without_input).add(str(row.get("generation_id")))
        if not found and (without_input - with_input or not is_whole):
            return None
        return parsing.oldest_first(found.values(), handle)

    def cancel(self, process_id: str) -> bool:
        """DELETE /ai/queue/{id}, then read the row, because the answer to the DELETE does not show if it had an effect."""
        self._row(process_id)
        self._api.read_process("DELETE", f"ai/queue/{process_id}")
        return STATES.get(str(self._row(process_id).get("status", ""))) is ProcessState.CANCELLED

    def check_key(self) -> None:
        """GET /ai/queue for the generations that wait, which are few. The list of models may be public."""
        self._queue("queued")

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """Return the model's price from the vendor. It is cached for an hour. Raises InvalidSetting if the model's schema no
        longer takes a value of the plan."""
        model = self._model(plan.parameters["model"])
        _check_schema(plan, model)
        return Estimate(self.usual_seconds, _price(model))

    def offered(self) -> Mapping[str, Mapping[str, Any]]:
        """GET /ai/models and return, for every model that the vendor lists, its name → the properties of its schema."""
        answer = parsing.read_object(self._api.read("GET", "ai/models"))
        entries = answer.get("data")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ProviderUnavailable("the provider's list of models has an unknown shape")
        return {str(entry.get("id")): _properties(entry) for entry in entries}

    def _result_url(self, process_id: str) -> str:
        url = self._row(process_id).get("result_url")
        if not isinstance(url, str):
            raise ResultNotReady("the provider does not offer the result yet")
        return url

    def _row(self, process_id: str) -> dict[str, Any]:
        if not GENERATION_ID.fullmatch(process_id):
            raise ProcessUnknown("the process id is not a generation id of this provider")
        return parsing.read_object(self._api.read_process("GET", f"ai/queue/{process_id}"))

    def _charged_units(self, process_id: str) -> Decimal | None:
        """Return the charge in units of 0.0001 USD, from the generation's details. Return None if they name no charge or cannot
        be read."""
        try:
            answer = parsing.read_object(self._api.read_process("GET", f"ai/generations/{process_id}"))
        except DarkroomError:
            return None
        generation = answer.get("generation", answer)
        return _dollars_to_units(parsing.read_amount(generation.get("cost"))) if isinstance(generation, dict) else None

    def _all_rows(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the rows of the vendor's lists, and True if the lists are surely complete.

        Running generations are read first, so that one that ends meanwhile still appears in the history. If the vendor has no
        history, the queue is read by status instead. Then nothing shows that the rows are complete.
        """
        rows = [row for word in ("queued", "processing") for row in self._queue(word)]
        try:
            past, is_whole = self._history()
        except ProcessUnknown:
            past = [row for word in ("succeeded", "failed", "cancelled") for row in self._queue(word)]
            is_whole = False
        return [*rows, *past], is_whole

    def _queue(self, word: str) -> list[dict[str, Any]]:
        return _rows(parsing.read_object(self._api.read("GET", "ai/queue", params={"status": word})))

    def _history(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the rows of all pages of the history, and True if the history is surely complete.

        It is complete after as many pages as the vendor announces, or after an empty page if the vendor announces no number. It
        is not if a page has only earlier rows. Raises ProcessUnknown if the vendor has no history, ProviderUnavailable.
        """
        past: list[dict[str, Any]] = []
        seen = set[str]()
        for number in range(1, MAX_PAGES + 1):
            page = {"page": str(number), "page_size": str(PAGE_SIZE)}
            answer = parsing.read_object(self._api.read_process("GET", "ai/generations", params=page))
            rows, pages = _rows(answer), parsing.read_number(answer.get("total_pages"))
            new_ids = {str(row.get("generation_id")) for row in rows} - seen
            past += rows  # duplicates are kept, because rows without an id must not replace each other
            seen |= new_ids
            if not rows if pages is None else number >= pages:
                return past, True
            if rows and not new_ids:
                return past, False
        raise ProviderUnavailable("the provider's history does not end")

    def _model(self, name: str) -> Mapping[str, Any]:
        cached_until, model = self._models.get(name, (0.0, {}))
        if time.monotonic() >= cached_until:
            model = parsing.read_object(self._api.read("GET", f"ai/models/{name}"))
            self._models[name] = (time.monotonic() + PRICE_CACHE_SECONDS, model)
        return model

    def _key_headers_for(self, origin: str) -> Mapping[str, str]:
        """Return the header with the API key if the origin is the vendor's own, and no header for any other origin."""
        own = httpx.URL(self._api.base_url)
        is_own = origin == f"{own.scheme}://{own.netloc.decode('ascii')}"
        return bearer(self._api.keys.get(NAME)) if is_own else {}


def _raise_for_error(body: object) -> None:
    """Raise for the body of a 2xx response if it is an error of a published type. One client has seen such a response.

    The exception is the one for the type's published status. After an error of any other type nobody knows whether the request
    was accepted. Then nothing is raised here, and the caller finds no generation and no picture in the body.
    """
    match body:
        case {"generations": _} | {"images": _}:
            return
        case {"error": {"type": str(word)}} if word in ERROR_STATUSES:
            http_client.raise_for_submit(httpx.Response(ERROR_STATUSES[word], json=body))


def _generation_id(response: httpx.Response) -> str:
    """Return the id of the generation that was enqueued. Raises SubmitInDoubt if the response names none, and what
    `_raise_for_error` raises."""
    try:
        answer = http_client.read_json(response)
    except ProviderUnavailable:
        answer = None
    _raise_for_error(answer)
    match answer:
        case {"generations": [{"generation_id": str(generation_id)}, *_]} if GENERATION_ID.fullmatch(generation_id):
            return generation_id
    raise SubmitInDoubt("the provider accepted the submit but named no generation")


def _rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = answer.get("generations")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProviderUnavailable("the provider's list of generations has an unknown shape")
    return rows


def _may_be_ours(row: Mapping[str, Any], since: datetime) -> bool:
    """Return False if the row says that it is no image or was enqueued before `since`; otherwise it may be ours."""
    enqueued_at = parsing.read_unix_time(row.get("enqueued_at"))
    return row.get("media_type", "image") == "image" and (enqueued_at is None or enqueued_at >= since)


def _to_found_process(row: Mapping[str, Any], name: str) -> FoundProcess:
    process_id = row.get("generation_id")
    if not isinstance(process_id, str) or not GENERATION_ID.fullmatch(process_id):
        raise ProviderUnavailable("the provider's list shows our generation without its id")
    state = STATES.get(str(row.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(process_id, name, state, None, parsing.read_unix_time(row.get("enqueued_at")))


def _check_schema(plan: Plan, model: Mapping[str, Any]) -> None:
    """Raise InvalidSetting for a value that the model's own schema does not list."""
    properties = _properties(model)
    for name, value in plan.parameters.items():
        described = properties.get(name)
        choices = described.get("enum") if isinstance(described, dict) else None
        if isinstance(choices, list) and value not in choices:
            listed = http_client.clean(", ".join(map(str, choices)))
            raise InvalidSetting(
                f"{name}={value}: the provider no longer takes this value for {plan.model}. It takes {listed}"
            )


def _properties(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a model's schema, which has one of two names; an empty mapping if there is no schema."""
    schema = model.get("json_request_schema") or model.get("request_schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def _price(model: Mapping[str, Any]) -> Decimal | None:
    """Return the price of a picture in units of 0.0001 USD, or None if the model has no price. If the model has several prices,
    return the highest, because the right one is unknown before the call."""
    pricing = model.get("pricing")
    if not isinstance(pricing, dict):
        return None
    grid = pricing.get("cost_per_image_grid")
    rows = [row for row in grid.values() if isinstance(row, dict)] if isinstance(grid, dict) else []
    named = [pricing.get("cost_per_image"), *(price for row in rows for price in row.values())]
    prices = [price for price in map(parsing.read_amount, named) if price is not None]
    return _dollars_to_units(max(prices)) if prices else None


def _dollars_to_units(dollars: Decimal | None) -> Decimal | None:
    """Return whole units of 0.0001 USD. They are rounded up, so that no price above 0 becomes 0."""
    return None if dollars is None else (dollars * UNITS_PER_USD).quantize(Decimal(1), ROUND_CEILING)
