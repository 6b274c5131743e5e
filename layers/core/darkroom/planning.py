"""Turns the resolved settings and the image's facts into a plan, or raises the reason for a rejection. All functions are pure.

The checks come in this order: the model and whether it is still offered, which settings it takes, their values, the output
format, the sizes, and the price of this job. This module must not know the month's budgets, which belong to the ledger, and no
clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from darkroom import allowed_settings, catalog, pricing, retirement, sizing
from darkroom.allowed_settings import CONDITIONAL_KEYS, DEFAULT_LAYER
from darkroom.catalog import Catalog, Model
from darkroom.errors import ImageTooLarge, InvalidSetting, PriceAboveLimit, UnknownModel
from darkroom.model import (
    PIXELS_PER_MEGAPIXEL,
    ImageFacts,
    ImageFormat,
    Limits,
    Plan,
    ResolvedSetting,
    SendMode,
    Spelling,
)
from darkroom.own_settings import CHOICES, REPLACE
from darkroom.setting_layers import OBJECT_LAYERS, OUR_KEYS, Settings, is_of_stack
from darkroom.setting_words import did_you_mean, quoted
from darkroom.spelling import closest

NO_SPELLINGS: Mapping[str, Spelling] = {}
FORMAT_SYNONYMS = {"jpg": "jpeg", "tif": "tiff"}


class RetiredModel(UnknownModel):
    """The provider has retired the model, and no successor takes its place, because of the settings `causes`."""

    def __init__(self, message: str, *causes: ResolvedSetting) -> None:
        super().__init__(message)
        layers = {cause.layer for cause in causes} - {DEFAULT_LAYER}
        self.is_wrong_default = bool(layers) and all(is_of_stack(layer) for layer in layers)


def plan(
    settings: Settings,
    facts: ImageFacts,
    size_bytes: int,
    limits: Limits,
    today: date,
    spellings: Mapping[str, Spelling] = NO_SPELLINGS,
) -> Plan:
    """Return the plan for one upload, with the models that the provider offers on the day `today`. This spends nothing. It must
    not be called for skipped uploads. `spellings` maps providers to the spellings that replace the catalog's.

    Raises UnknownModel (also for a retired model), InvalidSetting, UnsupportedFormat, ImageTooLarge, PriceAboveLimit.
    """
    book = catalog.load(settings.provider)
    notes = list(settings.notes)
    model_setting = _model_setting(settings, book, notes)
    model = _find_model(book, model_setting)
    spelling = spellings.get(settings.provider, book.setting_spelling)

    wanted = _Wanted(settings, facts, size_bytes, limits, model_setting.layer, spelling)
    if model.lifecycle.is_retired(today):
        successor = _successor(book, model, model_setting, settings, today)
        price = _price(model, wanted)
        planned = _plan_with(
            successor, wanted, [*notes, f"{retirement.refusal(model, book.provider)}; {successor.name} took its place"]
        )
        _check_no_dearer(planned, model, price)
        return planned
    notes += filter(None, [retirement.note(model, today)])
    return _plan_with(model, wanted, notes)


@dataclass(frozen=True)
class _Wanted:
    """Holds the inputs of a plan, apart from the model."""

    settings: Settings
    facts: ImageFacts
    size_bytes: int
    limits: Limits
    model_layer: str  # the layer that named the model
    spelling: Spelling


def _plan_with(model: Model, wanted: _Wanted, notes: list[str]) -> Plan:
    """Return the plan with that model. A note is added to `notes` for each setting that is dropped or filled in."""
    settings, facts, limits = wanted.settings, wanted.facts, wanted.limits
    book = catalog.load(settings.provider)
    accepted, values = _accepted_values(model, settings, notes)
    output_format = _output_format(model, facts, accepted, values, notes)
    sides = sizing.size_parameters(model, values, facts)
    width, height = sizing.check_size(book, model, sides, facts, wanted.size_bytes)
    if facts.is_sideways and sides:
        turns = "turns the pixels of" if book.turns_pixels else "ignores the EXIF orientation of"
        notes.append(f"the image is stored with a quarter turn; assumed: {book.provider} {turns} such images")
    send_mode = _send_mode(model, accepted, values, width * height, notes)
    values_to_send = {**values, **sides, "output_format": output_format.value}
    recorded = {"model": ResolvedSetting(model.name, wanted.model_layer), **accepted, **_ledger_settings(settings)}
    unpriced = Plan(
        provider=settings.provider,
        model=model.name,
        **_endpoints(model, send_mode),
        parameters=_wire_parameters(model, sizing.sides_as_stored(book, values_to_send, facts), wanted.spelling),
        settings={name: values_to_send.get(name, resolved.value) for name, resolved in recorded.items()},
        layers={name: resolved.layer for name, resolved in recorded.items()},
        notes=tuple(notes),
        source_format=facts.format,
        output_format=output_format,
        output_width=width,
        output_height=height,
        credits=None,
        credit_price_usd=limits.credit_price_usd.get(settings.provider, book.credit_price_usd),
        send_mode=send_mode,
        other_formats=_other_formats(model, output_format),
        label=settings.label,
        max_credits=settings.max_credits,
        output_rules=settings.output,
    )
    credits = pricing.credits(width * height, model.mp_per_credit, model.credits)
    return unpriced if credits is None else with_price(unpriced, credits, limits)


def _accepted_values(
    model: Model, settings: Settings, notes: list[str]
) -> tuple[dict[str, ResolvedSetting], dict[str, str]]:
    """Return the settings that the model takes, and their values as the vendor writes them. Raises InvalidSetting."""
    accepted = allowed_settings.accepted_settings(settings, catalog.load(settings.provider), model, notes)
    allowed_settings.resolve_size_conflict(accepted, model, settings.layers, notes)
    values = {name: allowed_settings.check_value(name, resolved, model) for name, resolved in accepted.items()}
    allowed_settings.fill_in_needs(model, accepted, values, notes)
    return accepted, values


def _price(model: Model, wanted: _Wanted) -> Decimal | None:
    """Return what the model would cost, whatever the limits on sizes and prices are. Raises InvalidSetting."""
    _, values = _accepted_values(model, wanted.settings, [])
    sides = sizing.size_parameters(model, values, wanted.facts)
    width, height = sizing.output_size(model, sides, wanted.facts)
    return pricing.credits(width * height, model.mp_per_credit, model.credits)


def _successor(book: Catalog, model: Model, model_setting: ResolvedSetting, settings: Settings, today: date) -> Model:
    """Return the model that replaces a retired model. Raises RetiredModel unless the successor takes every setting that the
    retired model took. If somebody named the model, the setting `retired` must also be `replace`."""
    refused = (
        f"model={quoted(model_setting.value)} in {model_setting.layer}: {retirement.refusal(model, book.provider)}"
    )
    successor = retirement.successor(book, model, today)
    if successor is None:
        raise RetiredModel(f"{refused}. Models: {', '.join(book.models)}", model_setting)
    if settings.retired != REPLACE and model_setting.layer != DEFAULT_LAYER:
        raise RetiredModel(
            f"{refused}. Set model={successor.name}, or set retired=replace to use it automatically",
            model_setting,
            settings.values.get("retired", model_setting),
        )
    for name, resolved in settings.values.items():
        is_sent = (name not in OUR_KEYS or name in CONDITIONAL_KEYS) and allowed_settings.takes(model, name)
        if is_sent and (why := _why_not_taken(name, resolved, successor)):
            raise RetiredModel(f"{refused}. {successor.name} cannot take its place: {why}", model_setting, resolved)
    return successor


def _why_not_taken(name: str, resolved: ResolvedSetting, successor: Model) -> str | None:
    """Return why the successor does not take the setting or its value, None if it takes it."""
    if not allowed_settings.takes(successor, name):
        return f"it does not take {name}"
    try:
        allowed_settings.check_value(name, resolved, successor)
    except InvalidSetting as fault:
        return str(fault)
    return None


def _check_no_dearer(planned: Plan, model: Model, price: Decimal | None) -> None:
    """Raise UnknownModel if the successor's plan costs more than the retired model, or if one of the two prices is unknown."""
    if price is None or planned.credits is None or planned.credits > price:
        raise UnknownModel(
            f"{planned.provider} has retired {model.name}. {planned.model} cannot take its place: it costs "
            f"{planned.credits} credits, {model.name} cost {price}. Set model={planned.model} to take it"
        )


def with_price(plan: Plan, credits: Decimal, limits: Limits) -> Plan:
    """Return the plan with `credits` as its price. Raises PriceAboveLimit if the price is above `max_credits` or the stack's
    limit for one job. A stack limit of 0 means no limit."""
    per_job = limits.credits_per_job.get(plan.provider) or None
    bounds = {"max_credits": plan.max_credits, "MaxCreditsPerJob": per_job}
    present = {name: bound for name, bound in bounds.items() if bound is not None}
    name = min(present, key=lambda bound: present[bound], default=None)
    if name is not None and credits > present[name]:
        raise PriceAboveLimit(
            f"the job costs {credits} credit{'' if credits == 1 else 's'} with {plan.model}; "
            f"{name} allows {present[name].normalize():f}"
        )
    return replace(plan, credits=credits)


def _model_setting(settings: Settings, provider_catalog: Catalog, notes: list[str]) -> ResolvedSetting:
    """Return the setting `model`, or the provider's default model if there is none. A stack default that names another provider's
    model is dropped, and a note says so."""
    default = ResolvedSetting(provider_catalog.default_model, DEFAULT_LAYER)
    model_setting = settings.values.get("model", default)
    if model_setting.layer in OBJECT_LAYERS or provider_catalog.find_model(model_setting.value):
        return model_setting
    others = catalog.providers_with(model_setting.value)
    if not others:
        return model_setting
    notes.append(
        f"model={quoted(model_setting.value)} in {model_setting.layer} is a model of {others[0]}, "
        f"not of {provider_catalog.provider}; dropped"
    )
    return default


def _find_model(provider_catalog: Catalog, model_setting: ResolvedSetting) -> Model:
    model = provider_catalog.find_model(model_setting.value)
    if model:
        return model
    unknown = (
        f"model={quoted(model_setting.value)} in {model_setting.layer} is not a model of {provider_catalog.provider}"
    )
    if others := catalog.providers_with(model_setting.value):
        raise UnknownModel(f"{unknown}. It is a model of {' and of '.join(others)}: give provider={others[0]}")
    by_endpoint: dict[str, list[str]] = {}
    for known in provider_catalog.models.values():
        by_endpoint.setdefault(known.endpoint.removesuffix("/async"), []).append(known.name)
    names = "; ".join(f"{endpoint}: {', '.join(models)}" for endpoint, models in by_endpoint.items())
    near = did_you_mean(closest(model_setting.value.replace("-", " ").replace("_", " "), provider_catalog.models))
    raise UnknownModel(f"{unknown}{near or '.'} Models: {names}")


def _ledger_settings(settings: Settings) -> dict[str, ResolvedSetting]:
    """Return the settings that are kept in the ledger but not sent to a vendor."""
    kept = ("provider", "preset", "max_credits", "label", "retired", *CHOICES)
    return {name: settings.values[name] for name in kept if name in settings.values}


def _other_formats(model: Model, expected: ImageFormat) -> tuple[ImageFormat, ...]:
    """Return the formats that the result may have instead of the expected format."""
    return tuple(form for form in model.output_formats if form is not expected) if model.format_is_open else ()


def _send_mode(
    model: Model, accepted: dict[str, ResolvedSetting], values: dict[str, str], output_pixels: int, notes: list[str]
) -> SendMode:
    """Return how the plan is sent. If the result is too large for a synchronous call, the setting `synchronous` is dropped and a
    note says so. Raises ImageTooLarge if the object itself carries that setting."""
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
    """Return the fields of a plan that say where it is sent. A synchronous plan also has the asynchronous endpoint, for use if
    the synchronous endpoint no longer exists."""
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
    """Return the output format: the format in the settings, otherwise the input's, otherwise the model's first one.

    Raises InvalidSetting for a format that the model does not give, and for a stack default of jpeg that would remove the image's
    transparency. Only a setting on the object itself may remove it.
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


def _wire_parameters(model: Model, values_to_send: Mapping[str, str], spelling: Spelling) -> dict[str, str]:
    """Return the parameters and the model by the vendor's names, with the vendor's values. Darkroom's own keys are left out. With
    the spelling `both`, a parameter may appear under two names."""
    accepted = [(model.parameters[name], value) for name, value in values_to_send.items() if name in model.parameters]
    return {"model": model.wire} | {
        wire: parameter.wire_values.get(value, value)
        for parameter, value in accepted
        for wire in parameter.wire_names(spelling)
    }
