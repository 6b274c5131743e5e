"""Reads each provider's catalog file, `<provider>.toml`, into frozen dataclasses.

A catalog holds a vendor's published models, parameters, ranges, prices and limits, each with a source and a date. The loader
reads only the packaged files. It must not decide anything about an upload.

The tables of a file:

- `[sources]` maps short names to citations, each with its date and, in brackets, its strength: `official`, `several clients`,
  `one client`, `assumed` or `ours`. Every fact names its citation in `source`. If the citation of the price, the limits, the size
  or the synchronous call is another one, `price_source`, `limits_source`, `size_source` or `synchronous_source` names it.
- `[spelling]` says how the vendor writes setting names with several words. `settings` is `snake`, `camel` or `both`. `fixed`
  lists the parameters that are always written as in the catalog. Without this table, all parameters are.
- `[orientation]` says with `turns_pixels` whether the vendor turns the pixels of a picture by its EXIF orientation
  (the default), or ignores the tag.
- `[endpoints.x]` holds the facts that the endpoint's models share.
- `[[models]]` has one entry for each model. An entry may add parameters (`parameters = [names]`), leave out parameters of its
  endpoint (`leaves_out = [names]`), replace any fact of its endpoint, and have a `wire_name`, the vendor's name for the model.
  The endpoint and the model may each change a shared parameter (`overrides = { name = { maximum = … } }`). `doubt` says what
  nobody has verified about the model.
- `[parameters.x]` describes a parameter. `x` is our name for it. `needs = { other = "value" }` names other parameters that the
  vendor requires if this one is true, and the values that Darkroom sends if nobody sets them.

These keys of a model give its announced days: `since = { on = DAY, source = "…" }`; `retires = [{ on = DAY, source = "…" }, …]`
with one entry for each page that gives a day; `replaced_by = "another model"` with `replaced_by_source`. A key is left out if no
page says anything.

The keys of an endpoint or a model:

- `path`: the endpoint's path below the vendor's base URL.
- `mp_per_credit`, `credits`: the price. With `mp_per_credit`, each step of so many megapixels of output costs `credits` (default
  1). With `credits` alone, each job costs `credits`. With neither key, only the vendor's estimate gives the price.
- `max_input_mp`, `max_output_mp`, `max_side_pixels`, `max_scale`: the limits.
- `input_formats`, `output_formats`: default jpeg, png, tiff. `format_is_open = true` if the vendor does not say beforehand
  which of its output formats the result has.
- `inputs`: `upload`, `link` or both, the preferred one first.
- `is_synchronous = true` if `path` is synchronous. `synchronous_path` and `synchronous_max_output_mp` describe a synchronous
  path that exists besides an asynchronous one.
- `factor_parameter`: the parameter whose choices (`2x`) say how much the model enlarges. `factor`: the factor of a model that
  always enlarges by the same factor.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from darkroom.catalog.facts import (
    UPLOAD,
    Announcement,
    Catalog,
    Kind,
    Lifecycle,
    Model,
    Parameter,
    normalize_name,
)
from darkroom.model import RESULT_FORMATS, ImageFormat, Spelling


@cache
def providers() -> tuple[str, ...]:
    """Return the names of the providers that have a catalog, sorted."""
    entries = resources.files("darkroom.catalog").iterdir()
    return tuple(sorted(entry.name[: -len(".toml")] for entry in entries if entry.name.endswith(".toml")))


@cache
def load(provider: str) -> Catalog:
    """Return the provider's catalog. Its file is read once. Raises KeyError if `providers()` does not have the name."""
    if provider not in providers():
        raise KeyError(provider)
    return parse(resources.files("darkroom.catalog").joinpath(f"{provider}.toml").read_text(encoding="utf-8"))


def providers_with(model: str) -> list[str]:
    """Return the names of the providers that have a model of that name, sorted. The spelling counts as in `find_model`."""
    return [name for name in providers() if load(name).find_model(model)]


def parse(text: str) -> Catalog:
    """Return the catalog that a TOML text describes. Raises KeyError or ValueError if the text breaks the format above."""
    data = tomllib.loads(text, parse_float=Decimal)
    limits = data["limits"]
    models = [_model(entry, data) for entry in data["models"]]
    catalog = Catalog(
        provider=data["provider"],
        unit=data["unit"],
        credit_price_usd=Decimal(data["price"]["credit_price_usd"]),
        default_model=data["default_model"],
        result_retention_hours=limits["result_retention_hours"],
        max_upload_bytes=limits["max_request_bytes"] - limits.get("multipart_allowance_bytes", 0),
        visibility_grace_seconds=limits["visibility_grace_seconds"],
        list_reach_hours=limits["list_reach_hours"],
        link_seconds=limits.get("link_seconds", 0),
        sources=MappingProxyType(_sources(data)),
        models=MappingProxyType({model.name: model for model in models}),
        base_url=data.get("base_url", ""),
        turns_pixels=data.get("orientation", {}).get("turns_pixels", True),
        setting_spelling=Spelling(data.get("spelling", {}).get("settings", Spelling.SNAKE)),
    )
    _check(catalog, len(models))
    return catalog


def _check(catalog: Catalog, entries: int) -> None:
    """Raise ValueError unless all names differ, the default model exists, and each `replaced_by` names another model."""
    names = {normalize_name(name) for name in catalog.models}
    if len(names) != entries or catalog.default_model not in catalog.models:
        raise ValueError(f"{catalog.provider}: model names must differ and include default_model")
    for model in catalog.models.values():
        successor = model.lifecycle.replaced_by
        if successor is not None and (successor not in catalog.models or successor == model.name):
            raise ValueError(f"{catalog.provider}: {model.name} is replaced by {successor!r}, which is no other model")


def _model(entry: Mapping[str, Any], data: Mapping[str, Any]) -> Model:
    endpoint = data["endpoints"][entry["endpoint"]]
    facts = {**endpoint, **entry}
    names = [*endpoint["parameters"], *entry.get("parameters", [])]
    parameters = {
        name: _parameter(name, _described(name, data, endpoint, entry), data["sources"])
        for name in names
        if name not in entry.get("leaves_out", ())
    }
    return Model(
        name=entry["name"],
        wire=entry.get("wire_name", entry["name"]),
        endpoint=endpoint["path"],
        is_default=entry["name"] == endpoint["default_model"],
        mp_per_credit=_decimal(facts, "mp_per_credit"),
        max_input_mp=Decimal(facts["max_input_mp"]),
        max_output_mp=Decimal(facts["max_output_mp"]),
        max_side_pixels=facts["max_side_pixels"],
        max_scale=_decimal(facts, "max_scale"),
        output_formats=tuple(map(_result_format, facts.get("output_formats", RESULT_FORMATS))),
        parameters=MappingProxyType(parameters),
        source=data["sources"][entry["source"]],
        price_source=data["sources"][facts.get("price_source", entry["source"])],
        limits_source=data["sources"][facts.get("limits_source", entry["source"])],
        size_source=data["sources"][facts.get("size_source", entry["source"])],
        synchronous_source=data["sources"][facts.get("synchronous_source", entry["source"])],
        credits=_decimal(facts, "credits"),
        input_formats=tuple(ImageFormat(word) for word in facts.get("input_formats", RESULT_FORMATS)),
        format_is_open=facts.get("format_is_open", False),
        inputs=tuple(facts.get("inputs", (UPLOAD,))),
        is_synchronous=facts.get("is_synchronous", False),
        synchronous_endpoint=facts.get("synchronous_path"),
        synchronous_max_output_mp=_decimal(facts, "synchronous_max_output_mp"),
        factor=Decimal(facts.get("factor", _default_factor(parameters, facts.get("factor_parameter")))),
        factor_parameter=facts.get("factor_parameter"),
        lifecycle=_lifecycle(entry, data["sources"]),
        doubt=entry.get("doubt", ""),
    )


def _lifecycle(entry: Mapping[str, Any], sources: Mapping[str, str]) -> Lifecycle:
    def announced(fact: Mapping[str, Any]) -> Announcement:
        return Announcement(fact["on"], sources[fact["source"]])

    ends = sorted(map(announced, entry.get("retires", ())), key=lambda announcement: announcement.on)
    successor = entry.get("replaced_by")
    return Lifecycle(
        since=announced(entry["since"]) if "since" in entry else None,
        retires=tuple(ends),
        replaced_by=successor,
        replaced_by_source=sources[entry["replaced_by_source"]] if successor else "",
    )


def _described(
    name: str, data: Mapping[str, Any], endpoint: Mapping[str, Any], entry: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a parameter's table after the overrides of the endpoint and then those of the model."""
    fixed = data["spelling"]["fixed"] if "spelling" in data else [name]
    described = {"spells": name not in fixed, **data["parameters"][name]}
    for changes in (endpoint, entry):
        described |= changes.get("overrides", {}).get(name, {})
    return described


def _default_factor(parameters: Mapping[str, Parameter], name: str | None) -> str:
    return (parameters[name].default or "1").removesuffix("x") if name else "1"


def _result_format(word: str) -> ImageFormat:
    """Return the format that `word` names. Raises ValueError if no result may have it."""
    return RESULT_FORMATS[RESULT_FORMATS.index(ImageFormat(word))]


def _decimal(facts: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(facts[name]) if name in facts else None


def _sources(data: Mapping[str, Any]) -> dict[str, str]:
    """Return name → citation, for the price and for each limit that names a source."""
    short_names = {"credit_price_usd": data["price"].get("source")}
    short_names["turns_pixels"] = data.get("orientation", {}).get("source")
    for name in data["limits"]:
        if not name.endswith("_source"):
            short_names[name] = data["limits"].get(f"{name}_source")
    return {name: data["sources"][short] for name, short in short_names.items() if short}


def _parameter(name: str, entry: Mapping[str, Any], sources: Mapping[str, str]) -> Parameter:
    return Parameter(
        name=name,
        wire=entry.get("wire", name),
        kind=Kind(entry["kind"]),
        minimum=Decimal(entry["minimum"]) if "minimum" in entry else None,
        maximum=Decimal(entry["maximum"]) if "maximum" in entry else None,
        max_length=entry.get("max_length"),
        choices=tuple(entry.get("choices", ())),
        default=entry.get("default"),
        required=entry.get("required", False),
        wire_values=MappingProxyType(entry.get("wire_values", {})),
        spells=entry["spells"],
        needs=MappingProxyType(entry.get("needs", {})),
        source=sources[entry["source"]],
    )
