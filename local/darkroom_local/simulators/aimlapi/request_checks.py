"""Turn a JSON body into a checked order, by the published schemas; every problem is named at once.

Assumed where the pages are silent: a field that is not published is passed over, null is no value,
and only http and https addresses without a user name are taken. Nothing is fetched or started here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom_local.simulators.aimlapi.errors import Invalid
from darkroom_local.simulators.aimlapi.published_facts import (
    DEFAULT_SHARPENING,
    EXAMPLE_PAIR,
    FORMATS,
    MODELS,
    Choice,
    Number,
    Rule,
    Switch,
)
from darkroom_local.simulators.framework.input_urls import is_web_address

Value = str | bool | float | int
_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class Order:
    """What is to be sharpened, how, and for how much; settings hold the published defaults as well."""

    model: str
    image_url: str
    settings: Mapping[str, Value]
    credits: int

    @property
    def format(self) -> str:
        """The result's format."""
        return FORMATS[str(self.settings["output_format"])]

    @property
    def sharpening(self) -> float:
        """How strongly the picture is sharpened."""
        return float(self.settings.get("strength", DEFAULT_SHARPENING))

    @property
    def denoising(self) -> float:
        """How strongly noise is taken out."""
        return float(self.settings.get("minor_denoise", 0.0))


def read_order(body: Any, credits: int) -> Order:
    """The order a body asks for; Invalid lists what is wrong with it."""
    if not isinstance(body, dict):
        raise Invalid("Body", [f"Expected object, received {_type_of(body)}"])
    model = body.get("model")
    if not isinstance(model, str) or model not in MODELS:
        raise Invalid("Body", [f"model: {_wrong_word(tuple(MODELS), model)}"])
    rules = MODELS[model]
    problems = [*_address_problems(body), *_field_problems(body, rules)]
    if problems:
        raise Invalid("Body", problems)
    settings: dict[str, Value] = {}
    for name, rule in rules.items():
        if name in body:
            settings[name] = body[name]
        elif rule.default is not None:
            settings[name] = rule.default
    return Order(model, body["image_url"], settings, credits)


def _address_problems(body: Mapping[str, Any]) -> Iterator[str]:
    if "image_url" not in body:
        yield "image_url: Required"
        return
    url = body["image_url"]
    if not isinstance(url, str):
        yield f"image_url: Expected string, received {_type_of(url)}"
    elif not is_web_address(url):
        yield "image_url: Invalid url"


def _field_problems(body: Mapping[str, Any], rules: Mapping[str, Rule]) -> Iterator[str]:
    for name, rule in rules.items():
        if name not in body:
            if name == "mode":
                yield "mode: Required"
            continue
        if name == "mode" and (body["model"], body["mode"]) == EXAMPLE_PAIR:
            continue
        if (problem := _problem(rule, body[name])) is not None:
            yield f"{name}: {problem}"


def _problem(rule: Rule, value: Any) -> str | None:
    """What is wrong with a value."""
    if isinstance(rule, Choice):
        known = isinstance(value, str) and value in rule.words
        return None if known else _wrong_word(rule.words, value)
    if isinstance(rule, Switch):
        return None if isinstance(value, bool) else f"Expected boolean, received {_type_of(value)}"
    return _number_problem(rule, value)


def _number_problem(rule: Number, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"Expected number, received {_type_of(value)}"
    if rule.whole and isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        return "Expected integer, received float"
    if rule.lowest is not None and not value >= rule.lowest:
        return f"Number must be greater than or equal to {rule.lowest:g}"
    if rule.highest is not None and not value <= rule.highest:
        return f"Number must be less than or equal to {rule.highest:g}"
    return None


def _wrong_word(words: tuple[str, ...], value: Any) -> str:
    """As in the vendor's example of such an error."""
    expected = " | ".join(f"'{word}'" for word in words)
    if isinstance(value, str):
        return f"Invalid enum value. Expected {expected}, received '{value}'"
    return f"Expected {expected}, received {_type_of(value)}"


def _type_of(value: Any) -> str:
    return "null" if value is None else _TYPES[type(value)]
