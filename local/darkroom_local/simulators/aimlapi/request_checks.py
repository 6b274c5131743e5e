"""Check a JSON body against the published schemas and turn it into a request. All problems are reported at once.

Assumed, because the vendor's pages do not say it: unknown fields are ignored, null is an invalid value, and only http and
https URLs without a user name are accepted. This module fetches and starts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom_local.simulators.aimlapi.errors import InvalidRequest
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
class SharpenRequest:
    """A checked request: the input, the settings with the published defaults, and the price."""

    model: str
    image_url: str
    settings: Mapping[str, Value]
    credits: int

    @property
    def format(self) -> str:
        """Return the format of the result: jpeg, png or tiff."""
        return FORMATS[str(self.settings["output_format"])]

    @property
    def sharpening(self) -> float:
        """Return how strongly to sharpen the picture, from 0 to 1."""
        return float(self.settings.get("strength", DEFAULT_SHARPENING))

    @property
    def denoising(self) -> float:
        """Return how strongly to denoise the picture, from 0 to 1."""
        return float(self.settings.get("minor_denoise", 0.0))


def check_request(body: Any, credits: int) -> SharpenRequest:
    """Return the checked request, with its price. Raises InvalidRequest that lists every problem."""
    if not isinstance(body, dict):
        raise InvalidRequest("Body", [f"Expected object, received {_type_of(body)}"])
    model = body.get("model")
    if not isinstance(model, str) or model not in MODELS:
        raise InvalidRequest("Body", [f"model: {_wrong_word(tuple(MODELS), model)}"])
    rules = MODELS[model]
    problems = [*_address_problems(body), *_field_problems(body, rules)]
    if problems:
        raise InvalidRequest("Body", problems)
    settings: dict[str, Value] = {}
    for name, rule in rules.items():
        if name in body:
            settings[name] = body[name]
        elif rule.default is not None:
            settings[name] = rule.default
    return SharpenRequest(model, body["image_url"], settings, credits)


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
    """Return a text that says why the value is wrong, or None if the value is right."""
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
    """Return the message for a value that is not one of the words. The wording is that of the vendor's example."""
    expected = " | ".join(f"'{word}'" for word in words)
    if isinstance(value, str):
        return f"Invalid enum value. Expected {expected}, received '{value}'"
    return f"Expected {expected}, received {_type_of(value)}"


def _type_of(value: Any) -> str:
    return "null" if value is None else _TYPES[type(value)]
