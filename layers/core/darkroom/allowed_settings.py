"""Checks which of the resolved settings a model takes, and whether it takes their values. All functions are pure.

A setting on the object itself must fit the model; otherwise InvalidSetting is raised. A setting from the stack's defaults that
does not fit is dropped, and a note says so. This module must not choose the model, and must not know sizes of images or prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from darkroom import sizing
from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom.catalog.parameter_values import describe_allowed, nearest_allowed, to_wire_value
from darkroom.errors import InvalidSetting
from darkroom.model import ResolvedSetting
from darkroom.setting_layers import OBJECT_LAYERS, OUR_KEYS, Settings
from darkroom.setting_words import quoted

DEFAULT_LAYER = "default"  # the layer's name for a value that comes from the catalog
# The bounds of `scale` are our own choice. Below 1, the job would pay to lose pixels, and no model takes more than 16.
OUR_CHOICE = "our own choice, 2026-11"
SCALE = Parameter("scale", "scale", Kind.DECIMAL, Decimal(1), Decimal(16), source=OUR_CHOICE)
SYNCHRONOUS = Parameter("synchronous", "", Kind.BOOL, source=OUR_CHOICE)
CONDITIONAL_KEYS = frozenset({"scale", "input_by", "synchronous"})  # Darkroom's own keys that only some models support


def accepted_settings(
    settings: Settings, provider_catalog: Catalog, model: Model, notes: list[str]
) -> dict[str, ResolvedSetting]:
    """Return the settings that the model takes, and the defaults of its required parameters. Any other setting is dropped, and a
    note is added to `notes`. Raises InvalidSetting if the object itself carries such a setting."""
    required = [parameter for parameter in model.parameters.values() if parameter.required]
    accepted = {parameter.name: ResolvedSetting(parameter.default or "", DEFAULT_LAYER) for parameter in required}
    for name, resolved in settings.values.items():
        if name in OUR_KEYS and name not in CONDITIONAL_KEYS:
            continue
        if takes(model, name):
            accepted[name] = resolved
            continue
        message = f"{name}={quoted(resolved.value)} in {resolved.layer}: model {model.name} does not take {name}"
        if resolved.layer in OBJECT_LAYERS:
            takers = [other.name for other in provider_catalog.models.values() if takes(other, name)]
            raise InvalidSetting(
                f"{message}; models that do: {', '.join(takers) or f'none of {provider_catalog.provider}'}"
            )
        notes.append(f"{message}; dropped")
    return accepted


def takes(model: Model, name: str) -> bool:
    match name:
        case "scale":
            return model.takes_size or bool(model.factors)
        case "input_by":
            return len(model.inputs) > 1
        case "synchronous":
            return model.synchronous_endpoint is not None
    return name in model.parameters


def resolve_size_conflict(
    accepted: dict[str, ResolvedSetting], model: Model, layers: Sequence[str], notes: list[str]
) -> None:
    """If `scale` and another setting of size are both set, drop the one from the weaker layer, because they exclude each other.
    Raises InvalidSetting if both come from the same layer, or both from the object itself."""
    for side in (*sizing.SIZE_KEYS, *filter(None, [model.factor_parameter])):
        if "scale" not in accepted or side not in accepted:
            continue
        if accepted[side].layer == DEFAULT_LAYER:  # nobody set it; it is the default of a required parameter
            del accepted[side]
            continue
        ranks = {name: layers.index(accepted[name].layer) for name in ("scale", side)}
        both_carried = all(accepted[name].layer in OBJECT_LAYERS for name in ranks)
        if both_carried or ranks["scale"] == ranks[side]:
            raise InvalidSetting(
                f"scale={quoted(accepted['scale'].value)} in {accepted['scale'].layer} and {side}={quoted(accepted[side].value)} "
                f"in {accepted[side].layer} exclude each other; keep one of them"
            )
        winner, loser = sorted(ranks, key=lambda name: ranks[name])
        notes.append(
            f"{loser}={quoted(accepted[loser].value)} in {accepted[loser].layer} gives way to {winner}; dropped"
        )
        del accepted[loser]


def check_value(name: str, resolved: ResolvedSetting, model: Model) -> str:
    parameter = _parameter(name, model)
    value = to_wire_value(parameter, resolved.value)
    if value is None:
        near = nearest_allowed(parameter, resolved.value)
        hint = f"; the nearest is {near}" if near is not None else ""
        raise _invalid(name, resolved, model, describe_allowed(parameter) + hint)
    if name == "scale" and model.factors and sizing.factor_choice(model, Decimal(value)) is None:
        raise _invalid(name, resolved, model, " or ".join(str(factor) for factor in sorted(model.factors.values())))
    return value


def fill_in_needs(model: Model, accepted: dict[str, ResolvedSetting], values: dict[str, str], notes: list[str]) -> None:
    """Add the parameters that the vendor requires together with a parameter that is true, unless they are set. Without them, the
    vendor may ignore the parameter and still bill the job."""
    for name in [name for name, value in values.items() if value == "true" and name in model.parameters]:
        for needed, value in model.parameters[name].needs.items():
            if needed in model.parameters and needed not in values:
                accepted[needed], values[needed] = ResolvedSetting(value, DEFAULT_LAYER), value
                notes.append(f"{name}=true needs {needed}; {needed}={value} is added")


def _parameter(name: str, model: Model) -> Parameter:
    """Return the parameter for the key `name`. It is one of the model's parameters or one of Darkroom's own."""
    match name:
        case "scale":
            return SCALE
        case "synchronous":
            return SYNCHRONOUS
        case "input_by":
            return Parameter("input_by", "", Kind.CHOICE, choices=model.inputs, source=OUR_CHOICE)
    return model.parameters[name]


def _invalid(name: str, resolved: ResolvedSetting, model: Model, valid: str) -> InvalidSetting:
    return InvalidSetting(
        f"{name}={quoted(resolved.value)} in {resolved.layer} is not valid for model {model.name}; allowed: {valid}"
    )
