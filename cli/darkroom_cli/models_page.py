"""The page docs/models.md: every provider's models and parameters, made from the catalogs alone.

`python -m darkroom_cli.models_page FILE` writes it. It must not say anything of one provider that its catalog does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from darkroom import catalog
from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom_cli import catalog_wording
from darkroom_cli.catalog_wording import Citations, amount
from darkroom_cli.error_handling import visible

FEW = 2  # so many exceptions are named as such; of more, those that take it are named

HEAD = f"""# Models and parameters

What each provider's models take, cost and give, as Darkroom checks it before anything is spent. `make docs` makes this
page from the [catalogs](../layers/core/darkroom/catalog): change those, not this. `darkroom models` says the same in a
terminal. How to set a key, and the keys that are Darkroom's own: [settings.md](settings.md).

- **Price**: `1 credit a 24 MP` counts the megapixels of the result: each begun 24 cost one, and a job at least one.
  `{catalog_wording.ESTIMATE}`: the vendor is asked before the job is reserved.
- **Size**: `sides`: `output_width`, `output_height` or `scale` choose it; without them the picture's own size is asked
  for. `2x, 4x`: `upscale_factor` or `scale` choose one of these. Else nothing does.
- **Output**: the formats that come back; `output_format`, where the model takes it, chooses among them. Unless it is set,
  the result has the image's format if that is among them, else the first.
- **Sent by**: what `input_by` chooses between; the first unless it is set.
- **Synchronous**: `{catalog_wording.ON_REQUEST}`: with `synchronous=true`.
  `{catalog_wording.ALWAYS}`: the model knows nothing else.
- **Default**: what the vendor does when it is not told; of a required key, what Darkroom tells it then. Where there is
  none, the vendor chooses by itself. `output_format` is always told.

Sources are numbered, a list for each provider. A row with several, as in `3, price 1`, has its price from another
source than the rest.
"""


def reference() -> str:
    """The whole page, the same for the same catalogs."""
    return "\n".join([HEAD, *(_provider(catalog.load(name)) for name in catalog.providers())])


def _provider(book: Catalog) -> str:
    citations = Citations()
    parts = [
        f"## {_text(book.provider)}",
        "\n".join(_account(book, citations)),
        f"### {_text(book.provider)}: models",
        _models(book, citations),
        f"### {_text(book.provider)}: parameters",
        _parameters(book, citations),
        f"### {_text(book.provider)}: sources",
        "\n".join(f"{number}. {_text(citation)}" for number, citation in citations),
    ]
    return "\n\n".join(parts) + "\n"


def _account(book: Catalog, citations: Citations) -> Iterable[str]:
    """What holds for the whole account, each with its source, then what all models have in common."""
    facts = {
        "credit_price_usd": f"Price of one: {catalog_wording.price_of_one(book)}, unless the stack's `CreditPriceUsd` says "
        "otherwise",
        "max_request_bytes": f"Largest file: {catalog_wording.largest_file(book)}",
        "result_retention_hours": f"Results can be fetched for {catalog_wording.retention(book)}",
    }
    yield f"- Default model: {_code(book.default_model)}"
    yield f"- Unit of its account: {_text(book.unit)}"
    for name, words in facts.items():
        source = book.sources.get(name)
        yield f"- {words}{f' [{citations.number(source)}]' if source else ''}"
    for heading, words in _common(book).items():
        yield f"- {heading}: {words}"


COLUMNS: Mapping[str, Callable[[Model], str]] = {
    "Input": lambda model: catalog_wording.formats(model.input_formats),
    "Output": lambda model: _text(catalog_wording.output(model)),
    "Largest input / output, MP": catalog_wording.megapixels,
    "Largest side, pixels": lambda model: amount(model.max_side_pixels),
    "Sent by": lambda model: _text(catalog_wording.inputs(model)),
    "Synchronous": catalog_wording.synchronous,
}


def _common(book: Catalog) -> Mapping[str, str]:
    """The columns that would say the same in every row, and what they would say."""
    said = {heading: {words(model) for model in book.models.values()} for heading, words in COLUMNS.items()}
    return {heading: words.pop() for heading, words in said.items() if len(words) == 1}


def _models(book: Catalog, citations: Citations) -> str:
    """One row for models that differ in name only."""
    common = _common(book)
    shown = [heading for heading in COLUMNS if heading not in common]
    rows: dict[tuple[str, ...], list[str]] = {}
    for model in book.models.values():
        facts = (
            _text(catalog_wording.section(model)), _text(catalog_wording.price(book, model)), _text(catalog_wording.size(model)),
            *(COLUMNS[heading](model) for heading in shown), _sources(model, citations),
        )  # fmt: skip
        name = _code(model.name) + (" (default)" if model.name == book.default_model else "")
        rows.setdefault(facts, []).append(name)
    return _table(
        ["Endpoint", "Models", "Price", "Size", *shown, "Sources"],
        [[facts[0], ", ".join(names), *facts[1:]] for facts, names in rows.items()],
    )


def _sources(model: Model, citations: Citations) -> str:
    """The source of the model, then of its price, limits, size and synchronous use where those are others."""
    own = citations.number(model.source)
    named = {"price": model.price_source, "limits": model.limits_source, "size": model.size_source}
    if model.synchronous_endpoint:
        named["synchronous"] = model.synchronous_source
    others = {what: citations.number(source) for what, source in named.items()}
    return ", ".join([f"{own}", *(f"{what} {number}" for what, number in others.items() if number != own)])


def _parameters(book: Catalog, citations: Citations) -> str:
    """One row for what is taken alike by the same models; a key has several where its range depends on the model."""
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
    """Value, default and source of a parameter as its row says them."""
    is_choice = parameter.kind is Kind.CHOICE
    words = ", ".join(map(_code, parameter.choices)) if is_choice else _text(catalog_wording.value(parameter))
    default = "" if parameter.default is None else _code(parameter.default)
    return f"{words}; required" if parameter.required else words, default, f"{citations.number(parameter.source)}"


def _who(book: Catalog, name: str, models: Sequence[Model]) -> str:
    """Those models in few words: all, whole endpoints, an endpoint without a few, or by name."""
    if len(models) == len(book.models):
        return "all"
    taken = {model.name for model in models}
    sections: dict[str, list[str]] = {}
    for model in book.models.values():
        sections.setdefault(catalog_wording.section(model), []).append(model.name)
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
    """A catalog's text as Markdown that says just that, also in a table's cell."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in visible(words))


def _code(words: object) -> str:
    """The same as code; a bar ends a cell even there."""
    return f"`{visible(words).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
