"""uwear.ai: its upscale API.

Vendor words in, our words out. What this adapter relies on, from the Create Upscale page of the vendor's API reference
(2026-11): POST /generation-upscale with an `image_url` answers with a `generation_id`; settings go as texts, to the model
topaz only; results live four hours. Reading generations and their list is as clients have seen it. The path prefix
`/api/v1` is part of the base URL, since newer pages drop it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.errors import ProcessUnknown, ProviderUnavailable, ResultNotReady, SubmitInDoubt
from darkroom.model import FoundProcess, Handle, Manner, Plan, ProcessState, Progress, Submission
from darkroom.ports import ImageStream, Keep, ResultLink
from darkroom.providers import answers, bodies, http
from darkroom.providers.adapter import Adapter

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

    def submit(self, plan: Plan, image: ImageStream, handle: Handle, keep: Keep) -> Submission:
        """POST /generation-upscale with a link to the image. Spends money; see `ports.Provider`."""
        settings = dict(plan.parameters)
        body: dict[str, Any] = {"image_url": image.link(), "model_name": settings.pop("model")}
        if settings:
            body["generation_settings"] = settings
        response = self._calls.pay(plan.endpoint, body)
        http.raise_for_submit(response)
        try:
            generation_id = _id_of(answers.read_object(response))
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
        """The first of the generation's results, opened."""
        with self._downloads.open(self._result_url(process_id), lambda: self._result_url(process_id)) as link:
            yield link

    def find(self, handle: Handle, manner: Manner, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Generations whose input is a link of the run's, oldest first. None when none is found in a list that does not say
        of each what it was given."""
        found: dict[str, FoundProcess] = {}
        says_all = True
        for entry in self._listed():
            says_all = says_all and "image_url" in entry
            name = bodies.handle_in(entry.get("image_url"), handle)
            if name is not None:
                process = _found(entry, name)
                found[process.process_id] = process
        if not found and not says_all:
            return None
        return tuple(sorted(found.values(), key=lambda process: int(process.process_id)))

    def cancel(self, process_id: str) -> bool:
        """Never: the vendor publishes no way."""
        self._generation(process_id)
        return False

    def _result_url(self, process_id: str) -> str:
        match self._generation(process_id).get("generation_results"):
            case [{"image_url": str(url)}, *_]:
                return url
        raise ResultNotReady("the provider does not offer the result yet")

    def _generation(self, process_id: str) -> dict[str, Any]:
        if not GENERATION_ID.fullmatch(process_id):
            raise ProcessUnknown("that is no generation of this provider")
        return answers.read_object(self._calls.read("GET", f"generation/{process_id}"))

    def _listed(self) -> Iterator[Mapping[str, Any]]:
        """Every entry, or ProviderUnavailable: half a list would prove a payment away. Pages end when nothing new comes."""
        seen: set[str] = set()
        for number in range(MAX_PAGES):
            page = {"limit": str(PAGE_LIMIT), "offset": str(number * PAGE_LIMIT)}
            entries = _entries(http.read_json(self._calls.read_of_all("GET", "generations", params=page)))
            fresh = [entry for entry in entries if _id_of(entry) not in seen]
            if not fresh:
                return
            yield from fresh
            seen |= {str(_id_of(entry)) for entry in fresh}
        raise ProviderUnavailable("the provider's list of generations does not end")


def _entries(body: object) -> list[dict[str, Any]]:
    """The list, bare or in an object. Raises ProviderUnavailable."""
    match body:
        case {"generations": list(entries)} | list(entries):
            pass
        case _:
            raise ProviderUnavailable("the provider's list of generations has an unknown shape")
    if not all(isinstance(entry, dict) and _id_of(entry) is not None for entry in entries):
        raise ProviderUnavailable("the provider's list of generations has entries of an unknown shape")
    return entries


def _id_of(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("generation_id")
    return str(value) if isinstance(value, int) and GENERATION_ID.fullmatch(str(value)) else None


def _found(entry: Mapping[str, Any], name: str) -> FoundProcess:
    state = STATES.get(str(entry.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(str(_id_of(entry)), name, state, None, answers.read_iso(entry.get("created_at")))
