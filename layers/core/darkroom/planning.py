"""From resolved settings and the image's facts to a plan that may be paid for, or a refusal. Pure.

Checks, in this order: the model, which settings it takes, their values, the output format, sizes, the price of this
one job. It must not know the month's budgets: those belong to the ledger.
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
from darkroom.model import ImageFacts, ImageFormat, Limits, Plan, ResolvedSetting, SendMode
from darkroom.setting_layers import OBJECT_LAYERS, OUR_KEYS, Settings, did_you_mean, shown
from darkroom.spelling import closest

DEFAULT_LAYER = "default"  # the catalog's own choice, when no layer spoke
# Ours, not a vendor's: below 1 would pay to lose pixels, above 16 nothing a model accepts is left.
OUR_CHOICE = "our own choice, 2026-11"
SCALE = Parameter("scale", "scale", Kind.DECIMAL, Decimal(1), Decimal(16), source=OUR_CHOICE)
SYNCHRONOUS = Parameter("synchronous", "", Kind.BOOL, source=OUR_CHOICE)
HOW_KEYS = frozenset({"scale", "input_by", "synchronous"})  # ours, but only for models that can
FORMAT_SYNONYMS = {"jpg": "jpeg", "tif": "tiff"}


def plan(settings: Settings, facts: ImageFacts, size_bytes: int, limits: Limits) -> Plan:
    """Everything decided about one upload; nothing is spent yet.

    Raises UnknownModel, InvalidSetting, ImageTooLarge, PriceAboveLimit. Not for skipped uploads.
    """
    book = catalog.load(settings.provider)
    notes = list(settings.notes)
    named = _named_model(settings, book, notes)
    model = _model(book, named)
    asked = _taken(settings, book, model, notes)
    _settle_size_conflict(asked, model, settings.layers, notes)
    values = {name: _value(name, resolved, model) for name, resolved in asked.items()}
    output_format = _output_format(model, facts, asked, values, notes)
    sides = sizing.sides_to_send(model, values, facts)
    width, height = sizing.checked_size(book, model, sides, facts, size_bytes)
    send_mode = _send_mode(model, asked, values, width * height, notes)
    sent = {**values, **sides, "output_format": output_format.value}
    kept = {"model": ResolvedSetting(model.name, named.layer), **asked, **_ours(settings)}
    planned = Plan(
        provider=settings.provider,
        model=model.name,
        **_endpoints(model, send_mode),
        parameters=_on_the_wire(model, sent),
        settings={name: sent.get(name, resolved.value) for name, resolved in kept.items()},
        layers={name: resolved.layer for name, resolved in kept.items()},
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
    )
    credits = pricing.credits(width * height, model.mp_per_credit, model.credits)
    return planned if credits is None else priced(planned, credits, limits)


def priced(plan: Plan, credits: Decimal, limits: Limits) -> Plan:
    """The plan at that price. Raises PriceAboveLimit when one job may not cost so much; 0 in the stack's limit is none."""
    per_job = limits.credits_per_job.get(plan.provider) or None
    bounds = {"max_credits": plan.max_credits, "MaxCreditsPerJob": per_job}
    present = {name: bound for name, bound in bounds.items() if bound is not None}
    name = min(present, key=lambda bound: present[bound], default=None)
    if name is not None and credits > present[name]:
        raise PriceAboveLimit(
            f"the job costs {credits} credits with {plan.model}; {name} allows {present[name].normalize():f}"
        )
    return replace(plan, credits=credits)


def _named_model(settings: Settings, book: Catalog, notes: list[str]) -> ResolvedSetting:
    """The model asked for, else the provider's default; another provider's in a default gives way to it."""
    usual = ResolvedSetting(book.default_model, DEFAULT_LAYER)
    named = settings.values.get("model", usual)
    if named.layer in OBJECT_LAYERS or book.find_model(named.value):
        return named
    others = [other for other in map(catalog.load, catalog.providers()) if other.find_model(named.value)]
    if not others:
        return named
    notes.append(
        f"model={shown(named.value)} in {named.layer} is a model of {others[0].provider}, not of {book.provider}; dropped"
    )
    return usual


def _model(book: Catalog, named: ResolvedSetting) -> Model:
    model = book.find_model(named.value)
    if model:
        return model
    by_endpoint: dict[str, list[str]] = {}
    for known in book.models.values():
        by_endpoint.setdefault(known.endpoint.removesuffix("/async"), []).append(known.name)
    names = "; ".join(f"{endpoint}: {', '.join(models)}" for endpoint, models in by_endpoint.items())
    near = did_you_mean(closest(named.value.replace("-", " ").replace("_", " "), book.models))
    unknown = f"model={shown(named.value)} in {named.layer} is no model of {book.provider}"
    raise UnknownModel(f"{unknown}{near or '.'} Models: {names}")


def _taken(settings: Settings, book: Catalog, model: Model, notes: list[str]) -> dict[str, ResolvedSetting]:
    """The settings this model takes. Another is refused when the object carries it, else dropped and noted."""
    required = [parameter for parameter in model.parameters.values() if parameter.required]
    taken = {parameter.name: ResolvedSetting(parameter.default or "", DEFAULT_LAYER) for parameter in required}
    for name, resolved in settings.values.items():
        if name in OUR_KEYS and name not in HOW_KEYS:
            continue
        if _takes(model, name):
            taken[name] = resolved
            continue
        message = f"{name}={shown(resolved.value)} in {resolved.layer}: model {model.name} does not take {name}"
        if resolved.layer in OBJECT_LAYERS:
            takers = [other.name for other in book.models.values() if _takes(other, name)]
            raise InvalidSetting(f"{message}; models that do: {', '.join(takers) or f'none of {book.provider}'}")
        notes.append(f"{message}; dropped")
    return taken


def _takes(model: Model, name: str) -> bool:
    match name:
        case "scale":
            return model.takes_size or bool(model.factors)
        case "input_by":
            return len(model.inputs) > 1
        case "synchronous":
            return model.synchronous_endpoint is not None
    return name in model.parameters


def _settle_size_conflict(
    asked: dict[str, ResolvedSetting], model: Model, layers: Sequence[str], notes: list[str]
) -> None:
    """`scale` and another key of size cannot both be met: the stronger layer wins; as equals they are refused."""
    for side in (*sizing.SIZE_KEYS, *filter(None, [model.factor_parameter])):
        if "scale" not in asked or side not in asked:
            continue
        if asked[side].layer == DEFAULT_LAYER:  # nobody asked for it: it is only what a required parameter needs
            del asked[side]
            continue
        ranks = {name: layers.index(asked[name].layer) for name in ("scale", side)}
        both_carried = all(asked[name].layer in OBJECT_LAYERS for name in ranks)
        if both_carried or ranks["scale"] == ranks[side]:
            raise InvalidSetting(
                f"scale={shown(asked['scale'].value)} in {asked['scale'].layer} and {side}={shown(asked[side].value)} "
                f"in {asked[side].layer} exclude each other; keep one of them"
            )
        winner, loser = sorted(ranks, key=lambda name: ranks[name])
        notes.append(f"{loser}={shown(asked[loser].value)} in {asked[loser].layer} gives way to {winner}; dropped")
        del asked[loser]


def _value(name: str, resolved: ResolvedSetting, model: Model) -> str:
    parameter = _parameter(name, model)
    value = to_wire_value(parameter, resolved.value)
    if value is None:
        raise _invalid(name, resolved, model, describe_allowed(parameter))
    if name == "scale" and model.factors and sizing.word_for(model, Decimal(value)) is None:
        raise _invalid(name, resolved, model, " or ".join(str(factor) for factor in sorted(model.factors.values())))
    return value


def _parameter(name: str, model: Model) -> Parameter:
    """What the key takes: one of the model's parameters, or of ours."""
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
        f"{name}={shown(resolved.value)} in {resolved.layer} is not valid for model {model.name}; allowed: {valid}"
    )


def _ours(settings: Settings) -> dict[str, ResolvedSetting]:
    """What is kept in the ledger though it concerns no vendor."""
    return {name: settings.values[name] for name in ("provider", "max_credits", "label") if name in settings.values}


def _other_formats(model: Model, expected: ImageFormat) -> tuple[ImageFormat, ...]:
    """What the provider may give instead of what is expected."""
    return tuple(form for form in model.output_formats if form is not expected) if model.format_is_open else ()


def _send_mode(
    model: Model, asked: dict[str, ResolvedSetting], values: dict[str, str], output_pixels: int, notes: list[str]
) -> SendMode:
    """How it is sent. A synchronous call that is too large is refused when the object asks for it, else given up."""
    by_link = values.get("input_by", model.inputs[0]) == catalog.LINK
    wished = values.get("synchronous") == "true"
    most = model.synchronous_max_output_mp
    if wished and most is not None and output_pixels > most * pricing.PIXELS_PER_MEGAPIXEL:
        message = f"synchronous=true in {asked['synchronous'].layer}: {model.name} answers at once up to {most} MP"
        if asked["synchronous"].layer in OBJECT_LAYERS:
            raise ImageTooLarge(f"{message}; the result would be larger")
        notes.append(f"{message}; dropped")
        del asked["synchronous"]
        wished = False
    return SendMode.of(by_link=by_link, is_synchronous=model.is_synchronous or wished)


def _endpoints(model: Model, send_mode: SendMode) -> dict[str, Any]:
    """Where it is sent; and where else, should a synchronous endpoint that stands beside the usual one be gone."""
    if send_mode.is_synchronous and model.synchronous_endpoint:
        return {"endpoint": model.synchronous_endpoint, "queue_endpoint": model.endpoint}
    return {"endpoint": model.endpoint}


def _output_format(
    model: Model, facts: ImageFacts, asked: Mapping[str, ResolvedSetting], values: Mapping[str, str], notes: list[str]
) -> ImageFormat:
    """The input's format unless another is asked for, or the model has but others. Transparency is given up only when the
    object itself says so."""
    usual = facts.format if facts.format in model.output_formats else model.output_formats[0]
    word = values.get("output_format", usual.value)
    chosen = ImageFormat(FORMAT_SYNONYMS.get(word, word))
    layer = asked["output_format"].layer if "output_format" in asked else DEFAULT_LAYER
    if chosen not in model.output_formats:
        formats = ", ".join(model.output_formats)
        raise InvalidSetting(f"output_format={word} in {layer}: {model.name} gives {formats} only")
    if facts.has_alpha and chosen is ImageFormat.JPEG:
        if layer not in OBJECT_LAYERS:
            raise InvalidSetting(
                f"output_format={word} in {layer} would lose this image's transparency; "
                "tag the object output_format=png or tiff to keep it, or output_format=jpeg to give it up"
            )
        notes.append(f"output_format={word} in {layer}: the image's transparency is lost, as asked")
    return chosen


def _on_the_wire(model: Model, sent: Mapping[str, str]) -> dict[str, str]:
    """Wire name → wire value, the model always among them; ours alone (`scale`) stays here."""
    taken = [(model.parameters[name], value) for name, value in sent.items() if name in model.parameters]
    return {"model": model.wire} | {
        parameter.wire: parameter.wire_values.get(value, value) for parameter, value in taken
    }
