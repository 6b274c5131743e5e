"""The loader of the catalog: reads each provider's `<provider>.toml` into frozen dataclasses.

A catalog holds a vendor's published models, parameters, ranges, prices and limits, each with a source and a date. The loader
reads only the packaged files. It must not decide anything about an upload.

The tables of a file:

- `[sources]` maps short names to citations. Every fact names one of them in `source`; `price_source`, `limits_source`,
  `size_source` and `synchronous_source` name another one for those facts.
- `[endpoints.x]` holds what the endpoint's models share.
- `[[models]]` has one entry for each model. It adds parameters (`parameters = [names]`), may replace any fact of its endpoint,
  may have a `wire_name`, and may narrow a shared parameter (`overrides = { name = { maximum = … } }`).
- `[parameters.x]` describes a parameter. `x` is our name for it.

The keys of an endpoint or a model:

- `path`: the endpoint's path below the vendor's base URL.
- `mp_per_credit`, `credits`: the price. With both, each step of `mp_per_credit` megapixels of output costs `credits` (default
  1). With `credits` alone, a job costs that. With neither, only the vendor's estimate gives the price.
- `max_input_mp`, `max_output_mp`, `max_side_pixels`, `max_scale`: the limits.
- `input_formats`, `output_formats`: default jpeg, png, tiff. `format_is_open = true` if the vendor does not say beforehand
  which of its output formats the result has.
- `inputs`: `upload`, `link` or both, the preferred first.
- `is_synchronous = true` if `path` is synchronous. `synchronous_path` and `synchronous_max_output_mp` describe a synchronous
  path that exists besides an asynchronous one.
- `factor_parameter`: the parameter whose choices (`2x`) enlarge. `factor`: how much a model enlarges always.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from darkroom.model import ImageFormat

UPLOAD, LINK = "upload", "link"  # how an image reaches a vendor: we send its bytes, or the vendor fetches it by a link


class Kind(StrEnum):
    """The type of value that a parameter takes."""

    BOOL = "bool"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True)
class Parameter:
    """One parameter as one model takes it. Bounds are inclusive. `default` is the vendor's own; it is sent only if the
    parameter is required."""

    name: str
    wire: str
    kind: Kind
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    max_length: int | None = None  # characters
    choices: tuple[str, ...] = ()
    default: str | None = None
    required: bool = False  # the vendor refuses a call without it, so the default is sent
    wire_values: Mapping[str, str] = field(default_factory=dict)  # our value → the vendor's, for those that differ
    source: str = ""


@dataclass(frozen=True)
class Model:
    """One model. Its name is unique within the provider; `wire` is the vendor's name for it."""

    name: str
    wire: str
    endpoint: str  # the vendor's path below its base URL, e.g. `enhance/async`
    is_default: bool  # of its endpoint
    mp_per_credit: Decimal | None  # megapixels of output in one step of the price; None = the price has no steps
    max_input_mp: Decimal
    max_output_mp: Decimal
    max_side_pixels: int
    max_scale: Decimal | None  # the largest factor of a side; None = only the other limits count
    output_formats: tuple[ImageFormat, ...]
    parameters: Mapping[str, Parameter]  # our name → parameter
    source: str
    price_source: str
    limits_source: str
    size_source: str
    synchronous_source: str
    credits: Decimal | None = (
        None  # per step, or per job without steps; None = only the vendor's estimate gives the price
    )
    input_formats: tuple[ImageFormat, ...] = tuple(ImageFormat)
    format_is_open: bool = False  # the vendor does not say beforehand which of the output formats the result has
    inputs: tuple[str, ...] = (UPLOAD,)
    is_synchronous: bool = False  # whether `endpoint` is synchronous
    synchronous_endpoint: str | None = None  # a synchronous path besides `endpoint`
    synchronous_max_output_mp: Decimal | None = None
    factor: Decimal = Decimal(1)  # how much a side grows by default
    factor_parameter: str | None = None  # the parameter that chooses another factor

    @property
    def takes_size(self) -> bool:
        """Whether the output's sides may be chosen."""
        return "output_width" in self.parameters and "output_height" in self.parameters

    @property
    def factors(self) -> Mapping[str, Decimal]:
        """The choices of `factor_parameter` and the factor of each; empty if the model has no such parameter."""
        choices = self.parameters[self.factor_parameter].choices if self.factor_parameter else ()
        return {choice: Decimal(choice.removesuffix("x")) for choice in choices}


@dataclass(frozen=True)
class Catalog:
    """The published facts of one provider."""

    provider: str
    unit: str
    credit_price_usd: Decimal
    default_model: str
    result_retention_hours: int
    max_upload_bytes: int
    visibility_grace_seconds: int
    link_seconds: int  # how long a link to the input must stay valid
    sources: Mapping[str, str]  # name of a price or limit of the whole provider → its citation
    models: Mapping[str, Model]

    def find_model(self, name: str) -> Model | None:
        """Return the model of that name, or None. Case does not matter; spaces, `-` and `_` are alike."""
        wanted = normalize_name(name)
        return next((model for model in self.models.values() if normalize_name(model.name) == wanted), None)

    @property
    def parameter_names(self) -> frozenset[str]:
        """Our names of all parameters of all models."""
        return frozenset(name for model in self.models.values() for name in model.parameters)


def normalize_name(name: str) -> str:
    """Return a model's name in lower case with single spaces for all separators: `Standard-V2` → `standard v2`."""
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


@cache
def providers() -> tuple[str, ...]:
    """Return the names of the providers that have a catalog, sorted."""
    entries = resources.files("darkroom.catalog").iterdir()
    return tuple(sorted(entry.name[: -len(".toml")] for entry in entries if entry.name.endswith(".toml")))


@cache
def load(provider: str) -> Catalog:
    """Return the provider's catalog, which is read once. Raises KeyError for a name not among `providers()`."""
    if provider not in providers():
        raise KeyError(provider)
    return parse(resources.files("darkroom.catalog").joinpath(f"{provider}.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Catalog:
    """Return the catalog in a TOML text. Raises KeyError or ValueError if the text breaks the format above."""
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
        link_seconds=limits.get("link_seconds", 0),
        sources=MappingProxyType(_sources(data)),
        models=MappingProxyType({model.name: model for model in models}),
    )
    if (
        len({normalize_name(model.name) for model in models}) != len(models)
        or catalog.default_model not in catalog.models
    ):
        raise ValueError(f"{catalog.provider}: model names must differ and include default_model")
    return catalog


def _model(entry: Mapping[str, Any], data: Mapping[str, Any]) -> Model:
    endpoint = data["endpoints"][entry["endpoint"]]
    facts = {**endpoint, **entry}
    overrides = entry.get("overrides", {})
    names = [*endpoint["parameters"], *entry.get("parameters", [])]
    parameters = {
        name: _parameter(name, {**data["parameters"][name], **overrides.get(name, {})}, data["sources"])
        for name in names
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
        output_formats=tuple(ImageFormat(word) for word in facts.get("output_formats", ImageFormat)),
        parameters=MappingProxyType(parameters),
        source=data["sources"][entry["source"]],
        price_source=data["sources"][facts.get("price_source", entry["source"])],
        limits_source=data["sources"][facts.get("limits_source", entry["source"])],
        size_source=data["sources"][facts.get("size_source", entry["source"])],
        synchronous_source=data["sources"][facts.get("synchronous_source", entry["source"])],
        credits=_decimal(facts, "credits"),
        input_formats=tuple(ImageFormat(word) for word in facts.get("input_formats", ImageFormat)),
        format_is_open=facts.get("format_is_open", False),
        inputs=tuple(facts.get("inputs", (UPLOAD,))),
        is_synchronous=facts.get("is_synchronous", False),
        synchronous_endpoint=facts.get("synchronous_path"),
        synchronous_max_output_mp=_decimal(facts, "synchronous_max_output_mp"),
        factor=Decimal(facts.get("factor", _default_factor(parameters, facts.get("factor_parameter")))),
        factor_parameter=facts.get("factor_parameter"),
    )


def _default_factor(parameters: Mapping[str, Parameter], name: str | None) -> str:
    return (parameters[name].default or "1").removesuffix("x") if name else "1"


def _decimal(facts: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(facts[name]) if name in facts else None


def _sources(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the citations of the price and of those limits that name a source."""
    short_names = {"credit_price_usd": data["price"].get("source")}
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
        source=sources[entry["source"]],
    )
