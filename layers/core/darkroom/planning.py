"""From resolved settings and the image's facts to a plan that may be paid for, or a refusal. Pure.

Checks, in this order: the model, which settings it takes, their values, the output format, sizes, the price of this
one job. It must not know the month's budgets: those belong to the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from darkroom import catalog, pricing
from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom.catalog.values import allowed, wire_value
from darkroom.errors import ImageTooLarge, InvalidSetting, PriceAboveLimit, UnknownModel
from darkroom.model import ImageFacts, ImageFormat, Limits, Plan, Resolved
from darkroom.near_misses import closest
from darkroom.settings import OBJECT_LAYERS, OUR_KEYS, Settings, did_you_mean, shown

DEFAULT_LAYER = "default"  # the catalog's own choice, when no layer spoke
# Ours, not a vendor's: below 1 would pay to lose pixels, above 16 nothing a model accepts is left.
SCALE = Parameter("scale", "scale", Kind.DECIMAL, Decimal(1), Decimal(16), source="our own choice, 2026-11")
SIZE_KEYS = ("output_width", "output_height")
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
    _settle_size_conflict(asked, settings.layers, notes)
    values = {name: _value(name, resolved, model) for name, resolved in asked.items()}
    output_format = _output_format(model, facts, asked, values, notes)
    sides = _sides_to_send(values, facts)
    width, height = _output_size(sides, facts)
    _check_sizes(book, model, facts, size_bytes, width, height)
    sent = {**values, **{side: str(pixels) for side, pixels in sides.items()}, "output_format": output_format.value}
    ours = {name: settings.values[name] for name in ("max_credits", "label") if name in settings.values}
    kept = {"provider": settings.values["provider"], "model": Resolved(model.name, named.layer), **asked, **ours}
    planned = Plan(
        provider=settings.provider,
        model=model.name,
        endpoint=model.endpoint,
        parameters=_on_the_wire(model, sent),
        settings={name: sent.get(name, resolved.value) for name, resolved in kept.items()},
        layers={name: resolved.layer for name, resolved in kept.items()},
        notes=tuple(notes),
        source_format=facts.format,
        output_format=output_format,
        output_width=width,
        output_height=height,
        credits=None,
        credit_price_usd=limits.credit_price_usd.get(settings.provider) or book.credit_price_usd,
        label=settings.label,
        max_credits=settings.max_credits,
    )
    if model.mp_per_credit is None:
        return planned
    return priced(planned, pricing.credits(width * height, model.mp_per_credit), limits)


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


def _named_model(settings: Settings, book: Catalog, notes: list[str]) -> Resolved:
    """The model asked for, else the provider's default; another provider's in a default gives way to it."""
    usual = Resolved(book.default_model, DEFAULT_LAYER)
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


def _model(book: Catalog, named: Resolved) -> Model:
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


def _taken(settings: Settings, book: Catalog, model: Model, notes: list[str]) -> dict[str, Resolved]:
    """The settings this model takes. Another is refused when the object carries it, else dropped and noted."""
    taken: dict[str, Resolved] = {}
    for name, resolved in settings.values.items():
        if name in OUR_KEYS and name != "scale":
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
    return model.takes_size if name == "scale" else name in model.parameters


def _settle_size_conflict(asked: dict[str, Resolved], layers: Sequence[str], notes: list[str]) -> None:
    """`scale` and an explicit side cannot both be met: the stronger layer wins; as equals they are refused."""
    for side in SIZE_KEYS:
        if "scale" not in asked or side not in asked:
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


def _value(name: str, resolved: Resolved, model: Model) -> str:
    parameter = SCALE if name == "scale" else model.parameters[name]
    value = wire_value(parameter, resolved.value)
    if value is None:
        raise InvalidSetting(
            f"{name}={shown(resolved.value)} in {resolved.layer} is not valid for model {model.name}; "
            f"allowed: {allowed(parameter)}"
        )
    return value


def _output_format(
    model: Model, facts: ImageFacts, asked: Mapping[str, Resolved], values: Mapping[str, str], notes: list[str]
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


def _sides_to_send(values: Mapping[str, str], facts: ImageFacts) -> dict[str, int]:
    """The sides the vendor is told: those set, or the larger displayed one times scale (nothing is letterboxed)."""
    if "scale" in values:
        side = "output_width" if facts.width >= facts.height else "output_height"
        pixels = max(facts.width, facts.height) * Decimal(values["scale"])
        return {side: int(pixels.quantize(Decimal(1), ROUND_HALF_UP))}
    return {side: int(values[side]) for side in SIZE_KEYS if side in values}


def _output_size(sides: Mapping[str, int], facts: ImageFacts) -> tuple[int, int]:
    """Width and height of the result in pixels: unchanged, one side with the other in proportion, or exactly both."""
    width, height = (sides.get(side) for side in SIZE_KEYS)
    if width and height:
        return width, height
    if width:
        return width, _in_proportion(facts.height, width, facts.width)
    if height:
        return _in_proportion(facts.width, height, facts.height), height
    return facts.width, facts.height


def _in_proportion(side: int, numerator: int, denominator: int) -> int:
    """side * numerator / denominator, rounded half up, at least 1."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def _check_sizes(book: Catalog, model: Model, facts: ImageFacts, size_bytes: int, width: int, height: int) -> None:
    if size_bytes > book.max_upload_bytes:
        raise ImageTooLarge(f"the file has {size_bytes} bytes; {book.provider} takes at most {book.max_upload_bytes}")
    for what, across, down, most in (
        ("the image", facts.width, facts.height, model.max_input_mp),
        ("the result", width, height, model.max_output_mp),
    ):
        size = f"{what} has {across} by {down} pixels"
        if max(across, down) > model.max_side_pixels:
            raise ImageTooLarge(f"{size}; {model.name} takes at most {model.max_side_pixels} a side")
        megapixels = Decimal(across * down) / pricing.PIXELS_PER_MEGAPIXEL
        if megapixels > most:
            raise ImageTooLarge(f"{size}, {megapixels.normalize():f} MP; the limit of {model.name} is {most} MP")
    if model.max_scale and (width > facts.width * model.max_scale or height > facts.height * model.max_scale):
        raise ImageTooLarge(
            f"the result has {width} by {height} pixels, the image {facts.width} by {facts.height}; {model.name} enlarges "
            f"at most {model.max_scale} times"
        )


def _on_the_wire(model: Model, sent: Mapping[str, str]) -> dict[str, str]:
    """Wire name → wire value, the model always among them; ours alone (`scale`) stays here."""
    return {"model": model.wire} | {
        model.parameters[name].wire: value for name, value in sent.items() if name in model.parameters
    }
