"""The vendors' published facts as data: one `<provider>.toml` each, read into frozen dataclasses.

Holds models, parameters, ranges, prices and limits, each with a source and a date. It must not decide anything about
an upload, and reads nothing but the packaged files.

The format: `[sources]` maps short names to citations, and every fact names one: `source`, or `price_source`,
`limits_source`, `size_source` and `synchronous_source` where those are known from elsewhere. `[endpoints.x]` holds what its
models share. `[[models]]` add parameters (`parameters = [names]`), may restate any fact of their endpoint, may have a
`wire_name`, and may narrow a shared parameter (`overrides = { name = { maximum = … } }`). `[parameters.x]` is keyed by our name.

An endpoint or model says: `path`; `mp_per_credit` and `credits` (a step of that many megapixels costs so much, 1 if not
said; `credits` alone: a job does; neither: the vendor's estimate tells); limits; `input_formats` and `output_formats`
(jpeg, png, tiff unless said), the latter with `format_is_open = true` where the vendor does not say beforehand which it
gives; `inputs` (`upload`, `link`, the usual first); `is_synchronous = true` for a synchronous path, or `synchronous_path` and
`synchronous_max_output_mp` for a synchronous one beside it; `factor_parameter` for a parameter whose choices enlarge (`2x`), or
`factor` for a model that enlarges always so much.
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

UPLOAD, LINK = "upload", "link"  # the ways an image reaches a vendor


class Kind(StrEnum):
    """What sort of value a parameter takes."""

    BOOL = "bool"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True)
class Parameter:
    """One parameter as one model takes it. Bounds are inclusive; `default` is the vendor's and never sent."""

    name: str
    wire: str
    kind: Kind
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    max_length: int | None = None  # characters
    choices: tuple[str, ...] = ()
    default: str | None = None
    required: bool = False  # the vendor refuses a call without it: the default is sent
    wire_values: Mapping[str, str] = field(default_factory=dict)  # our word → the vendor's, where they differ
    source: str = ""


@dataclass(frozen=True)
class Model:
    """One model. Its name is unique within the provider; `wire` is what the vendor calls it."""

    name: str
    wire: str
    endpoint: str  # the vendor's path below its base URL, e.g. `enhance/async`
    is_default: bool  # of its endpoint
    mp_per_credit: Decimal | None  # megapixels of the output that a step of the price holds; None = it knows no steps
    max_input_mp: Decimal
    max_output_mp: Decimal
    max_side_pixels: int
    max_scale: Decimal | None  # how much longer a side may become; None = as far as the other limits allow
    output_formats: tuple[ImageFormat, ...]
    parameters: Mapping[str, Parameter]  # our name → parameter
    source: str
    price_source: str
    limits_source: str
    size_source: str
    synchronous_source: str
    credits: Decimal | None = None  # of a step, or of a job; None without steps = only the vendor's estimate tells
    input_formats: tuple[ImageFormat, ...] = tuple(ImageFormat)
    format_is_open: bool = False  # which of its formats comes is known only when it is there
    inputs: tuple[str, ...] = (UPLOAD,)
    is_synchronous: bool = False  # the endpoint is synchronous
    synchronous_endpoint: str | None = None  # the synchronous path beside it
    synchronous_max_output_mp: Decimal | None = None
    factor: Decimal = Decimal(1)  # how much longer a side becomes when nobody says otherwise
    factor_parameter: str | None = None  # the choice that says otherwise

    @property
    def takes_size(self) -> bool:
        """Whether the output's sides may be chosen."""
        return "output_width" in self.parameters and "output_height" in self.parameters

    @property
    def factors(self) -> Mapping[str, Decimal]:
        """What the choices of `factor_parameter` enlarge by; empty where there is none."""
        choices = self.parameters[self.factor_parameter].choices if self.factor_parameter else ()
        return {choice: Decimal(choice.removesuffix("x")) for choice in choices}


@dataclass(frozen=True)
class Catalog:
    """All that is known of one provider."""

    provider: str
    unit: str
    credit_price_usd: Decimal
    default_model: str
    result_retention_hours: int
    max_upload_bytes: int
    visibility_grace_seconds: int
    link_seconds: int  # how long a link to the input must be good
    sources: Mapping[str, str]  # of the facts of the account: their names → citations
    models: Mapping[str, Model]

    def find_model(self, name: str) -> Model | None:
        """The model of that name, or None; case does not matter, nor whether spaces, `-` or `_` part its words."""
        wanted = fold(name)
        return next((model for model in self.models.values() if fold(model.name) == wanted), None)

    @property
    def parameter_names(self) -> frozenset[str]:
        """Our names of everything any model takes."""
        return frozenset(name for model in self.models.values() for name in model.parameters)


def fold(name: str) -> str:
    """A model's name with case and separators evened out: `standard-v2` → `standard v2`."""
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


@cache
def providers() -> tuple[str, ...]:
    """The providers that have a catalog, sorted."""
    entries = resources.files("darkroom.catalog").iterdir()
    return tuple(sorted(entry.name[: -len(".toml")] for entry in entries if entry.name.endswith(".toml")))


@cache
def load(provider: str) -> Catalog:
    """The provider's catalog, read once. Raises KeyError for a name not among `providers()`."""
    if provider not in providers():
        raise KeyError(provider)
    return parse(resources.files("darkroom.catalog").joinpath(f"{provider}.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Catalog:
    """A catalog from the toml's text. Raises KeyError or ValueError when the file breaks its own format."""
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
    if len({fold(model.name) for model in models}) != len(models) or catalog.default_model not in catalog.models:
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
        factor=Decimal(facts.get("factor", _usual_factor(parameters, facts.get("factor_parameter")))),
        factor_parameter=facts.get("factor_parameter"),
    )


def _usual_factor(parameters: Mapping[str, Parameter], name: str | None) -> str:
    return (parameters[name].default or "1").removesuffix("x") if name else "1"


def _decimal(facts: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(facts[name]) if name in facts else None


def _sources(data: Mapping[str, Any]) -> dict[str, str]:
    """The citations of `price` and of everything in `limits` that has one."""
    named = {"credit_price_usd": data["price"].get("source")}
    named |= {name: data["limits"].get(f"{name}_source") for name in data["limits"] if not name.endswith("_source")}
    return {name: data["sources"][short] for name, short in named.items() if short}


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
