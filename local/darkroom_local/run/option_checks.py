"""Checks the names and values of `--parameter` and `--set` before anything starts.

The template decides which parameters are valid, and the application's own rules decide which settings are. Each error is one line
and names the nearest valid name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import Any

from darkroom import catalog, planning, setting_layers
from darkroom.configuration import BadConfiguration
from darkroom.errors import InvalidSetting, Refusal, UnknownModel
from darkroom.model import ImageFacts, ImageFormat, Limits
from darkroom.spelling import closest
from darkroom_local.folder.uploads import UnusableSetting
from darkroom_local.run import price_estimate
from darkroom_local.stack import deployment
from darkroom_local.stack.packaging import find_application

# A setting is invalid if neither a tiny picture nor a photo may have it. Submit checks everything that depends on the picture.
_SAMPLES = (ImageFacts(ImageFormat.JPEG, 64, 64), ImageFacts(ImageFormat.JPEG, 4000, 3000))
_SAMPLE_BYTES = 100_000
_OF_BUCKETS = frozenset({"InputBucketName", "OutputBucketName", "InputPrefix", "InputSuffixes"})
_NO_LIMITS = Limits({}, Decimal(0), {}, {})


def check_parameters(parameters: Mapping[str, str]) -> None:
    """Raise UnusableSetting for the first stack parameter that the template does not have, or whose value the template or the
    application refuses."""
    if not parameters:
        return  # reading the template takes a tenth of a second
    known = deployment.read_template(find_application())["Parameters"]
    for name, value in parameters.items():
        if name not in known:
            raise UnusableSetting(f"--parameter {name}: there is no such parameter{_hint(name, known)}")
        if not _is_allowed(known[name], value):
            raise UnusableSetting(f"--parameter {name}={value}: not valid; it must be {_allowed(known[name])}.")
        for provider in _providers_named(name, value):
            if provider not in catalog.providers():
                hint = _hint(provider, catalog.providers())
                raise UnusableSetting(f"--parameter {name}={value}: there is no provider {provider!r}{hint}")
    try:
        price_estimate.limits(parameters)
    except BadConfiguration as bad:
        raise UnusableSetting(f"--parameter {str(bad).removesuffix('; correct it and deploy again')}") from None


def check_for_a_run(parameters: Mapping[str, str]) -> None:
    """Raise UnusableSetting for a stack parameter that makes no sense for a run over a folder."""
    for name in _OF_BUCKETS & parameters.keys():
        raise UnusableSetting(f"--parameter {name}: not for a local run, whose buckets are its own. Leave it out.")


def check_faults(faults: Mapping[str, Iterable[str]]) -> None:
    """Raise UnusableSetting for a fault that the vendor's simulator does not know. `faults` has each vendor's lines."""
    for vendor, lines in faults.items():
        supported = import_module(f"darkroom_local.simulators.{vendor}.faults").SUPPORTED_FAULTS
        for line in lines:
            try:
                supported.parse(line)
            except ValueError as error:
                raise UnusableSetting(f"--fault {vendor}/{line}: {error}") from None


def check_settings(
    settings: Mapping[str, str],
    parameters: Mapping[str, str],
    providers: tuple[str, ...],
    presets: Mapping[str, Mapping[str, str]] = setting_layers.NO_PRESETS,
) -> None:
    """Raise UnusableSetting for a setting that no picture can have: an unknown key or model, or a value that is not allowed.
    `presets` are those of the folder's `darkroom.toml` files, name → settings."""
    try:
        given = setting_layers.Layer(setting_layers.TAGS, settings, carried_by_object=True, closed=True)
        defaults = setting_layers.parse_defaults(parameters.get("DefaultSettings", ""))
        resolved = setting_layers.resolve(
            [given, defaults],
            default_provider=parameters.get("Provider", "topaz"),
            allowed_providers=providers,
            presets=presets,
        )
        if not resolved.skip:
            _plan_any(resolved)
    except (InvalidSetting, UnknownModel) as wrong:
        raise UnusableSetting(_said_of_setting(str(wrong))) from None


def _said_of_setting(wrong: str) -> str:
    """Return a refusal that names the wrong option, and not the layer that the application names."""
    option = "--parameter DefaultSettings" if re.search(f" (in|from) {setting_layers.STACK}", wrong) else "--set"
    return f"{option}: {re.sub(f' (in|from) ({setting_layers.TAGS}|{setting_layers.STACK})', '', wrong)}"


def _providers_named(name: str, value: str) -> list[str]:
    """Return the providers that the value of a parameter names."""
    if name not in ("Provider", "AllowedProviders"):
        return []
    return [part.strip().lower() for part in value.split(",") if part.strip()]


def _plan_any(resolved: setting_layers.Settings) -> None:
    """Plan the samples. If every sample is refused, raise the last refusal if it is about the settings."""
    for sample in _SAMPLES[:-1]:
        with suppress(Refusal):
            planning.plan(resolved, sample, _SAMPLE_BYTES, _NO_LIMITS, datetime.now(UTC).date())
            return
    try:
        planning.plan(resolved, _SAMPLES[-1], _SAMPLE_BYTES, _NO_LIMITS, datetime.now(UTC).date())
    except (InvalidSetting, UnknownModel):
        raise
    except Refusal:
        return  # the size, the price or the format is refused, and that depends on the picture


def _hint(name: str, known: Collection[str]) -> str:
    near = closest(name, known, n=1)
    return f". Did you mean {near[0]}?" if near else f". There are: {', '.join(known)}."


def _is_allowed(parameter: Mapping[str, Any], value: str) -> bool:
    """Return whether CloudFormation takes the value (user guide, "CloudFormation template Parameters syntax")."""
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
