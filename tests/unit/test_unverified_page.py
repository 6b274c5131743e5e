"""Tests that docs/unverified.md names every fact of the catalogs that no official page gives, and says what settles it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.rows import each_row

from darkroom import catalog
from darkroom.catalog import Model

PAGE = (Path(__file__).parents[2] / "docs/unverified.md").read_text(encoding="utf-8")
ROWS = [tuple(row.strip("| ").split(" | ")) for row in PAGE.splitlines() if row.startswith("| ")][1:]
NAMES = {"Topaz": "topaz", "Oxen.ai": "oxen", "uwear.ai": "uwear", "AI/ML API": "aimlapi"}
FIRM = ("(official)", "(ours)")
# What a row is about → where a model's source for it is.
TOPICS: dict[str, Callable[[Model], str]] = {
    "price": lambda model: model.price_source,
    "limits": lambda model: model.limits_source,
    "enlarge": lambda model: model.size_source if model.factor != 1 and not model.factor_parameter else "",
}
MODELS = [(provider, model) for provider in catalog.providers() for model in catalog.load(provider).models.values()]


def doubts(provider: str, topic: str = "") -> str:
    """Return the doubts about a provider that are about a topic."""
    return "\n".join(doubt for doubt, *_ in ROWS if NAMES[doubt.partition(":")[0]] == provider and topic in doubt)


def is_named(model: Model, said: str) -> bool:
    """Whether a text names the model, its endpoint or all models."""
    endpoint = model.endpoint.removesuffix("/async")
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said) for name in (model.name, endpoint)) or (
        "both models" in said or "its models" in said
    )


@each_row(("provider", "model"), MODELS, ids=lambda value: getattr(value, "name", value))
def test_what_no_official_page_says_of_a_model_is_named(provider: str, model: Model) -> None:
    weak = [topic for topic, source in TOPICS.items() if source(model) and not source(model).endswith(FIRM)]
    assert [topic for topic in weak if not is_named(model, doubts(provider, topic))] == []
    assert not model.doubt or is_named(model, doubts(provider))


@each_row("row", ROWS, ids=lambda row: row[0][:40])
def test_each_doubt_says_what_happens_meanwhile_and_what_settles_it(row: tuple[str, ...]) -> None:
    doubt, meanwhile, settles = row
    assert doubt.partition(":")[0] in NAMES
    assert meanwhile
    assert settles.startswith(("free: ", "one credit", "one picture"))


def test_the_page_names_no_model_that_a_catalog_lacks() -> None:
    known = {model.name for _, model in MODELS}
    said = set(
        re.findall(r"\btopazlabs-[\w-]+|\b(?:Wonder|Bloom|Super Focus|Denoise) (?:[\d.]+|Realism|Max|Extreme)", PAGE)
    )
    assert {name.rstrip(".") for name in said} <= known
