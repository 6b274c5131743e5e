"""Shows catalogs as tables for people and as JSON for programs. The caller chooses which catalogs and models are shown.

Many people may edit the files of the catalogs. So every cell is escaped, and rich reads no markup in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from darkroom.catalog import Catalog, Model, Parameter
from darkroom.catalog.parameter_values import describe_allowed
from darkroom_cli.catalogs import wording
from darkroom_cli.catalogs.wording import Citations, amount
from darkroom_cli.console.errors import visible
from darkroom_cli.console.fitted_table import FittedTable


def providers_table(books: Iterable[Catalog]) -> FittedTable:
    """Return a table with a row for each provider."""
    table = _listing("provider", "unit", "price of one", "default model", "models", "results kept", "largest file")
    for book in books:
        _add(
            table,
            book.provider,
            book.unit,
            wording.price_of_one(book),
            book.default_model,
            len(book.models),
            wording.retention(book),
            wording.largest_file(book),
        )
    return FittedTable(table)


def models_table(book: Catalog) -> FittedTable:
    """Return a table with a row for each model of the provider.

    The columns `retires` and `doubtful` are only there if a model has something in them.
    """
    ages: dict[str, Callable[[Model], str]] = {"retires": wording.end, "doubtful": lambda model: model.doubt}
    told = {name: say for name, say in ages.items() if any(map(say, book.models.values()))}
    table = _listing("model", "price", "input", "output", "size", "MP in / out", "sent by", "synchronous", *told)
    for model in book.models.values():
        _add(
            table,
            f"{model.name} (default)" if model.name == book.default_model else model.name,
            wording.price(book, model),
            wording.formats(model.input_formats),
            wording.output(model),
            wording.size(model),
            wording.megapixels(model),
            wording.inputs(model),
            wording.synchronous(model),
            *(say(model) for say in told.values()),
        )
    return FittedTable(table)


def model_page(book: Catalog, model: Model) -> Group:
    """Return all facts about a model, its parameters, and the numbered sources that facts and parameters refer to."""
    citations = Citations()
    facts, parameters = _facts(book, model, citations), _parameters(model, citations)
    return Group(facts, parameters, _sources(citations))


def _facts(book: Catalog, model: Model, citations: Citations) -> Table:
    own, price, limits = model.source, model.price_source, model.limits_source
    facts: dict[str, tuple[str, str | None]] = {
        "provider": (book.provider, None),
        "model": (model.name, own),
        "sent as": (model.wire, own),
        "endpoint": (wording.section(model), own),
        "price": (wording.price(book, model), price),
        "price of one": (wording.price_of_one(book), book.sources.get("credit_price_usd")),
        "input": (wording.formats(model.input_formats), own),
        "output": (wording.output(model), own),
        "size": (wording.size(model), model.size_source),
        "MP in / out": (wording.megapixels(model), limits),
        "largest side": (f"{amount(model.max_side_pixels)} pixels", limits),
        "largest file": (wording.largest_file(book), book.sources.get("max_request_bytes")),
        "results kept": (wording.retention(book), book.sources.get("result_retention_hours")),
        "sent by": (wording.inputs(model), own),
        "synchronous": (wording.synchronous(model), model.synchronous_source),
        **_life(model),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim", no_wrap=True)
    for name, (words, source) in facts.items():
        _add(table, name, words, f"[{citations.number(source)}]" if source else "")
    return table


def _life(model: Model) -> dict[str, tuple[str, str | None]]:
    """Return the days on which the model came or retires, its successor and its doubts. Unknown facts are left out."""
    life = model.lifecycle
    facts: dict[str, tuple[str, str | None]] = {}
    if life.since:
        facts["since"] = (wording.since(model), life.since.source)
    for number, announcement in enumerate(life.retires):
        facts["or retires" if number else "retires"] = (announcement.on.isoformat(), announcement.source)
    if life.replaced_by:
        facts["replaced by"] = (life.replaced_by, life.replaced_by_source)
    if model.doubt:
        facts["doubtful"] = (model.doubt, None)
    return facts


def _parameters(model: Model, citations: Citations) -> FittedTable:
    table = _listing("parameter", "sent as", "takes", "default", "required", "source")
    for parameter in model.parameters.values():
        _add(
            table,
            parameter.name,
            wording.wire(parameter),
            describe_allowed(parameter),
            parameter.default or "",
            "yes" if parameter.required else "",
            f"[{citations.number(parameter.source)}]",
        )
    if not model.parameters:
        _add(table, "takes none", *[""] * 5)
    return FittedTable(table)


def _sources(citations: Citations) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for number, citation in citations:
        _add(table, f"[{number}]", citation)
    return table


def provider_facts(book: Catalog) -> dict[str, object]:
    """Return the facts about a provider as JSON values. `models` are names. `sources` maps the name of a fact to its source."""
    return {
        "provider": book.provider,
        "unit": book.unit,
        "credit_price_usd": _number(book.credit_price_usd),
        "default_model": book.default_model,
        "models": list(book.models),
        "result_retention_hours": book.result_retention_hours,
        "max_file_bytes": book.max_upload_bytes,
        "sources": dict(book.sources),
    }


def model_facts(book: Catalog, model: Model) -> dict[str, object]:
    """Return the facts about a model as JSON values. Every model has the same keys. A key without a value is null."""
    return {
        "provider": book.provider,
        "model": model.name,
        "wire_name": model.wire,
        "endpoint": model.endpoint,
        "is_default": model.name == book.default_model,
        "credits": _number(wording.credits(model)),
        "mp_per_credit": _number(model.mp_per_credit),
        "input_formats": [form.value for form in model.input_formats],
        "output_formats": [form.value for form in model.output_formats],
        "output_format_is_open": model.format_is_open,
        "takes_sides": model.takes_size,
        "factor": _number(model.factor),
        "factors": [_number(factor) for factor in model.factors.values()],
        "max_scale": _number(model.max_scale),
        "max_input_mp": _number(model.max_input_mp),
        "max_output_mp": _number(model.max_output_mp),
        "max_side_pixels": model.max_side_pixels,
        "inputs": list(model.inputs),
        "synchronous": wording.when_synchronous(model),
        "max_synchronous_output_mp": _number(model.synchronous_max_output_mp),
        "since": wording.since(model) or None,
        "retires": [{"on": each.on.isoformat(), "source": each.source} for each in model.lifecycle.retires],
        "replaced_by": model.lifecycle.replaced_by,
        "doubt": model.doubt or None,
        "sources": {
            "model": model.source,
            "price": model.price_source,
            "limits": model.limits_source,
            "size": model.size_source,
            "synchronous": model.synchronous_source,
        },
        "parameters": [_parameter_facts(parameter) for parameter in model.parameters.values()],
    }


def _parameter_facts(parameter: Parameter) -> Mapping[str, object]:
    return {
        "name": parameter.name,
        "wire_name": parameter.wire,
        "wire_values": dict(parameter.wire_values),
        "kind": parameter.kind.value,
        "minimum": _number(parameter.minimum),
        "maximum": _number(parameter.maximum),
        "max_length": parameter.max_length,
        "choices": list(parameter.choices),
        "default": parameter.default,
        "required": parameter.required,
        "source": parameter.source,
    }


def _number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _listing(*names: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _add(table: Table, *cells: object) -> None:
    table.add_row(*(Text(visible(cell)) for cell in cells))
