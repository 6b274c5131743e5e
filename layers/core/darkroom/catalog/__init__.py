"""The vendors' published facts as data: one `<provider>.toml` each, read into frozen dataclasses.

Holds models, parameters, ranges, prices and limits, each with a source and a date. It must not decide anything about
an upload, and reads nothing but the packaged files.

The format: `[sources]` maps short names to citations. `[endpoints.x]` holds what its models share. `[[models]]` add
parameters (`parameters = [names]`), may restate any number of their endpoint, may have a `wire_name`, and may narrow
a shared parameter (`overrides = { name = { maximum = … } }`). `[parameters.x]` is keyed by our name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from darkroom.model import ImageFormat


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
    source: str = ""


@dataclass(frozen=True)
class Model:
    """One model. Its name is unique within the provider; `wire` is what the vendor calls it."""

    name: str
    wire: str
    endpoint: str  # the vendor's path below its base URL, e.g. `enhance/async`
    is_default: bool  # of its endpoint
    mp_per_credit: Decimal | None  # of the output; None = only the vendor's estimate tells the price
    max_input_mp: Decimal
    max_output_mp: Decimal
    max_side_pixels: int
    max_scale: Decimal | None  # how much longer a side may become; None = as far as the other limits allow
    output_formats: tuple[ImageFormat, ...]
    parameters: Mapping[str, Parameter]  # our name → parameter
    source: str

    @property
    def takes_size(self) -> bool:
        """Whether the output's size may differ from the input's."""
        return "output_width" in self.parameters and "output_height" in self.parameters


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
    entries = resources.files(__name__).iterdir()
    return tuple(sorted(entry.name[: -len(".toml")] for entry in entries if entry.name.endswith(".toml")))


@cache
def load(provider: str) -> Catalog:
    """The provider's catalog, read once. Raises KeyError for a name not among `providers()`."""
    if provider not in providers():
        raise KeyError(provider)
    return parse(resources.files(__name__).joinpath(f"{provider}.toml").read_text(encoding="utf-8"))


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
        max_upload_bytes=limits["max_request_bytes"] - limits["multipart_allowance_bytes"],
        visibility_grace_seconds=limits["visibility_grace_seconds"],
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
        mp_per_credit=Decimal(facts["mp_per_credit"]) if "mp_per_credit" in facts else None,
        max_input_mp=Decimal(facts["max_input_mp"]),
        max_output_mp=Decimal(facts["max_output_mp"]),
        max_side_pixels=facts["max_side_pixels"],
        max_scale=Decimal(facts["max_scale"]) if "max_scale" in facts else None,
        output_formats=tuple(ImageFormat(word) for word in facts["output_formats"]),
        parameters=MappingProxyType(parameters),
        source=data["sources"][entry["source"]],
    )


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
        source=sources[entry["source"]],
    )
