"""`darkroom models --check`: compares the catalogs with today's date and with the vendors' own lists of models. It is free.

A vendor is asked if the environment has its key (`TOPAZ_API_KEY`, `OXEN_API_KEY`, `AIMLAPI_API_KEY`). The URL is the one in
`…_BASE_URL`, or else the vendor's. No stack is needed, and nothing is submitted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from darkroom import drift
from darkroom.catalog import Catalog
from darkroom.drift import Drift, Question
from darkroom.errors import ProviderUnavailable
from darkroom.model import Estimate

AT_ONCE = 100  # the most estimates that one request asks for
PREFIXES = {"aimlapi": "topaz-labs/", "oxen": "topazlabs-"}


@dataclass(frozen=True)
class EnvironmentKeys:
    """Reads API keys from environment variables. It implements `http_client.Keys`."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def get(self, provider: str) -> str:
        """Return the provider's API key, or an empty text if the environment does not have it."""
        return self.environment.get(f"{provider.upper()}_API_KEY", "")

    def refresh(self) -> None:
        """Do nothing, because the environment of a process does not change."""


def adapter(book: Catalog, keys: EnvironmentKeys) -> Any:
    """Return the adapter for a vendor. Its URL is the one in the environment, or else the one in the catalog."""
    from darkroom.providers import http_client, registry

    url = keys.environment.get(f"{book.provider.upper()}_BASE_URL", book.base_url)
    client = http_client.new_client()
    return registry.build(book.provider, url, keys, client, http_client.tls_context)


def found(book: Catalog, vendor: Any, today: date) -> list[Drift]:
    """Return the differences between a catalog and the vendor's answers; an empty list if the vendor cannot be asked.

    Raises OperatorFault, Throttled or ProviderUnavailable if the vendor does not answer properly.
    """
    ask = ASKED.get(book.provider)
    return list(ask(book, vendor, today)) if ask else []


def _oxen(book: Catalog, vendor: Any, today: date) -> Iterator[Drift]:
    offered = vendor.offered()
    yield from drift.names(book, (name for name in offered if "video" not in name), PREFIXES["oxen"])
    for model in book.models.values():
        if model.wire in offered:
            yield from drift.schema(book, model, offered[model.wire])


def _aimlapi(book: Catalog, vendor: Any, today: date) -> Iterator[Drift]:
    yield from drift.names(book, vendor.offered(), PREFIXES["aimlapi"])


def _topaz(book: Catalog, vendor: Any, today: date) -> Iterator[Drift]:
    gone = set()
    for question, estimate in _estimates(vendor, list(drift.questions(book, today))):
        changed = drift.verdict(book, question, estimate)
        if changed is None or question.model.name in gone:
            continue
        if changed.kind is drift.Kinds.GONE:
            gone.add(question.model.name)
        yield changed


def _estimates(vendor: Any, questions: Sequence[Question]) -> Iterator[tuple[Question, Estimate | None]]:
    """Yield each question with the vendor's estimate, or with None if the vendor refuses the question.

    Many questions are sent in one request. If the vendor does not answer it, they are sent one by one, to find those that the
    vendor refuses.
    """
    for start in range(0, len(questions), AT_ONCE):
        part = questions[start : start + AT_ONCE]
        try:
            answers: Iterable[Estimate | None] = vendor.estimate_many([_sized(question) for question in part])
        except ProviderUnavailable:
            answers = [vendor.estimate_unless_refused(*_sized(question)) for question in part]
        yield from zip(part, answers, strict=True)


def _sized(question: Question) -> tuple[Any, int, int]:
    return question.plan, question.facts.width, question.facts.height


ASKED: Mapping[str, Callable[[Catalog, Any, date], Iterator[Drift]]] = {
    "aimlapi": _aimlapi,
    "oxen": _oxen,
    "topaz": _topaz,
}
