"""Tests that docs/providers.md agrees with the catalogs, and with the capabilities that the contract suite tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.contract.providers_under_test import PROVIDERS_UNDER_TEST
from tests.rows import each_row
from tests.unit.template_support import ROOT

from darkroom import catalog
from darkroom.catalog import Catalog, Model
from darkroom.providers.registry import ADAPTERS, CALLBACK_READERS, CANCELLING

PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
PROVIDERS = [re.findall(r"`(\w+)`", cell)[0] for cell in ROWS[0][1:]]
TABLE = {row[0]: dict(zip(PROVIDERS, row[1:], strict=True)) for row in ROWS[2:]}
NOTE = re.compile(r"\s*\[(\d+)\]")

Fact = Callable[[Catalog, frozenset[str]], str]


def default(book: Catalog) -> Model:
    return book.models[book.default_model]


def shape(book: Catalog, capabilities: frozenset[str]) -> str:
    model = default(book)
    assert ("queue" in capabilities) is not model.is_synchronous
    assert ("synchronous" in capabilities) is (model.is_synchronous or model.synchronous_endpoint is not None)
    if model.is_synchronous:
        return "synchronous"
    return f"queue, synchronous up to {model.synchronous_max_output_mp} MP" if model.synchronous_endpoint else "queue"


def cancel(book: Catalog, capabilities: frozenset[str]) -> str:
    adapter: Any = ADAPTERS[book.provider]()
    assert adapter.can_cancel is (book.provider in CANCELLING) is ("cancel" in capabilities)
    return "yes" if adapter.can_cancel else "no"


def lookup(book: Catalog, capabilities: frozenset[str]) -> str:
    assert "list" in capabilities  # every vendor shows what was submitted, in a list or a log
    return "log" if "log" in capabilities else "list"


def calls_back(book: Catalog, capabilities: frozenset[str]) -> str:
    return "yes" if book.provider in CALLBACK_READERS else "no"


def cost(book: Catalog, capabilities: frozenset[str]) -> str:
    if "price list" in capabilities:
        assert default(book).credits is None
        assert default(book).mp_per_credit is None
        return "told by the models endpoint"
    told = {"usage": "answer", "credits": "process"}.keys() & capabilities
    return f"told by the {'answer' if 'usage' in told else 'process'}" if told else "of the catalog"


def output(book: Catalog, capabilities: frozenset[str]) -> str:
    model = default(book)
    if model.format_is_open:
        return "as it comes"
    return "chosen" if len(model.output_formats) == 3 else f"chosen, {' or '.join(sorted(model.output_formats))}"


def unit(book: Catalog, capabilities: frozenset[str]) -> str:
    price = f"{book.credit_price_usd:f} USD"
    return price if book.unit == price else f"{book.unit}, {price}"


FACTS: dict[str, Fact] = {
    "Input": lambda book, capabilities: ", ".join(default(book).inputs),
    "Shape": shape,
    "Cancel": cancel,
    "Lookup of a lost submit": lookup,
    "Calls back": calls_back,
    "Cost": cost,
    "Unit": unit,
    "Account compared": lambda book, capabilities: "yes" if "account" in capabilities else "no",
    "Format of the result": output,
    "Largest file": lambda book, capabilities: f"{book.max_upload_bytes:,} bytes",
    "Result kept": lambda book, capabilities: f"{book.result_retention_hours} h",
    "A lost submit shows within": lambda book, capabilities: f"{book.visibility_grace_seconds:,} s",
    "A link is good for": lambda book, capabilities: f"{book.link_seconds:,} s",
    "Default model": lambda book, capabilities: book.default_model,
}


def test_the_page_has_every_provider_and_every_fact_once() -> None:
    assert sorted(PROVIDERS) == sorted(ADAPTERS) == sorted(catalog.providers())
    assert TABLE.keys() == FACTS.keys()
    assert len(ROWS) == len(TABLE) + 2


@each_row("provider", PROVIDERS)
@each_row("fact", FACTS)
def test_a_cell_is_what_the_code_does(fact: str, provider: str) -> None:
    said = NOTE.sub("", TABLE[fact][provider]).removesuffix(", by us")
    assert said == FACTS[fact](catalog.load(provider), PROVIDERS_UNDER_TEST[provider].capabilities)


def test_every_footnote_is_cited_and_every_citation_has_its_footnote() -> None:
    cited = {number for row in ROWS for cell in row for number in NOTE.findall(cell)}
    assert cited == set(re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE))
