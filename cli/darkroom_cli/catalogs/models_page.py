"""Makes the page docs/models.md from the catalogs. The page lists the models and parameters of every provider.

`python -m darkroom_cli.models_page FILE` writes the page. All facts about a provider come from its catalog.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from darkroom import catalog
from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom_cli.catalogs import wording
from darkroom_cli.catalogs.wording import Citations, amount
from darkroom_cli.console.errors import visible

FEW = 2  # a row says "except" for at most so many models; if there are more, it names the models that accept the key

HEAD = f"""# Models and parameters

This page lists what each provider's models take, cost and give. Darkroom checks every upload against it before anything
is spent. `make docs` makes this page from the [catalogs](../layers/core/darkroom/catalog): change the catalogs, not the
page. `darkroom models` shows the same in a terminal. [settings.md](settings.md) says how to set a key, and which keys are
Darkroom's own.

- **Price**: `1 credit a 24 MP` counts the megapixels of the result. Every 24 MP cost one credit, and a part of 24 MP
  costs as much as a whole. `{wording.ESTIMATE}` means that Darkroom asks the vendor before it reserves credits.
- **Size**: with `sides`, the keys `output_width`, `output_height` or `scale` set the size; without them, Darkroom asks
  for the picture's own size. With `2x, 4x`, the keys `upscale_factor` or `scale` choose one of these factors. With any
  other entry, the size cannot be set.
- **Output**: the formats of the result. `output_format` chooses one of them, where the model takes that key. Without it,
  the result has the image's own format if that is in the list, and otherwise the first format in the list.
- **Sent by**: the ways in which the image reaches the vendor. `input_by` chooses one; the first is the default.
- **Synchronous**: `{wording.ON_REQUEST}` means with `synchronous=true`. `{wording.ALWAYS}` means that the
  model has no other way.
- **Default**: what the vendor does if the key is not set. If the key is required, Darkroom sends this value instead. An
  empty cell means that the vendor chooses. Darkroom always sends `output_format`.

The table of models with a date or a doubt gives the days that pages announce. Before a model's day, Darkroom runs
its jobs and says when it retires. From that day on, it refuses them unpaid and names the successor, or takes the
successor if `retired=replace` is set. Where the stack's `DefaultSettings` name the model, uploads wait until these are
corrected. If pages give two days, the earlier one only warns. What stands under Doubtful has not been verified by
anybody: try it with one picture first.

Sources have numbers, with a list for each provider. `3, price 1` means that the price comes from source 1 and
everything else in the row from source 3.
"""


def reference() -> str:
    """Return the whole page. The same catalogs give the same page."""
    return "\n".join([HEAD, *(_provider(catalog.load(name)) for name in catalog.providers())])


def _provider(book: Catalog) -> str:
    citations = Citations()
    parts = [
        f"## {_text(book.provider)}",
        "\n".join(_account(book, citations)),
        f"### {_text(book.provider)}: models",
        _models(book, citations),
        *_ages(book, citations),
        f"### {_text(book.provider)}: parameters",
        _parameters(book, citations),
        f"### {_text(book.provider)}: sources",
        "\n".join(f"{number}. {_text(citation)}" for number, citation in citations),
    ]
    return "\n\n".join(parts) + "\n"


def _account(book: Catalog, citations: Citations) -> Iterable[str]:
    """Yield a line for each fact about the provider, with its source, and a line for each fact that all its models share."""
    facts = {
        "credit_price_usd": f"Price of one: {wording.price_of_one(book)}, unless the stack's `CreditPriceUsd` says "
        "otherwise",
        "max_request_bytes": f"Largest file: {wording.largest_file(book)}",
        "turns_pixels": f"EXIF orientation: the vendor {'turns the pixels' if book.turns_pixels else 'ignores it'}",
        "result_retention_hours": f"Results can be fetched for {wording.retention(book)}",
    }
    yield f"- Default model: {_code(book.default_model)}"
    yield f"- Unit of its account: {_text(book.unit)}"
    for name, words in facts.items():
        source = book.sources.get(name)
        yield f"- {words}{f' [{citations.number(source)}]' if source else ''}"
    for heading, words in _common(book).items():
        yield f"- {heading}: {words}"


COLUMNS: Mapping[str, Callable[[Model], str]] = {
    "Input": lambda model: wording.formats(model.input_formats),
    "Output": lambda model: _text(wording.output(model)),
    "Largest input / output, MP": wording.megapixels,
    "Largest side, pixels": lambda model: amount(model.max_side_pixels),
    "Sent by": lambda model: _text(wording.inputs(model)),
    "Synchronous": wording.synchronous,
}


def _common(book: Catalog) -> Mapping[str, str]:
    """Return the headings of the columns that have the same value for every model, each with this value."""
    said = {heading: {words(model) for model in book.models.values()} for heading, words in COLUMNS.items()}
    return {heading: words.pop() for heading, words in said.items() if len(words) == 1}


def _models(book: Catalog, citations: Citations) -> str:
    """Return the table of models. Models that differ only in their name share a row."""
    common = _common(book)
    shown = [heading for heading in COLUMNS if heading not in common]
    rows: dict[tuple[str, ...], list[str]] = {}
    for model in book.models.values():
        facts = (
            _text(wording.section(model)), _text(wording.price(book, model)), _text(wording.size(model)),
            *(COLUMNS[heading](model) for heading in shown), _sources(model, citations),
        )  # fmt: skip
        name = _code(model.name) + (" (default)" if model.name == book.default_model else "")
        rows.setdefault(facts, []).append(name)
    return _table(
        ["Endpoint", "Models", "Price", "Size", *shown, "Sources"],
        [[facts[0], ", ".join(names), *facts[1:]] for facts, names in rows.items()],
    )


def _ages(book: Catalog, citations: Citations) -> list[str]:
    """Return a section about models that came or retire on an announced day, and about doubtful models.

    Return an empty list if there are no such models.
    """
    rows = []
    for model in book.models.values():
        life = model.lifecycle
        since = f"{life.since.on.isoformat()} [{citations.number(life.since.source)}]" if life.since else ""
        ends = " or ".join(f"{each.on.isoformat()} [{citations.number(each.source)}]" for each in life.retires)
        by = f"{_code(life.replaced_by)} [{citations.number(life.replaced_by_source)}]" if life.replaced_by else ""
        if since or ends or model.doubt:
            rows.append([_code(model.name), since, ends, by, _text(model.doubt)])
    heading = f"### {_text(book.provider)}: models with a date or a doubt"
    return [heading, _table(["Model", "Since", "Retires", "Replaced by", "Doubtful"], rows)] if rows else []


def _sources(model: Model, citations: Citations) -> str:
    """Return the number of the model's source. Add the sources of price, limits, size and synchronous use that differ."""
    own = citations.number(model.source)
    named = {"price": model.price_source, "limits": model.limits_source, "size": model.size_source}
    if model.synchronous_endpoint:
        named["synchronous"] = model.synchronous_source
    others = {what: citations.number(source) for what, source in named.items()}
    return ", ".join([f"{own}", *(f"{what} {number}" for what, number in others.items() if number != own)])


def _parameters(book: Catalog, citations: Citations) -> str:
    """Return the table of parameters.

    Keys that have the same values for the same models share a row. A key whose values depend on the model has several rows.
    """
    takers: dict[tuple[str, tuple[str, ...]], list[Model]] = {}
    for model in book.models.values():
        for parameter in model.parameters.values():
            takers.setdefault((parameter.name, _said(parameter, citations)), []).append(model)
    rows: dict[tuple[str, ...], list[str]] = {}
    order = [name for model in book.models.values() for name in model.parameters]
    for (name, (value, default, source)), models in sorted(takers.items(), key=lambda entry: order.index(entry[0][0])):
        rows.setdefault((value, _who(book, name, models), default, source), []).append(_code(name))
    if not rows:
        return "None."
    return _table(
        ["Key", "Value", "Models", "Default", "Source"],
        [[", ".join(names), *facts] for facts, names in rows.items()],
    )


def _said(parameter: Parameter, citations: Citations) -> tuple[str, str, str]:
    """Return three cells for a parameter: its values, its default and its source."""
    is_choice = parameter.kind is Kind.CHOICE
    words = ", ".join(map(_code, parameter.choices)) if is_choice else _text(wording.value(parameter))
    default = "" if parameter.default is None else _code(parameter.default)
    return f"{words}; required" if parameter.required else words, default, f"{citations.number(parameter.source)}"


def _who(book: Catalog, name: str, models: Sequence[Model]) -> str:
    """Return a short text that names the models: `all`, names of endpoints, an endpoint except a few models, or model names."""
    if len(models) == len(book.models):
        return "all"
    taken = {model.name for model in models}
    sections: dict[str, list[str]] = {}
    for model in book.models.values():
        sections.setdefault(wording.section(model), []).append(model.name)
    whole: list[str] = []
    named: list[str] = []
    for section, members in sections.items():
        outside = [member for member in members if member not in taken]
        inside = [member for member in members if member in taken]
        if inside and not outside and len(sections) > 1:
            whole.append(_text(section))
        elif len(outside) <= min(FEW, len(inside) - FEW) and len(sections) > 1:
            whole.append(f"{_text(section)} except {', '.join(map(_code, outside))}")
        else:
            named += map(_code, inside)
    return "; ".join(filter(None, [", ".join(whole), ", ".join(named)]))


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruled = [headings, ["---"] * len(headings), *rows]
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in cells) for cells in ruled]
    return "\n".join([lines[0], lines[1].replace(" ", ""), *lines[2:]])


def _text(words: object) -> str:
    """Escape a text of a catalog for Markdown. The result is also safe in a cell of a table."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in visible(words))


def _code(words: object) -> str:
    """Return a text of a catalog as Markdown code. The character | is escaped, because it would end a cell of a table."""
    return f"`{visible(words).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
