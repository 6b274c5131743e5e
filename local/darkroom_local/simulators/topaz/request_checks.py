"""Check the text fields of a form against the published tables, and work out the size and price of the request.

A known parameter with a bad value is refused with 400. A parameter that the endpoint or the model does not know is
ignored, as the vendor does. If the request names no size, the vendor chooses one in an unpublished way; the simulator
takes the size of the input times `default_factor`. The vendor does not publish what an endpoint that only makes PNG files
does if another format is requested; the simulator refuses the request. This module reads no picture and starts nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.topaz.published_facts import (
    COMMON_PARAMETERS,
    FACE_PARAMETERS,
    FIXED_NAMES,
    FORMATS,
    INPUT_SIZE_PARAMETERS,
    SIDE_LIMIT_PIXELS,
    SIZE_PARAMETERS,
    Choice,
    Endpoint,
    Model,
    Number,
    Parameter,
    Switch,
)

Value = str | int | float | bool
SNAKE, CAMEL, BOTH = "snake", "camel", "both"  # which setting names are read: snake_case, camelCase or both
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class CheckedFields:
    """The checked fields of a form: the endpoint's common parameters and the settings of the model."""

    endpoint: Endpoint
    model: Model
    common: Mapping[str, Value]
    settings: Mapping[str, Value]

    def amounts(self) -> dict[str, float]:
        """Return the settings of the model that are numbers."""
        return {
            name: float(value)
            for name, value in self.settings.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }


@dataclass(frozen=True)
class PricedRequest:
    """A checked request whose input and output sizes are known, so that it has a price."""

    checked_fields: CheckedFields
    input_width: int
    input_height: int
    output_width: int
    output_height: int
    output_limit_mp: float

    @property
    def output_mp(self) -> float:
        """Return the megapixels of the result."""
        return self.output_width * self.output_height / 1e6

    @property
    def input_mp(self) -> float:
        """Return the megapixels of the upload."""
        return self.input_width * self.input_height / 1e6

    @property
    def credits(self) -> int:
        """Return the price in credits: the output megapixels divided by `mp_per_credit`, rounded up, and at least 1."""
        fields = self.checked_fields
        return max(1, math.ceil(self.output_mp / (fields.model.mp_per_credit or fields.endpoint.mp_per_credit)))

    @property
    def output_format(self) -> str:
        """Return the format of the result: jpeg, png or tiff."""
        return FORMATS[
            str(self.checked_fields.common.get("output_format", self.checked_fields.endpoint.output_formats[0]))
        ]

    def switch(self, name: str, default: bool) -> bool:
        """Return the value of a common true-or-false parameter, or `default` if the request does not name it."""
        return bool(self.checked_fields.common.get(name, default))


def check_fields(endpoint: Endpoint, fields: Mapping[str, str], spelling: str = BOTH) -> CheckedFields:
    """Return the checked fields. Raises Refusal 400 that names the first bad field.

    `spelling` says whether setting names are read in snake_case, in camelCase or both. Other names are ignored.
    """
    named = fields.get("model")
    model = endpoint.models[0] if named is None else endpoint.model(named)
    if model is None:
        raise Refusal(400, f"The endpoint {endpoint.name} has no model {named!r}.")
    words = tuple(word for word, name in FORMATS.items() if name in endpoint.output_formats)
    common = {**COMMON_PARAMETERS, "output_format": Choice(words)}
    if endpoint.takes_size:
        common |= SIZE_PARAMETERS
    if not (endpoint.takes_faces and model.takes_faces):
        common = {name: parameter for name, parameter in common.items() if name not in FACE_PARAMETERS}
    return CheckedFields(
        endpoint, model, _checked(common, fields, spelling), _checked(model.parameters, fields, spelling)
    )


def read_input_size(fields: Mapping[str, str]) -> tuple[int, int]:
    """Return the width and height of the input, as a request for an estimate gives them.

    Raises Refusal 400 if one of them is missing.
    """
    values = _checked(INPUT_SIZE_PARAMETERS, fields, BOTH)
    if len(values) < len(INPUT_SIZE_PARAMETERS):
        raise Refusal(400, "input_width and input_height must both be given.")
    return int(values["input_width"]), int(values["input_height"])


def price_request(
    checked_fields: CheckedFields, width: int, height: int, output_limit_mp: float, default_factor: float = 1.0
) -> PricedRequest:
    """Return the request with its output size. Raises Refusal 400 that names the limit if a size is over a limit.

    `default_factor` is how much the vendor enlarges the input if the endpoint accepts a size and the request names none.
    """
    if not checked_fields.endpoint.takes_size:
        default_factor = 1.0
    out_width, out_height = _output_size(checked_fields.common, width, height, default_factor)
    request = PricedRequest(checked_fields, width, height, out_width, out_height, output_limit_mp)
    input_limit_mp = checked_fields.model.input_limit_mp or checked_fields.endpoint.input_limit_mp
    output_limit_mp = checked_fields.model.output_limit_mp or output_limit_mp
    if request.input_mp > input_limit_mp:
        raise Refusal(400, f"The input has more than {input_limit_mp:g} megapixels.")
    if request.output_mp > output_limit_mp:
        raise Refusal(400, f"The output would have more than {output_limit_mp:g} megapixels.")
    if max(out_width, out_height) > SIDE_LIMIT_PIXELS and changes_size(request):
        raise Refusal(400, f"A side of the output would have more than {SIDE_LIMIT_PIXELS} pixels.")
    _check_scale(request)
    return request


def _check_scale(request: PricedRequest) -> None:
    longest = request.checked_fields.model.longest_scale or request.checked_fields.endpoint.longest_scale
    if longest is None:
        return
    if request.output_width > longest * request.input_width or request.output_height > longest * request.input_height:
        raise Refusal(400, f"A side of the output may be at most {longest:g} times as long as that of the input.")


def changes_size(request: PricedRequest) -> bool:
    """Return whether the output has another size than the input."""
    return (request.output_width, request.output_height) != (
        request.input_width,
        request.input_height,
    )


def _output_size(common: Mapping[str, Value], width: int, height: int, default_factor: float) -> tuple[int, int]:
    out_width, out_height = common.get("output_width"), common.get("output_height")
    if out_width is not None and out_height is not None:
        return int(out_width), int(out_height)
    if out_width is not None:
        return int(out_width), max(1, round(height * int(out_width) / width))
    if out_height is not None:
        return max(1, round(width * int(out_height) / height)), int(out_height)
    return round(width * default_factor), round(height * default_factor)


def _checked(parameters: Mapping[str, Parameter], fields: Mapping[str, str], spelling: str) -> dict[str, Value]:
    found = {}
    for name, parameter in parameters.items():
        given = [spelt for spelt in _spellings(name, spelling) if spelt in fields]
        if given:
            found[name] = _value(given[0], parameter, fields[given[0]])
    return found


def _spellings(name: str, spelling: str) -> tuple[str, ...]:
    """Return the names under which the setting `name` is read. If a form has several of them, the first one counts."""
    first, *others = name.split("_")
    camel = first + "".join(word.capitalize() for word in others)
    if name in FIXED_NAMES or spelling == SNAKE:
        return (name,)
    return (camel,) if spelling == CAMEL else (name, camel)


def _value(name: str, parameter: Parameter, text: str) -> Value:
    if isinstance(parameter, Number):
        return _number(name, parameter, text)
    if isinstance(parameter, Choice):
        if text not in parameter.words:
            raise Refusal(400, f"{name} must be one of {', '.join(parameter.words)}.")
        return text
    if isinstance(parameter, Switch):
        if text not in ("true", "false"):
            raise Refusal(400, f"{name} must be true or false.")
        return text == "true"
    if len(text) > parameter.longest_characters:
        raise Refusal(400, f"{name} must have at most {parameter.longest_characters} characters.")
    return text


def _number(name: str, parameter: Number, text: str) -> int | float:
    pattern = _WHOLE if parameter.whole else _DECIMAL
    if len(text) > 32 or not pattern.fullmatch(text):
        kind = "a whole number" if parameter.whole else "a number"
        raise Refusal(400, f"{name} must be {kind}.")
    value = int(text) if parameter.whole else float(text)
    if not parameter.lowest <= value <= parameter.highest:
        raise Refusal(400, f"{name} must be from {parameter.lowest:g} to {parameter.highest:g}.")
    return value
