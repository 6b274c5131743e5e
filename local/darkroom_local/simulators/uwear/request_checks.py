"""Check a JSON body against the published tables and turn it into a request. All problems are reported at once.

Assumed, because the vendor's page does not say it: `model_name` is required. An empty `image_url` counts as missing. A
request with both `image_url` and `generation_result_id` is refused, and so are settings for a model that accepts none.
Unknown settings are ignored. This module fetches and starts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom_local.simulators.framework.input_urls import is_web_address
from darkroom_local.simulators.uwear.errors import InvalidRequest, Problem
from darkroom_local.simulators.uwear.published_facts import CONFIGURABLE, CREDITS, SETTINGS, Choice, Number, Switch

Value = str | bool | float
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{0,15})?|\.[0-9]{1,15}")
_SHARPENING: Mapping[str, float] = {"Standard V2": 0.3, "Low Resolution V2": 0.5, "High Fidelity V2": 0.2}
_SOURCES = ("image_url", "generation_result_id")


@dataclass(frozen=True)
class UpscaleRequest:
    """A checked upscale request: the input, the settings and the price."""

    model: str
    image_url: str | None
    generation_result_id: int | None
    settings: Mapping[str, Value]
    factor: int
    given: Mapping[str, Any]  # the body as received

    @property
    def credits(self) -> int:
        """Return the credits that the generation costs if it ends as Done."""
        return CREDITS[self.model]

    @property
    def sharpening(self) -> float:
        """Return how strongly to sharpen the picture, from 0 to 1. The sharpening stands for the real model's work."""
        return _SHARPENING[str(self.settings["enhance_model"])] if self.settings else 0.0


def check_request(body: Any, recraft_factor: int) -> UpscaleRequest:
    """Return the checked request. Raises InvalidRequest that lists every problem. `recraft_factor` is recraft's enlargement."""
    if not isinstance(body, dict):
        raise InvalidRequest([Problem(("body",), "Input should be a valid dictionary", "model_attributes_type")])
    problems = [*_model_problems(body), *_source_problems(body), *_settings_problems(body)]
    if problems:
        raise InvalidRequest(problems)
    settings: dict[str, Value] = {}
    if body["model_name"] == CONFIGURABLE:
        given = body.get("generation_settings") or {}
        settings = {name: _value(rule, given.get(name, rule.default)) for name, rule in SETTINGS.items()}
    factor = int(str(settings["upscale_factor"]).removesuffix("x")) if settings else recraft_factor
    return UpscaleRequest(
        body["model_name"],
        body.get("image_url") or None,
        body.get("generation_result_id"),
        settings,
        factor,
        body,
    )


def _model_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    where = ("body", "model_name")
    if "model_name" not in body:
        yield Problem(where, "Field required", "missing")
    elif not isinstance(body["model_name"], str) or body["model_name"] not in CREDITS:
        yield Problem(where, f"Input should be {_either(tuple(CREDITS))}", "literal_error")


def _source_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    url, result_id = body.get("image_url"), body.get("generation_result_id")
    if url is not None and not isinstance(url, str):
        yield Problem(("body", "image_url"), "Input should be a valid string", "string_type")
    elif url and not is_web_address(url):
        yield Problem(("body", "image_url"), "URL scheme should be 'http' or 'https'", "url_scheme")
    if result_id is not None and (not isinstance(result_id, int) or isinstance(result_id, bool)):
        yield Problem(("body", "generation_result_id"), "Input should be a valid integer", "int_type")
    if (url in (None, "")) == (result_id is None):
        yield Problem(("body",), f"Value error, give exactly one of {' and '.join(_SOURCES)}", "value_error")


def _settings_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    where, given = ("body", "generation_settings"), body.get("generation_settings")
    if given is None or given == {}:
        return
    if not isinstance(given, dict):
        yield Problem(where, "Input should be a valid dictionary", "dict_type")
        return
    if body.get("model_name") != CONFIGURABLE:
        yield Problem(where, f"Value error, only the model {CONFIGURABLE} accepts generation_settings", "value_error")
        return
    for name, rule in SETTINGS.items():
        if name in given and (wrong := _wrong(rule, given[name])) is not None:
            yield Problem((*where, name), *wrong)


def _wrong(rule: Choice | Switch | Number, value: Any) -> tuple[str, str] | None:
    """Return the message and the type of the error in a setting's value, or None if the value is right."""
    if isinstance(rule, Choice):
        if not isinstance(value, str) or value not in rule.words:
            return f"Input should be {_either(rule.words)}", "literal_error"
    elif isinstance(rule, Switch):
        if not isinstance(value, bool) and value not in ("true", "false"):
            return "Input should be a valid boolean", "bool_parsing"
    else:
        number = _number(value)
        if number is None:
            return "Input should be a valid number", "float_parsing"
        if not number >= rule.lowest:
            return f"Input should be greater than or equal to {rule.lowest:g}", "greater_than_equal"
        if not number <= rule.highest:
            return f"Input should be less than or equal to {rule.highest:g}", "less_than_equal"
    return None


def _value(rule: Choice | Switch | Number, value: Any) -> Value:
    """Return the checked value of a setting as a word, a boolean or a number."""
    if isinstance(rule, Switch):
        return value is True or value == "true"
    return float(value) if isinstance(rule, Number) else str(value)


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        sign, digits = (-1, value[1:]) if value.startswith("-") else (1, value)
        return sign * float(digits) if _DECIMAL.fullmatch(digits) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _either(words: tuple[str, ...]) -> str:
    *first, last = (f"'{word}'" for word in words)
    return f"{', '.join(first)} or {last}"
