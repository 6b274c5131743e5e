"""Checks `--parameter` and `--set` before anything starts: names and values, by the template and the catalog.

It decides nothing itself: the template says what a parameter may be, and the application's own rules say what a setting may be.
Its errors are one line each and name the nearest right name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from darkroom import planning, setting_layers
from darkroom.errors import InvalidSetting, Refusal, UnknownModel
from darkroom.model import ImageFacts, ImageFormat, Limits
from darkroom.spelling import closest
from darkroom_local import stack_deployment
from darkroom_local.folder_uploads import UnusableSetting
from darkroom_local.packaging import find_application

# A setting is wrong if neither a tiny picture nor a photo may have it. What depends on the picture, submit checks.
_SAMPLES = (ImageFacts(ImageFormat.JPEG, 64, 64), ImageFacts(ImageFormat.JPEG, 4000, 3000))
_SAMPLE_BYTES = 100_000
_NO_LIMITS = Limits({}, Decimal(0), {}, {})


def check_parameters(parameters: Mapping[str, str]) -> None:
    """Raises UnusableSetting for the first stack parameter that the template does not have, or whose value it refuses."""
    if not parameters:
        return  # to read the template takes a tenth of a second
    known = stack_deployment.read_template(find_application())["Parameters"]
    for name, value in parameters.items():
        if name not in known:
            raise UnusableSetting(f"--parameter {name}: there is no such parameter{_hint(name, known)}")
        if not _is_allowed(known[name], value):
            raise UnusableSetting(f"--parameter {name}={value}: not valid; it must be {_allowed(known[name])}.")


def check_settings(settings: Mapping[str, str], parameters: Mapping[str, str], providers: tuple[str, ...]) -> None:
    """Raises UnusableSetting for a setting that no picture can have: an unknown key or model, or a value that is not allowed."""
    try:
        given = setting_layers.Layer(setting_layers.TAGS, settings, carried_by_object=True, closed=True)
        defaults = setting_layers.parse_defaults(parameters.get("DefaultSettings", ""))
        resolved = setting_layers.resolve(
            [given, defaults], default_provider=parameters.get("Provider", "topaz"), allowed_providers=providers
        )
        if not resolved.skip:
            _plan_any(resolved)
    except (InvalidSetting, UnknownModel) as wrong:
        raise UnusableSetting(f"--set: {re.sub(' (in|from) tags', '', str(wrong))}") from None


def _plan_any(resolved: setting_layers.Settings) -> None:
    """Raises the refusal of the last sample if all are refused."""
    for sample in _SAMPLES[:-1]:
        with suppress(Refusal):
            planning.plan(resolved, sample, _SAMPLE_BYTES, _NO_LIMITS, datetime.now(UTC).date())
            return
    try:
        planning.plan(resolved, _SAMPLES[-1], _SAMPLE_BYTES, _NO_LIMITS, datetime.now(UTC).date())
    except (InvalidSetting, UnknownModel):
        raise
    except Refusal:
        return  # too large, too dear, or a format: that depends on the picture


def _hint(name: str, known: Mapping[str, Any]) -> str:
    near = closest(name, known, n=1)
    return f". Did you mean {near[0]}?" if near else f". There are: {', '.join(known)}."


def _is_allowed(parameter: Mapping[str, Any], value: str) -> bool:
    """Whether CloudFormation takes the value (user guide, "CloudFormation template Parameters syntax")."""
    if "AllowedValues" in parameter and value not in {_word(one) for one in parameter["AllowedValues"]}:
        return False
    if parameter["Type"] == "Number" and not _is_in_range(parameter, value):
        return False
    if len(value) > int(parameter.get("MaxLength", len(value))):
        return False
    pattern = parameter.get("AllowedPattern")
    parts = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
    return pattern is None or all(re.fullmatch(pattern, part) for part in parts)


def _is_in_range(parameter: Mapping[str, Any], value: str) -> bool:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    low, high = parameter.get("MinValue", number), parameter.get("MaxValue", number)
    return number.is_finite() and Decimal(low) <= number <= Decimal(high)


def _allowed(parameter: Mapping[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return " or ".join(_word(one) or "empty" for one in parameter["AllowedValues"])
    if "MinValue" in parameter:
        return f"a number from {parameter['MinValue']} to {parameter['MaxValue']}"
    limit = f", at most {parameter['MaxLength']} characters" if "MaxLength" in parameter else ""
    return f"{parameter.get('ConstraintDescription', 'a value of the template')}{limit}"


def _word(value: object) -> str:
    return str(value)
