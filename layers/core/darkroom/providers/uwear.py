"""The adapter for uwear.ai's upscale API.

It relies on these facts from the vendor's API reference (Create Upscale and Get All Generations, docs.dev.uwear.ai, 2026-11):

- POST /generation-upscale with an `image_url` answers with a `generation_id`.
- Settings are sent as strings, and only to the model topaz.
- The vendor keeps results for four hours.
- The list of generations has numbered pages, and each page names the last page's number. Its entries have a `payload`.

The call that reads one generation, and two other shapes of the list, are not published. Clients have seen them.

The vendor's pages disagree about the prefix `/api/v1`: the summary says that generations are not under it, but the reference uses
it. So a submit goes to the configured base URL first. If the answer is that there is no such path, nothing was accepted, and the
submit goes to the other form of the URL, with or without the prefix. The process id then names that form. A process id without a
form is unknown only after a 404 of both forms, because the configured base URL may have changed in the meantime.
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
from darkroom.providers import http_client, link_handles, parsing
from darkroom.providers.adapter_base import Adapter
from darkroom.providers.authenticated_client import NO_SUCH_PATH

NAME = "uwear"
PAGE_LIMIT = 100
MAX_PAGES = 100
PREFIX = "/api/v1"
GENERATION_ID = re.compile(r"[0-9]{1,18}")  # the vendor documents a whole number; only such text is put into a URL path
PROCESS_ID = re.compile(r"(v1\.|root\.)?([0-9]{1,18})")  # the form of the URL that took the submit; the generation id

STATES: Mapping[str, ProcessState] = {
    "Created": ProcessState.RUNNING,
    "Queued": ProcessState.RUNNING,
    "Ongoing": ProcessState.RUNNING,
    "Done": ProcessState.COMPLETED,
    "Error": ProcessState.FAILED,
    "Failed": ProcessState.FAILED,
}


class Uwear(Adapter):
    """Calls uwear.ai; implements `ports.Provider`. There is one instance per container."""

    name = NAME
    usual_seconds = 10  # most pictures take 5 to 20 seconds

    def submit(
        self,
        plan: Plan,
        image: ImageStream,
        handle: Handle,
        stage_result: StageResult,
        callback_url: str | None = None,
    ) -> Submission:
        """POST /generation-upscale with a link to the image. Spends money; see `ports.Provider`."""
        settings = dict(plan.parameters)
        body: dict[str, Any] = {"image_url": image.link(), "model_name": settings.pop("model")}
        if settings:
            body["generation_settings"] = settings
        for base in self._bases():
            response = self._api.post_paid(plan.endpoint, body, base=base)
            if response.status_code not in NO_SUCH_PATH:
                break
        self._api.check_submit(response)
        try:
            generation_id = _generation_id(parsing.read_object(response))
        except ProviderUnavailable:
            generation_id = None
        if generation_id is None:
            raise SubmitInDoubt("the provider accepted the submit but named no generation")
        eta = datetime.now(UTC) + timedelta(seconds=self.usual_seconds)
        return Submission(self._process_id(base, generation_id), eta)

    def progress(self, process_id: str) -> Progress:
        """GET /generation/{id}. An unknown status word counts as running."""
        word = str(self._generation(process_id).get("status", ""))
        return Progress(STATES.get(word, ProcessState.RUNNING), vendor_word=word[:40])

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """GET /generation/{id} and open the first of its results."""
        with self._downloads.open(self._result_url(process_id), lambda: self._result_url(process_id)) as link:
            yield link

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Return the generations whose input is a link to the run's image, oldest first.

        Return None if nothing is found and that is no proof. This is so if the list may be incomplete, if some entry does not
        show its input link, and if no entry shows a link as Darkroom sends it.
        """
        found: dict[str, FoundProcess] = {}
        entries, is_whole, base = self._all_generations()
        given = [_input_links(entry) for entry in entries]
        for entry, links in zip(entries, given, strict=True):
            name = next(filter(None, (link_handles.find_handle(link, handle) for link in links)), None)
            if name is not None:
                process = _to_found_process(entry, name, self._process_id(base, str(_generation_id(entry))))
                found[process.process_id] = process
        # The list shows links unchanged if any entry shows a link with one of Darkroom's handles.
        echoes_links = not entries or any(map(link_handles.has_any_handle, itertools.chain(*given)))
        if not found and not (is_whole and all(given) and echoes_links):
            return None
        return tuple(sorted(found.values(), key=lambda process: int(_number(process.process_id))))

    def cancel(self, process_id: str) -> bool:
        """Return False, because the vendor publishes no way to cancel. Raises ProcessUnknown."""
        self._generation(process_id)
        return False

    def check_key(self) -> None:
        """GET a page of one entry of the list of generations, at the form of the base URL that has it."""
        for base in self._bases():
            try:
                self._read_page(base, page=1, items_per_page=1)
            except ProcessUnknown:
                continue
            return
        raise ProviderUnavailable("the provider has no list of generations: check the base URL of uwear")

    def _result_url(self, process_id: str) -> str:
        url = next(iter(_result_urls(self._generation(process_id))), None)
        if url is None:
            raise ResultNotReady("the provider does not offer the result yet")
        return url

    def _generation(self, process_id: str) -> dict[str, Any]:
        """Return the generation. It is read at the base URL whose form the process id names, or at both base URLs if it names
        none. Raises ProcessUnknown if every base URL that was asked answers with a 404."""
        known = PROCESS_ID.fullmatch(process_id)
        if known is None:
            raise ProcessUnknown("the process id is not a generation id of this provider")
        unknown = ProcessUnknown("the provider knows no such generation")
        for base in [base for base in self._bases() if known[1] in (None, _form(base))]:
            try:
                return parsing.read_object(self._api.read_process("GET", f"generation/{known[2]}", base=base))
            except ProcessUnknown as not_found:
                unknown = not_found
        raise unknown

    def _process_id(self, base: str, generation_id: str) -> str:
        return generation_id if base == self._api.base_url else f"{_form(base)}{generation_id}"

    def _bases(self) -> tuple[str, str]:
        """Return both forms of the base URL, with and without the prefix. The configured form comes first."""
        base = self._api.base_url
        return (base, base.removesuffix(PREFIX) if base.endswith(PREFIX) else base + PREFIX)

    def _all_generations(self) -> tuple[list[dict[str, Any]], bool, str]:
        """Return the list of generations, True if the list is surely complete, and the base URL that has the list.

        assumed: one list shows the generations of both forms of the URL. Raises ProviderUnavailable if neither form has a list.
        """
        for base in self._bases():
            try:
                return *self._list_generations(base), base
            except ProcessUnknown:
                continue
        raise ProviderUnavailable("the provider has no list of generations: check the base URL of uwear")

    def _list_generations(self, base: str) -> tuple[list[dict[str, Any]], bool]:
        """Return the list of generations, and True if the list is surely complete. Any of the known shapes is read. Raises
        ProcessUnknown if there is no list, ProviderUnavailable."""
        first = self._read_page(base, page=1, items_per_page=PAGE_LIMIT)
        if isinstance(first, dict) and "data" in first:
            return self._list_by_page(base, first)
        return self._list_by_offset(base)

    def _list_by_page(self, base: str, first: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """Read the list in its published shape, numbered pages. It is complete if the last page was reached and the number of
        entries is at least the `total_count` of the first page."""
        seen: dict[str, dict[str, Any]] = {}
        total = parsing.read_number(first.get("total_count"))
        for number in range(1, MAX_PAGES + 1):
            body = first if number == 1 else self._read_page(base, page=number, items_per_page=PAGE_LIMIT)
            entries, last = _parse_page(body, number)
            known = len(seen)
            seen.update((str(_generation_id(entry)), entry) for entry in entries)
            if last is None or (entries and len(seen) == known):
                return [*seen.values()], False  # this is not the requested page, or it repeats an earlier page
            if number >= last:
                return [*seen.values()], total is None or len(seen) >= total
        raise ProviderUnavailable("the provider's list of generations does not end")

    def _list_by_offset(self, base: str) -> tuple[list[dict[str, Any]], bool]:
        """Read the list in the shape that clients have seen: an array, or an object with `generations`. It is complete only if
        the last response is empty."""
        seen: dict[str, dict[str, Any]] = {}
        offset = 0
        for _ in range(MAX_PAGES):
            entries = _parse_entries(self._read_page(base, limit=PAGE_LIMIT, offset=offset))
            known = len(seen)
            seen.update((str(_generation_id(entry)), entry) for entry in entries)
            if len(seen) == known:
                return [*seen.values()], not entries
            offset += len(entries)  # a response may have fewer entries than requested
        raise ProviderUnavailable("the provider's list of generations does not end")

    def _read_page(self, base: str, **query: int) -> Any:
        params = {name: str(value) for name, value in query.items()}
        return http_client.read_json(self._api.read_process("GET", "generations", params=params, base=base))


def _form(base: str) -> str:
    """Return the prefix of process ids that names this form of the URL."""
    return "v1." if base.endswith(PREFIX) else "root."


def _number(process_id: str) -> str:
    return process_id.rpartition(".")[2]


def _parse_page(body: object, number: int) -> tuple[list[dict[str, Any]], int | None]:
    """Return the entries of a page and the number of the last page. That number is None if the body is not page `number`. Raises
    ProviderUnavailable."""
    match body:
        case {"data": list() as entries, "current_page": int(current), "max_page": int(last)}:
            is_requested = current == number and (last >= number or not entries)
            return _check_entries(entries), last if is_requested else None
    raise ProviderUnavailable("the provider's list of generations has an unknown shape")


def _parse_entries(body: object) -> list[dict[str, Any]]:
    """Return the entries of an array, or of `generations` in an object. Raises ProviderUnavailable."""
    match body:
        case {"generations": list(entries)} | list(entries):
            return _check_entries(entries)
    raise ProviderUnavailable("the provider's list of generations has an unknown shape")


def _check_entries(entries: list[Any]) -> list[dict[str, Any]]:
    if not all(isinstance(entry, dict) and _generation_id(entry) is not None for entry in entries):
        raise ProviderUnavailable("the provider's list of generations has entries of an unknown shape")
    return entries


def _input_links(entry: Mapping[str, Any]) -> list[str]:
    """Return the links to the input that an entry shows.

    The links are in `payload` (assumed: the request as text) or in `image_url`. But `image_url` may also be the link to the
    result. So it counts only if the entry lists its results and the link is none of them.
    """
    url, results = entry.get("image_url"), entry.get("generation_results")
    result_urls = {_without_query(url) for url in _result_urls(entry)}
    image_links = link_handles.find_links(url) if isinstance(url, str) and isinstance(results, list) else []
    links = [*link_handles.find_links(entry.get("payload")), *image_links]
    return [link for link in links if _without_query(link) not in result_urls]


def _without_query(url: str) -> str:
    """Return the URL without its query, which differs between two presigned links to the same file."""
    return url.partition("?")[0]


def _result_urls(generation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URLs of the generation's finished results."""
    results = generation.get("generation_results")
    for result in results if isinstance(results, list) else []:
        url = result.get("image_url") if isinstance(result, dict) else None
        if isinstance(url, str) and url:
            yield url


def _generation_id(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("generation_id")
    return str(value) if isinstance(value, int) and GENERATION_ID.fullmatch(str(value)) else None


def _to_found_process(entry: Mapping[str, Any], name: str, process_id: str) -> FoundProcess:
    state = STATES.get(str(entry.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(process_id, name, state, None, parsing.read_iso_time(entry.get("created_at")))
