"""The facts of the catalogs as frozen dataclasses: providers, models, parameters and the announced ends of models.

This module holds facts and answers questions about them. It must read no file and no clock. Where the day matters, the caller
passes it in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from darkroom.model import RESULT_FORMATS, ImageFormat, Spelling

UPLOAD, LINK = "upload", "link"  # the ways to a vendor: we send the image's bytes, or the vendor fetches it by a link


class Kind(StrEnum):
    """The type of a parameter's value."""

    BOOL = "bool"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True)
class Announcement:
    """A day that a page announces, and the source that cites the page."""

    on: date
    source: str


@dataclass(frozen=True)
class Lifecycle:
    """The announced days on which a model is introduced and retired.

    `retires` has one announcement for each page that gives a day, the earliest first. If the pages disagree, Darkroom warns from
    the earliest day on and refuses the model from the latest day on.
    """

    since: Announcement | None = None
    retires: tuple[Announcement, ...] = ()
    replaced_by: str | None = None  # the name of another model of the catalog
    replaced_by_source: str = ""

    @property
    def warns_on(self) -> date | None:
        """The earliest announced day, from which the model may be gone; None if no page announces one."""
        return self.retires[0].on if self.retires else None

    @property
    def refuses_on(self) -> date | None:
        """The latest announced day, from which the model counts as retired; None if no page announces one."""
        return self.retires[-1].on if self.retires else None

    def is_retired(self, today: date) -> bool:
        """Return whether the model counts as retired on the day `today`."""
        return self.refuses_on is not None and today >= self.refuses_on


@dataclass(frozen=True)
class Parameter:
    """One parameter of one model. Bounds are inclusive. `default` is the vendor's default value, which is sent only if the
    parameter is required."""

    name: str
    wire: str  # the vendor's name for the parameter
    kind: Kind
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    max_length: int | None = None  # in characters
    choices: tuple[str, ...] = ()
    default: str | None = None
    required: bool = False  # true if the vendor refuses a call without the parameter; then the default is sent
    wire_values: Mapping[str, str] = field(default_factory=dict)  # our value → the vendor's value, if they differ
    spells: bool = False  # true if the vendor may spell the parameter's name in camelCase, see `Spelling`
    # Other parameters that the vendor requires if this one is true → the values that Darkroom sends if nobody sets them.
    needs: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def wire_names(self, spelling: Spelling) -> tuple[str, ...]:
        """Return the vendor's name for the parameter in that spelling, or both names if the spelling is `both`."""
        camel = _to_camel_case(self.wire)
        if not self.spells or camel == self.wire or spelling is Spelling.SNAKE:
            return (self.wire,)
        return (camel,) if spelling is Spelling.CAMEL else (self.wire, camel)


def _to_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@dataclass(frozen=True)
class Model:
    """One model of a provider. `name` is unique within the provider, and `wire` is the vendor's name for the model."""

    name: str
    wire: str
    endpoint: str  # the vendor's path below its base URL, e.g. `enhance/async`
    is_default: bool  # true if this is the endpoint's default model
    mp_per_credit: Decimal | None  # megapixels of output in one step of the price; None = the price has no steps
    max_input_mp: Decimal
    max_output_mp: Decimal
    max_side_pixels: int
    max_scale: Decimal | None  # the largest factor of a side; None = only the other limits count
    output_formats: tuple[ImageFormat, ...]
    parameters: Mapping[str, Parameter]  # Darkroom's name of the parameter → its facts
    source: str
    price_source: str
    limits_source: str
    size_source: str
    synchronous_source: str
    credits: Decimal | None = (
        None  # the price of a step, or of a job without steps; None = only the vendor's estimate gives the price
    )
    input_formats: tuple[ImageFormat, ...] = RESULT_FORMATS
    format_is_open: bool = False  # true if the vendor does not say beforehand which output format the result has
    inputs: tuple[str, ...] = (UPLOAD,)
    is_synchronous: bool = False  # true if `endpoint` is synchronous
    synchronous_endpoint: str | None = None  # a synchronous path besides `endpoint`
    synchronous_max_output_mp: Decimal | None = None
    factor: Decimal = Decimal(1)  # how much a side grows by default
    factor_parameter: str | None = None  # the parameter that chooses another factor
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    doubt: str = ""  # what nobody has verified about the model, such as the vendor's name for it; empty = nothing

    @property
    def takes_size(self) -> bool:
        """True if the width and the height of the output may be chosen."""
        return "output_width" in self.parameters and "output_height" in self.parameters

    @property
    def factors(self) -> Mapping[str, Decimal]:
        """The choices of `factor_parameter` → their factors; empty if the model has no such parameter."""
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
    list_reach_hours: int  # how far back the vendor's list goes
    link_seconds: int  # how long a link to the input must stay valid
    sources: Mapping[str, str]  # name of a price or limit of the whole provider → its citation
    models: Mapping[str, Model]
    base_url: str = ""  # the vendor's base URL; a stack has a parameter that may replace it
    turns_pixels: bool = (
        True  # true if the vendor turns the pixels by the EXIF orientation; false if it ignores the tag
    )
    setting_spelling: Spelling = Spelling.SNAKE  # the stack's SettingSpelling may replace it

    def find_model(self, name: str) -> Model | None:
        """Return the model with that name, or None. Upper and lower case are equal, and so are spaces, `-` and `_`."""
        wanted = normalize_name(name)
        return next((model for model in self.models.values() if normalize_name(model.name) == wanted), None)

    @cached_property
    def parameter_names(self) -> frozenset[str]:
        """Darkroom's names of all parameters of all models."""
        return frozenset(name for model in self.models.values() for name in model.parameters)


def normalize_name(name: str) -> str:
    """Return a model's name in lower case, with one space in place of each separator: `Standard-V2` → `standard v2`."""
    return re.sub(r"[\s_-]+", " ", name).strip().lower()
