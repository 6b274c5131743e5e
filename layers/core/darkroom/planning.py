"""Planning: turns the resolved settings and the image's facts into a plan, or raises the reason for a rejection. Pure.

It checks, in this order: the model, which settings it takes, their values, the output format, the sizes, and the price of this
job. It must not know the month's budgets, which belong to the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from darkroom import catalog, pricing, sizing
from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom.catalog.parameter_values import describe_allowed, to_wire_value
from darkroom.errors import ImageTooLarge, InvalidSetting, PriceAboveLimit, UnknownModel
from darkroom.model import PIXELS_PER_MEGAPIXEL, ImageFacts, ImageFormat, Limits, Plan, ResolvedSetting, SendMode
from darkroom.setting_layers import OBJECT_LAYERS, OUR_KEYS, Settings, did_you_mean, quoted
from darkroom.spelling import closest

DEFAULT_LAYER = "default"  # the layer of a value that no layer gave and the catalog does
# The bounds of `scale` are ours: below 1 the job would pay to lose pixels, and no model takes more than 16.
OUR_CHOICE = "our own choice, 2026-11"
SCALE = Parameter("scale", "scale", Kind.DECIMAL, Decimal(1), Decimal(16), source=OUR_CHOICE)
SYNCHRONOUS = Parameter("synchronous", "", Kind.BOOL, source=OUR_CHOICE)
CONDITIONAL_KEYS = frozenset({"scale", "input_by", "synchronous"})  # Darkroom's own keys that only some models support
FORMAT_SYNONYMS = {"jpg": "jpeg", "tif": "tiff"}


def plan(settings: Settings, facts: ImageFacts, size_bytes: int, limits: Limits) -> Plan:
    """Return the plan for one upload. Nothing is spent. Do not call it for skipped uploads.

    Raises UnknownModel, InvalidSetting, UnsupportedFormat, ImageTooLarge, PriceAboveLimit.
    """
    provider_catalog = catalog.load(settings.provider)
    notes = list(settings.notes)
    model_setting = _model_setting(settings, provider_catalog, notes)
    model = _find_model(provider_catalog, model_setting)
    accepted = _accepted_settings(settings, provider_catalog, model, notes)
    _resolve_size_conflict(accepted, model, settings.layers, notes)
    values = {name: _check_value(name, resolved, model) for name, resolved in accepted.items()}
    output_format = _output_format(model, facts, accepted, values, notes)
    sides = sizing.size_parameters(model, values, facts)
    width, height = sizing.check_size(provider_catalog, model, sides, facts, size_bytes)
    send_mode = _send_mode(model, accepted, values, width * height, notes)
    values_to_send = {**values, **sides, "output_format": output_format.value}
    recorded = {"model": ResolvedSetting(model.name, model_setting.layer), **accepted, **_ledger_settings(settings)}
    unpriced = Plan(
        provider=settings.provider,
        model=model.name,
        **_endpoints(model, send_mode),
        parameters=_wire_parameters(model, values_to_send),
        settings={name: values_to_send.get(name, resolved.value) for name, resolved in recorded.items()},
        layers={name: resolved.layer for name, resolved in recorded.items()},
        notes=tuple(notes),
        source_format=facts.format,
        output_format=output_format,
        output_width=width,
        output_height=height,
        credits=None,
        credit_price_usd=limits.credit_price_usd.get(settings.provider, provider_catalog.credit_price_usd),
        send_mode=send_mode,
        other_formats=_other_formats(model, output_format),
        label=settings.label,
        max_credits=settings.max_credits,
    )
    credits = pricing.credits(width * height, model.mp_per_credit, model.credits)
    return unpriced if credits is None else with_price(unpriced, credits, limits)


def with_price(plan: Plan, credits: Decimal, limits: Limits) -> Plan:
    """Return the plan with that price. Raises PriceAboveLimit if it is above `max_credits` or the stack's limit for one job;
    a stack limit of 0 means no limit."""
    per_job = limits.credits_per_job.get(plan.provider) or None
    bounds = {"max_credits": plan.max_credits, "MaxCreditsPerJob": per_job}
    present = {name: bound for name, bound in bounds.items() if bound is not None}
    name = min(present, key=lambda bound: present[bound], default=None)
    if name is not None and credits > present[name]:
        raise PriceAboveLimit(
            f"the job costs {credits} credits with {plan.model}; {name} allows {present[name].normalize():f}"
        )
    return replace(plan, credits=credits)


def _model_setting(settings: Settings, provider_catalog: Catalog, notes: list[str]) -> ResolvedSetting:
    """Return the `model` setting, or the provider's default model if there is none. A stack default that names another
    provider's model is dropped and noted."""
    default = ResolvedSetting(provider_catalog.default_model, DEFAULT_LAYER)
    model_setting = settings.values.get("model", default)
    if model_setting.layer in OBJECT_LAYERS or provider_catalog.find_model(model_setting.value):
        return model_setting
    others = [other for other in map(catalog.load, catalog.providers()) if other.find_model(model_setting.value)]
    if not others:
        return model_setting
    notes.append(
        f"model={quoted(model_setting.value)} in {model_setting.layer} is a model of {others[0].provider}, "
        f"not of {provider_catalog.provider}; dropped"
    )
    return default


def _find_model(provider_catalog: Catalog, model_setting: ResolvedSetting) -> Model:
    model = provider_catalog.find_model(model_setting.value)
    if model:
        return model
    by_endpoint: dict[str, list[str]] = {}
    for known in provider_catalog.models.values():
        by_endpoint.setdefault(known.endpoint.removesuffix("/async"), []).append(known.name)
    names = "; ".join(f"{endpoint}: {', '.join(models)}" for endpoint, models in by_endpoint.items())
    near = did_you_mean(closest(model_setting.value.replace("-", " ").replace("_", " "), provider_catalog.models))
    unknown = (
        f"model={quoted(model_setting.value)} in {model_setting.layer} is not a model of {provider_catalog.provider}"
    )
    raise UnknownModel(f"{unknown}{near or '.'} Models: {names}")


def _accepted_settings(
    settings: Settings, provider_catalog: Catalog, model: Model, notes: list[str]
) -> dict[str, ResolvedSetting]:
    """Return the settings that the model takes, with the defaults of its required ones. Any other setting raises
    InvalidSetting if the object itself has it; otherwise it is dropped and noted."""
    required = [parameter for parameter in model.parameters.values() if parameter.required]
    accepted = {parameter.name: ResolvedSetting(parameter.default or "", DEFAULT_LAYER) for parameter in required}
    for name, resolved in settings.values.items():
        if name in OUR_KEYS and name not in CONDITIONAL_KEYS:
            continue
        if _takes(model, name):
            accepted[name] = resolved
            continue
        message = f"{name}={quoted(resolved.value)} in {resolved.layer}: model {model.name} does not take {name}"
        if resolved.layer in OBJECT_LAYERS:
            takers = [other.name for other in provider_catalog.models.values() if _takes(other, name)]
            raise InvalidSetting(
                f"{message}; models that do: {', '.join(takers) or f'none of {provider_catalog.provider}'}"
            )
        notes.append(f"{message}; dropped")
    return accepted


def _takes(model: Model, name: str) -> bool:
    match name:
        case "scale":
            return model.takes_size or bool(model.factors)
        case "input_by":
            return len(model.inputs) > 1
        case "synchronous":
            return model.synchronous_endpoint is not None
    return name in model.parameters


def _resolve_size_conflict(
    accepted: dict[str, ResolvedSetting], model: Model, layers: Sequence[str], notes: list[str]
) -> None:
    """Drop the weaker of `scale` and another setting of size, which exclude each other. Raises InvalidSetting if both come
    from the same layer, or both from the object itself."""
    for side in (*sizing.SIZE_KEYS, *filter(None, [model.factor_parameter])):
        if "scale" not in accepted or side not in accepted:
            continue
        if accepted[side].layer == DEFAULT_LAYER:  # it is only the default of a required parameter
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


def _check_value(name: str, resolved: ResolvedSetting, model: Model) -> str:
    parameter = _parameter(name, model)
    value = to_wire_value(parameter, resolved.value)
    if value is None:
        raise _invalid(name, resolved, model, describe_allowed(parameter))
    if name == "scale" and model.factors and sizing.factor_choice(model, Decimal(value)) is None:
        raise _invalid(name, resolved, model, " or ".join(str(factor) for factor in sorted(model.factors.values())))
    return value


def _parameter(name: str, model: Model) -> Parameter:
    """Return the parameter that describes the key: one of the model's or of Darkroom's own."""
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


def _ledger_settings(settings: Settings) -> dict[str, ResolvedSetting]:
    """Return the settings that the ledger keeps although no vendor is sent them."""
    return {name: settings.values[name] for name in ("provider", "max_credits", "label") if name in settings.values}


def _other_formats(model: Model, expected: ImageFormat) -> tuple[ImageFormat, ...]:
    """Return the formats in which the result may come instead of the expected one."""
    return tuple(form for form in model.output_formats if form is not expected) if model.format_is_open else ()


def _send_mode(
    model: Model, accepted: dict[str, ResolvedSetting], values: dict[str, str], output_pixels: int, notes: list[str]
) -> SendMode:
    """Return how the plan is sent. If the result is too large for a synchronous call, `synchronous` raises ImageTooLarge if
    the object itself has it; otherwise it is dropped and noted."""
    by_link = values.get("input_by", model.inputs[0]) == catalog.LINK
    is_wanted = values.get("synchronous") == "true"
    limit_mp = model.synchronous_max_output_mp
    if is_wanted and limit_mp is not None and output_pixels > limit_mp * PIXELS_PER_MEGAPIXEL:
        message = f"synchronous=true in {accepted['synchronous'].layer}: {model.name} takes it for up to {limit_mp} MP"
        if accepted["synchronous"].layer in OBJECT_LAYERS:
            raise ImageTooLarge(f"{message}; the result would be larger")
        notes.append(f"{message}; dropped")
        del accepted["synchronous"]
        is_wanted = False
    return SendMode.of(by_link=by_link, is_synchronous=model.is_synchronous or is_wanted)


def _endpoints(model: Model, send_mode: SendMode) -> dict[str, Any]:
    """Return the fields of a plan that say where it is sent. A synchronous plan also has the model's queue, in case the
    synchronous endpoint no longer exists."""
    if send_mode.is_synchronous and model.synchronous_endpoint:
        return {"endpoint": model.synchronous_endpoint, "queue_endpoint": model.endpoint}
    return {"endpoint": model.endpoint}


def _output_format(
    model: Model,
    facts: ImageFacts,
    accepted: Mapping[str, ResolvedSetting],
    values: Mapping[str, str],
    notes: list[str],
) -> ImageFormat:
    """Return the output format: the one in the settings, else the input's, else the model's first.

    Raises InvalidSetting for a format that the model does not give, and for a stack default of jpeg that would remove the
    image's transparency. Only the object itself may ask for that.
    """
    default = facts.format if facts.format in model.output_formats else model.output_formats[0]
    word = values.get("output_format", default.value)
    chosen = ImageFormat(FORMAT_SYNONYMS.get(word, word))
    layer = accepted["output_format"].layer if "output_format" in accepted else DEFAULT_LAYER
    if chosen not in model.output_formats:
        formats = ", ".join(model.output_formats)
        raise InvalidSetting(f"output_format={word} in {layer}: {model.name} gives {formats} only")
    if facts.has_alpha and chosen is ImageFormat.JPEG:
        if layer not in OBJECT_LAYERS:
            raise InvalidSetting(
                f"output_format={word} in {layer} would remove this image's transparency; "
                "tag the object output_format=png or tiff to keep it, or output_format=jpeg to remove it"
            )
        notes.append(f"output_format={word} in {layer}: the image's transparency is removed, as requested")
    return chosen


def _wire_parameters(model: Model, values_to_send: Mapping[str, str]) -> dict[str, str]:
    """Return the vendor's name → the vendor's value of each parameter, and of the model. Darkroom's own keys are left out."""
    accepted = [(model.parameters[name], value) for name, value in values_to_send.items() if name in model.parameters]
    return {"model": model.wire} | {
        parameter.wire: parameter.wire_values.get(value, value) for parameter, value in accepted
    }
