"""uwear.ai: its upscale API.

Vendor words in, our words out. What this adapter relies on, from the vendor's API reference (Create Upscale and Get All
Generations, docs.dev.uwear.ai, 2026-11): POST /generation-upscale with an `image_url` answers with a `generation_id`;
settings go as texts, to the model topaz only; results live four hours; the list comes in numbered pages that say how many
there are, its entries with their `payload`. Reading one generation, and two other shapes of the list, are as clients have
seen them. The path prefix `/api/v1` is part of the base URL, since newer pages drop it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.errors import ProcessUnknown, ProviderUnavailable, ResultNotReady, SubmitInDoubt
from darkroom.model import FoundProcess, Handle, Plan, ProcessState, Progress, SendMode, Submission
from darkroom.ports import ImageStream, ResultLink, StageResult
from darkroom.providers import http_client, parsing, payloads
from darkroom.providers.base import Adapter

NAME = "uwear"
PAGE_LIMIT = 100
MAX_PAGES = 100
GENERATION_ID = re.compile(r"[0-9]{1,18}")  # published: a whole number. Nothing else may stand in a path

STATES: Mapping[str, ProcessState] = {
    "Created": ProcessState.RUNNING,
    "Queued": ProcessState.RUNNING,
    "Ongoing": ProcessState.RUNNING,
    "Done": ProcessState.COMPLETED,
    "Error": ProcessState.FAILED,
    "Failed": ProcessState.FAILED,
}


class Uwear(Adapter):
    """Fulfils `ports.Provider`. One per container."""

    name = NAME
    usual_seconds = 10  # most are done within 5 to 20

    def submit(self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult) -> Submission:
        """POST /generation-upscale with a link to the image. Spends money; see `ports.Provider`."""
        settings = dict(plan.parameters)
        body: dict[str, Any] = {"image_url": image.link(), "model_name": settings.pop("model")}
        if settings:
            body["generation_settings"] = settings
        response = self._calls.pay(plan.endpoint, body)
        http_client.raise_for_submit(response)
        try:
            generation_id = _id_of(parsing.read_object(response))
        except ProviderUnavailable:
            generation_id = None
        if generation_id is None:
            raise SubmitInDoubt("the provider accepted without naming a generation")
        return Submission(generation_id, datetime.now(UTC) + timedelta(seconds=self.usual_seconds))

    def progress(self, process_id: str) -> Progress:
        """GET /generation/{id}. An unknown status word counts as running."""
        word = str(self._generation(process_id).get("status", ""))
        return Progress(STATES.get(word, ProcessState.RUNNING), vendor_word=word[:40])

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """The first of the generation's results that is there, opened."""
        with self._downloads.open(self._result_url(process_id), lambda: self._result_url(process_id)) as link:
            yield link

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Generations whose input is a link of the run's, oldest first. None when none is found in a list that is not known
        to be whole, or not known to name of each what it was given."""
        found: dict[str, FoundProcess] = {}
        entries, is_whole = self._listed()
        given = [_links_given(entry) for entry in entries]
        for entry, links in zip(entries, given, strict=True):
            name = next(filter(None, (payloads.handle_in(link, handle) for link in links)), None)
            if name is not None:
                process = _found(entry, name)
                found[process.process_id] = process
        # That links are told as they were sent is known once one of ours was.
        echoes = not entries or any(map(payloads.has_handle, itertools.chain(*given)))
        if not found and not (is_whole and all(given) and echoes):
            return None
        return tuple(sorted(found.values(), key=lambda process: int(process.process_id)))

    def cancel(self, process_id: str) -> bool:
        """Never: the vendor publishes no way."""
        self._generation(process_id)
        return False

    def _result_url(self, process_id: str) -> str:
        url = next(iter(_result_urls(self._generation(process_id))), None)
        if url is None:
            raise ResultNotReady("the provider does not offer the result yet")
        return url

    def _generation(self, process_id: str) -> dict[str, Any]:
        if not GENERATION_ID.fullmatch(process_id):
            raise ProcessUnknown("that is no generation of this provider")
        return parsing.read_object(self._calls.read("GET", f"generation/{process_id}"))

    def _listed(self) -> tuple[list[dict[str, Any]], bool]:
        """The list, and whether that is all of it, in whichever shape it comes. Raises ProviderUnavailable."""
        first = self._page(page=1, items_per_page=PAGE_LIMIT)
        return self._by_page(first) if isinstance(first, dict) and "data" in first else self._by_offset()

    def _by_page(self, first: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """As published: whole when its last page was reached and as much was seen as it had at the beginning."""
        seen: dict[str, dict[str, Any]] = {}
        total = parsing.read_number(first.get("total_count"))
        for number in range(1, MAX_PAGES + 1):
            body = first if number == 1 else self._page(page=number, items_per_page=PAGE_LIMIT)
            entries, last = _published(body, number)
            known = len(seen)
            seen.update((str(_id_of(entry)), entry) for entry in entries)
            if last is None or (entries and len(seen) == known):
                return [*seen.values()], False  # another page than was asked for, or one that was seen before
            if number >= last:
                return [*seen.values()], total is None or len(seen) >= total
        raise ProviderUnavailable("the provider's list of generations does not end")

    def _by_offset(self) -> tuple[list[dict[str, Any]], bool]:
        """As clients have seen it, an array or `generations` in an object: only an empty part ends a whole list."""
        seen: dict[str, dict[str, Any]] = {}
        offset = 0
        for _ in range(MAX_PAGES):
            entries = _entries(self._page(limit=PAGE_LIMIT, offset=offset))
            known = len(seen)
            seen.update((str(_id_of(entry)), entry) for entry in entries)
            if len(seen) == known:
                return [*seen.values()], not entries
            offset += len(entries)  # a part may hold fewer than were asked for
        raise ProviderUnavailable("the provider's list of generations does not end")

    def _page(self, **query: int) -> Any:
        params = {name: str(value) for name, value in query.items()}
        return http_client.read_json(self._calls.read_of_all("GET", "generations", params=params))


def _published(body: object, number: int) -> tuple[list[dict[str, Any]], int | None]:
    """A page's entries and the number of the last page; None when it is not the page of that number. Raises
    ProviderUnavailable."""
    match body:
        case {"data": list() as entries, "current_page": int(current), "max_page": int(last)}:
            is_it = current == number and (last >= number or not entries)
            return _checked(entries), last if is_it else None
    raise ProviderUnavailable("the provider's list of generations has an unknown shape")


def _entries(body: object) -> list[dict[str, Any]]:
    """The list, bare or in an object. Raises ProviderUnavailable."""
    match body:
        case {"generations": list(entries)} | list(entries):
            return _checked(entries)
    raise ProviderUnavailable("the provider's list of generations has an unknown shape")


def _checked(entries: list[Any]) -> list[dict[str, Any]]:
    if not all(isinstance(entry, dict) and _id_of(entry) is not None for entry in entries):
        raise ProviderUnavailable("the provider's list of generations has entries of an unknown shape")
    return entries


def _links_given(entry: Mapping[str, Any]) -> list[str]:
    """The links that an entry says its generation was given: in its `payload`, the request as a text (assumed), or in its
    `image_url`, unless that may be the result's: of that, an entry must tell its results."""
    url, results = entry.get("image_url"), entry.get("generation_results")
    made = {_place(url) for url in _result_urls(entry)}
    told = payloads.links_in(url) if isinstance(url, str) and isinstance(results, list) else []
    links = [*payloads.links_in(entry.get("payload")), *told]
    return [link for link in links if _place(link) not in made]


def _place(url: str) -> str:
    """Without its query, which differs from link to link."""
    return url.partition("?")[0]


def _result_urls(generation: Mapping[str, Any]) -> Iterator[str]:
    """Of the results that are there."""
    results = generation.get("generation_results")
    for result in results if isinstance(results, list) else []:
        url = result.get("image_url") if isinstance(result, dict) else None
        if isinstance(url, str) and url:
            yield url


def _id_of(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("generation_id")
    return str(value) if isinstance(value, int) and GENERATION_ID.fullmatch(str(value)) else None


def _found(entry: Mapping[str, Any], name: str) -> FoundProcess:
    state = STATES.get(str(entry.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(str(_id_of(entry)), name, state, None, parsing.read_iso(entry.get("created_at")))
