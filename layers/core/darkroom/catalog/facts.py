"""The facts of the catalogs as frozen dataclasses: providers, models, parameters and the announced ends of models.

It holds facts and answers questions about them. It must not read files, and it reads no clock: whoever asks hands in the day.
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

UPLOAD, LINK = "upload", "link"  # how an image reaches a vendor: we send its bytes, or the vendor fetches it by a link


class Kind(StrEnum):
    """The type of value that a parameter takes."""

    BOOL = "bool"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True)
class Announcement:
    """A day that a page announces, and the page."""

    on: date
    source: str


@dataclass(frozen=True)
class Lifecycle:
    """When a model came and when it goes, as far as any page says.

    `retires` has one announcement for each page that gives a day, the earliest first. If the pages disagree, the earliest day
    only warns; the latest refuses.
    """

    since: Announcement | None = None
    retires: tuple[Announcement, ...] = ()
    replaced_by: str | None = None  # the name of another model of the catalog
    replaced_by_source: str = ""

    @property
    def warns_on(self) -> date | None:
        """The first day on which the model may be gone; None if no page announces an end."""
        return self.retires[0].on if self.retires else None

    @property
    def refuses_on(self) -> date | None:
        """The day from which the model counts as gone; None if no page announces an end."""
        return self.retires[-1].on if self.retires else None

    def is_retired(self, today: date) -> bool:
        """Whether the model counts as gone on that day."""
        return self.refuses_on is not None and today >= self.refuses_on


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
    spells: bool = False  # whether the vendor may spell its name in camelCase, see `Spelling`
    # Other parameters that the vendor wants with this one when it is true, and the values that Darkroom fills in.
    needs: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def wire_names(self, spelling: Spelling) -> tuple[str, ...]:
        """Return the vendor's names for it in that spelling; both names for `both`."""
        camel = _to_camel_case(self.wire)
        if not self.spells or camel == self.wire or spelling is Spelling.SNAKE:
            return (self.wire,)
        return (camel,) if spelling is Spelling.CAMEL else (self.wire, camel)


def _to_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


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
    input_formats: tuple[ImageFormat, ...] = RESULT_FORMATS
    format_is_open: bool = False  # the vendor does not say beforehand which of the output formats the result has
    inputs: tuple[str, ...] = (UPLOAD,)
    is_synchronous: bool = False  # whether `endpoint` is synchronous
    synchronous_endpoint: str | None = None  # a synchronous path besides `endpoint`
    synchronous_max_output_mp: Decimal | None = None
    factor: Decimal = Decimal(1)  # how much a side grows by default
    factor_parameter: str | None = None  # the parameter that chooses another factor
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    doubt: str = ""  # what nobody has verified about the model, above all its name on the wire; empty = nothing

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
    base_url: str = ""  # the vendor's own; a stack has a parameter for it
    setting_spelling: Spelling = Spelling.SNAKE  # unless the stack's SettingSpelling says otherwise

    def find_model(self, name: str) -> Model | None:
        """Return the model of that name, or None. Case does not matter; spaces, `-` and `_` are alike."""
        wanted = normalize_name(name)
        return next((model for model in self.models.values() if normalize_name(model.name) == wanted), None)

    @cached_property
    def parameter_names(self) -> frozenset[str]:
        """Our names of all parameters of all models."""
        return frozenset(name for model in self.models.values() for name in model.parameters)


def normalize_name(name: str) -> str:
    """Return a model's name in lower case with single spaces for all separators: `Standard-V2` → `standard v2`."""
    return re.sub(r"[\s_-]+", " ", name).strip().lower()
