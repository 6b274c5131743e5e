"""Turn the strings of a form into a checked order, by the published tables.

A supported parameter with a bad value is refused with 400. A parameter the endpoint or the model
does not know is passed over in silence, as the vendor does. The vendor chooses a size when none
is asked for and does not say how: here it is the size of the input, or so many times it as the caller
says. Nor is it published what an endpoint that gives PNG alone makes of another format: here it is a bad
value. Nothing is read or started.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.topaz.published_facts import (
    COMMON_PARAMETERS,
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
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Wishes:
    """What a form asks for, checked value by value, before the picture is known."""

    endpoint: Endpoint
    model: Model
    common: Mapping[str, Value]
    settings: Mapping[str, Value]

    def amounts(self) -> dict[str, float]:
        """The numeric model settings."""
        return {
            name: float(value)
            for name, value in self.settings.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }


@dataclass(frozen=True)
class Order:
    """A priced order."""

    wishes: Wishes
    input_width: int
    input_height: int
    output_width: int
    output_height: int
    output_limit_mp: float

    @property
    def output_mp(self) -> float:
        """Megapixels of the result."""
        return self.output_width * self.output_height / 1e6

    @property
    def input_mp(self) -> float:
        """Megapixels of the upload."""
        return self.input_width * self.input_height / 1e6

    @property
    def credits(self) -> int:
        """The price: output megapixels over the endpoint's rate, rounded up."""
        return max(1, math.ceil(self.output_mp / self.wishes.endpoint.mp_per_credit))

    @property
    def output_format(self) -> str:
        """jpeg, png or tiff."""
        return FORMATS[str(self.wishes.common.get("output_format", self.wishes.endpoint.output_formats[0]))]

    def switch(self, name: str, default: bool) -> bool:
        """A common true-or-false parameter."""
        return bool(self.wishes.common.get(name, default))


def read_wishes(endpoint: Endpoint, fields: Mapping[str, str]) -> Wishes:
    """Check every supported field; Refusal 400 names the first bad one."""
    named = fields.get("model")
    model = endpoint.models[0] if named is None else endpoint.model(named)
    if model is None:
        raise Refusal(400, f"Unknown model {named!r} for {endpoint.name}.")
    words = tuple(word for word, name in FORMATS.items() if name in endpoint.output_formats)
    common = {**COMMON_PARAMETERS, "output_format": Choice(words)}
    if endpoint.takes_size:
        common |= SIZE_PARAMETERS
    return Wishes(endpoint, model, _checked(common, fields), _checked(model.parameters, fields))


def read_input_size(fields: Mapping[str, str]) -> tuple[int, int]:
    """The input size an estimate is asked for; both sides are required."""
    values = _checked(INPUT_SIZE_PARAMETERS, fields)
    if len(values) < len(INPUT_SIZE_PARAMETERS):
        raise Refusal(400, "input_width and input_height are both needed.")
    return int(values["input_width"]), int(values["input_height"])


def make_order(wishes: Wishes, width: int, height: int, output_limit_mp: float, own_factor: float = 1.0) -> Order:
    """Settle the output size and check it against the limits; Refusal 400 says which broke.

    `own_factor`: by how much the vendor enlarges of its own accord where an endpoint takes a size and none was asked for.
    """
    if not wishes.endpoint.takes_size:
        own_factor = 1.0
    out_width, out_height = _output_size(wishes.common, width, height, own_factor)
    order = Order(wishes, width, height, out_width, out_height, output_limit_mp)
    input_limit_mp = wishes.model.input_limit_mp or wishes.endpoint.input_limit_mp
    if order.input_mp > input_limit_mp:
        raise Refusal(400, f"The input has over {input_limit_mp:g} megapixels.")
    if order.output_mp > output_limit_mp:
        raise Refusal(400, f"The output would have over {output_limit_mp:g} megapixels.")
    if max(out_width, out_height) > SIDE_LIMIT_PIXELS and order_is_resized(order):
        raise Refusal(400, f"An output side would be over {SIDE_LIMIT_PIXELS} pixels.")
    _check_scale(order)
    return order


def _check_scale(order: Order) -> None:
    longest = order.wishes.endpoint.longest_scale
    if longest is None:
        return
    if order.output_width > longest * order.input_width or order.output_height > longest * order.input_height:
        raise Refusal(400, f"No side may become more than {longest:g} times as long.")


def order_is_resized(order: Order) -> bool:
    """Whether the output has another size than the input."""
    return (order.output_width, order.output_height) != (
        order.input_width,
        order.input_height,
    )


def _output_size(common: Mapping[str, Value], width: int, height: int, own_factor: float) -> tuple[int, int]:
    out_width, out_height = common.get("output_width"), common.get("output_height")
    if out_width is not None and out_height is not None:
        return int(out_width), int(out_height)
    if out_width is not None:
        return int(out_width), max(1, round(height * int(out_width) / width))
    if out_height is not None:
        return max(1, round(width * int(out_height) / height)), int(out_height)
    return round(width * own_factor), round(height * own_factor)


def _checked(parameters: Mapping[str, Parameter], fields: Mapping[str, str]) -> dict[str, Value]:
    return {name: _value(name, parameter, fields[name]) for name, parameter in parameters.items() if name in fields}


def _value(name: str, parameter: Parameter, text: str) -> Value:
    if isinstance(parameter, Number):
        return _number(name, parameter, text)
    if isinstance(parameter, Choice):
        if text not in parameter.words:
            raise Refusal(400, f"{name} is one of {', '.join(parameter.words)}.")
        return text
    if isinstance(parameter, Switch):
        if text not in ("true", "false"):
            raise Refusal(400, f"{name} is true or false.")
        return text == "true"
    if len(text) > parameter.longest_characters:
        raise Refusal(400, f"{name} has over {parameter.longest_characters} characters.")
    return text


def _number(name: str, parameter: Number, text: str) -> int | float:
    pattern = _WHOLE if parameter.whole else _DECIMAL
    if len(text) > 32 or not pattern.fullmatch(text):
        kind = "a whole number" if parameter.whole else "a number"
        raise Refusal(400, f"{name} is not {kind}.")
    value = int(text) if parameter.whole else float(text)
    if not parameter.lowest <= value <= parameter.highest:
        raise Refusal(400, f"{name} is not within {parameter.lowest:g} to {parameter.highest:g}.")
    return value
