"""Check a body: some checks run at once, as the vendor does, and the others when the generation runs.

Checked at once: the body is a JSON object, the model is known, and the number of generations is valid. The model's
own parameters are passed on unchecked; `check_parameters` checks them when the generation runs. Assumed: unknown
parameters are ignored. This module fetches and starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom_local.simulators.framework.input_urls import is_web_address
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.oxen.errors import PlainRefusal
from darkroom_local.simulators.oxen.published_facts import (
    AS_BASE64,
    AS_URL,
    CHOICES,
    GENERATIONS_HIGHEST,
    INPUT,
    MODEL,
    NAMESPACE,
)

_SHARPENING: Mapping[str, float] = {"Standard V2": 0.3, "Low Resolution V2": 0.5, "High Fidelity V2": 0.2}
_TARGETS = ("target_namespace", "target_repo", "target_directory")
_NOT_FOR_MODEL = ("model", "num_generations", *_TARGETS)  # not passed on to the model
_COUNT = f"num_generations must be an integer between 1 and {GENERATIONS_HIGHEST}"
_FORMATS = {"jpg": "jpeg", "png": "png"}

Choices = Mapping[str, tuple[str, ...]]


class UnusableInput(Exception):
    """The model cannot use its parameters or its picture. The text is for the client."""


@dataclass(frozen=True)
class GenerationRequest:
    """An accepted body: the target, the number of generations, and the model's parameters as received."""

    model: str
    count: int
    targets: Mapping[str, str | None]
    params: Mapping[str, Any]

    @property
    def input_image(self) -> str | None:
        """Return the URL of the picture if it is text, else None."""
        given = self.params.get(INPUT)
        return given if isinstance(given, str) else None

    @property
    def settings(self) -> dict[str, Any]:
        """Return the model's settings as received, or their defaults. They are not checked."""
        return {name: self.params.get(name, choice.default) for name, choice in CHOICES.items()}


@dataclass(frozen=True)
class CheckedParameters:
    """Checked parameters: the picture to enlarge, and how."""

    input_image: str
    factor: int
    format: str
    sharpening: float  # how strongly to sharpen, in place of the real model's work


def read_request(body: Any) -> GenerationRequest:
    """Return the request of a body. Raises Refusal where the vendor refuses at once."""
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    model, count = body.get("model"), body.get("num_generations", 1)
    if not isinstance(model, str) or not model:
        raise Refusal(400, "model is required")
    if model != MODEL:
        raise PlainRefusal(404, f"Model not found: {model}")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= GENERATIONS_HIGHEST:
        raise Refusal(400, _COUNT)
    given = {name: body.get(name) for name in _TARGETS}
    targets = {name: value if isinstance(value, str) else None for name, value in given.items()}
    targets["target_namespace"] = targets["target_namespace"] or NAMESPACE
    return GenerationRequest(
        model, count, targets, {name: value for name, value in body.items() if name not in _NOT_FOR_MODEL}
    )


def check_parameters(params: Mapping[str, Any], choices: Choices) -> CheckedParameters:
    """Return the checked parameters. Raises UnusableInput that lists every problem."""
    wrong = "; ".join(_problems(params, choices))
    if wrong:
        raise UnusableInput(wrong)
    values = {name: params.get(name, choice.default) for name, choice in CHOICES.items()}
    return CheckedParameters(
        params[INPUT],
        int(values["upscale_factor"].removesuffix("x")),
        _FORMATS[values["output_format"]],
        _SHARPENING.get(values["enhance_model"], 0.0),
    )


def _problems(params: Mapping[str, Any], choices: Choices) -> Iterator[str]:
    url = params.get(INPUT)
    if INPUT not in params:
        yield f"{INPUT} is required"
    elif not isinstance(url, str) or not is_web_address(url):
        yield f"{INPUT} must be a valid URI"
    for name, words in choices.items():
        value = params.get(name, CHOICES[name].default)
        if value not in words:
            yield f"{name} must be one of: {', '.join(words)}; got {value!r}"
    if params.get("response_format", AS_URL) not in (AS_URL, AS_BASE64):
        yield f"response_format must be one of: {AS_URL}, {AS_BASE64}"
