"""Check the body of a request. As with the vendor, some checks run at once and the others when the generation runs.

Three things are checked at once: the body is a JSON object, the model is known, and the number of generations is valid. The
parameters of the model are passed on, and `check_parameters` checks them when the generation runs. It is assumed that
unknown parameters are ignored. This module fetches and starts nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom_local.simulators.framework.input_urls import is_web_address
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.oxen.errors import PlainRefusal
from darkroom_local.simulators.oxen.published_facts import (
    AS_BASE64,
    AS_URL,
    FACTOR_PARAMETERS,
    GENERATIONS_HIGHEST,
    INPUT,
    MODELS,
    NAMESPACE,
    OTHER_FACTOR,
    Choice,
    Number,
    Rule,
    Text,
)

_SHARPENING: Mapping[str, float] = {"Standard V2": 0.3, "Low Resolution V2": 0.5, "High Fidelity V2": 0.2}
_TARGETS = ("target_namespace", "target_repo", "target_directory")
_NOT_FOR_MODEL = ("model", "num_generations", *_TARGETS)  # fields of a body that are not passed on to the model
_COUNT = f"num_generations must be an integer between 1 and {GENERATIONS_HIGHEST}"
_FORMATS = {"jpg": "jpeg", "png": "png"}

Rules = Mapping[str, Rule]


class UnusableInput(Exception):
    """The model cannot use the parameters or the picture of a request. The text tells the client why."""


@dataclass(frozen=True)
class GenerationRequest:
    """An accepted body: the model, the number of generations, where results belong, and the model's parameters as received."""

    model: str
    count: int
    targets: Mapping[str, str | None]
    params: Mapping[str, Any]

    @property
    def input_image(self) -> str | None:
        """Return the URL of the picture, or None if the body has no text in this place."""
        given = self.params.get(INPUT)
        return given if isinstance(given, str) else None

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings of the model as received, with defaults for those not given. They are not checked."""
        return _values(self.params, MODELS[self.model])


@dataclass(frozen=True)
class CheckedParameters:
    """The checked parameters of the model: the URL of the picture, and how to enlarge it."""

    input_image: str
    factor: int
    format: str
    sharpening: float  # how strongly to sharpen, from 0 to 1; it stands for the real model's work


def read_request(body: Any, models: Collection[str]) -> GenerationRequest:
    """Return the request that a body asks for. Raises Refusal for the faults that the vendor answers with an error immediately.

    `models` are the names of the known models.
    """
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    model, count = body.get("model"), body.get("num_generations", 1)
    if not isinstance(model, str) or not model:
        raise Refusal(400, "model is required")
    if model not in models:
        raise PlainRefusal(404, f"Model not found: {model}")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= GENERATIONS_HIGHEST:
        raise Refusal(400, _COUNT)
    given = {name: body.get(name) for name in _TARGETS}
    targets = {name: value if isinstance(value, str) else None for name, value in given.items()}
    targets["target_namespace"] = targets["target_namespace"] or NAMESPACE
    return GenerationRequest(
        model, count, targets, {name: value for name, value in body.items() if name not in _NOT_FOR_MODEL}
    )


def check_parameters(params: Mapping[str, Any], rules: Rules) -> CheckedParameters:
    """Check the parameters by the model's rules and return them. Raises UnusableInput that lists every problem."""
    wrong = "; ".join(_problems(params, rules))
    if wrong:
        raise UnusableInput(wrong)
    values = _values(params, rules)
    factors = [str(values[name]).removesuffix("x") for name in FACTOR_PARAMETERS if name in values]
    return CheckedParameters(
        params[INPUT],
        int(factors[0]) if factors else OTHER_FACTOR,
        _FORMATS[values.get("output_format", "png")],
        _SHARPENING.get(values.get("enhance_model", ""), 0.0),
    )


def _values(params: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    """Return the model's parameters with their values or defaults. A parameter with neither is left out."""
    defaults = {name: rule.default for name, rule in rules.items() if isinstance(rule, Choice)}
    return defaults | {name: params[name] for name in rules if name in params}


def _problems(params: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    url = params.get(INPUT)
    if INPUT not in params:
        yield f"{INPUT} is required"
    elif not isinstance(url, str) or not is_web_address(url):
        yield f"{INPUT} must be a valid URI"
    for name, rule in rules.items():
        if name in params and (wrong := _wrong(rule, params[name])):
            yield f"{name} must be {wrong}; got {params[name]!r}"
    if params.get("response_format", AS_URL) not in (AS_URL, AS_BASE64):
        yield f"response_format must be one of: {AS_URL}, {AS_BASE64}"


def _wrong(rule: Rule, value: Any) -> str:
    """Return a text that says what the value must be, or an empty text if the value is right."""
    if isinstance(rule, Choice):
        return "" if value in rule.words else f"one of: {', '.join(rule.words)}"
    if isinstance(rule, Number):
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = whole and rule.lowest <= value <= rule.highest
        return "" if fits else f"an integer between {rule.lowest} and {rule.highest}"
    if isinstance(rule, Text):
        fits = isinstance(value, str) and len(value) <= rule.longest_characters
        return "" if fits else f"a string of at most {rule.longest_characters} characters"
    return "" if isinstance(value, bool) else "a boolean"
