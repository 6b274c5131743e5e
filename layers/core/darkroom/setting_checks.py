"""Setting checks: checks the settings of a file or a stack parameter as far as is possible without a picture. Pure functions.

What passes may still be refused for a picture, since a value's range depends on the model. What is refused here could not be
right for any picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from darkroom import allowed_settings, catalog
from darkroom.allowed_settings import CONDITIONAL_KEYS
from darkroom.catalog import Catalog, Model
from darkroom.errors import InvalidSetting
from darkroom.model import ResolvedSetting
from darkroom.setting_layers import (
    OUR_KEYS,
    Layer,
    Settings,
    canonical,
    known_keys,
    parse_defaults,
    resolve,
)
from darkroom.setting_words import did_you_mean, quoted
from darkroom.sizing import SIZE_KEYS
from darkroom.spelling import closest


def canonical_is_unknown(key: str) -> bool:
    """Whether no setting has that key, however it is written."""
    return canonical(key) not in known_keys()


def check_defaults(text: str, default_provider: str, allowed_providers: Sequence[str]) -> Layer:
    """Return the layer of the stack parameter DefaultSettings. Raises InvalidSetting if no upload could use it."""
    layer = parse_defaults(text)
    named = Layer("DefaultSettings", layer.values, carried_by_object=False, closed=True)
    check(named, allowed_providers, default_provider)
    return layer


def check(layer: Layer, allowed_providers: Sequence[str], default_provider: str | None = None) -> None:
    """Raise InvalidSetting for the first setting of a closed layer that is wrong whatever the picture is. Presets are not looked
    up, because another file may have them. `allowed_providers` are known ones; a message speaks of the first that fits."""
    values = {key: value for key, value in layer.values.items() if canonical(key) != "preset" or not value.strip()}
    fallback = default_provider or next(iter(allowed_providers))
    settings = resolve([replace(layer, values=values)], default_provider=fallback, allowed_providers=allowed_providers)
    if settings.skip:
        without = {key: value for key, value in values.items() if canonical(key) != "skip"}
        check(replace(layer, values=without), allowed_providers, default_provider)
        return
    _check_sizes(settings)
    named = settings.values["provider"].layer == layer.name
    books = [catalog.load(name) for name in ([settings.provider] if named else allowed_providers)]
    models = _models(settings.values.get("model"), books)
    for key, setting in settings.values.items():
        if key not in OUR_KEYS or key in CONDITIONAL_KEYS:
            _check_value(key, setting, models)


def _check_sizes(settings: Settings) -> None:
    """Raise InvalidSetting if one layer has two settings of size that exclude each other."""
    for side in (*SIZE_KEYS, "upscale_factor"):
        if {"scale", side} <= settings.values.keys():
            scale, other = settings.values["scale"], settings.values[side]
            raise InvalidSetting(
                f"scale={quoted(scale.value)} and {side}={quoted(other.value)} in {other.layer} exclude each other; "
                "keep one of them"
            )


def _models(setting: ResolvedSetting | None, books: Sequence[Catalog]) -> list[Model]:
    """Return the models that the settings may go to, the named one first. Raises InvalidSetting if no provider has it."""
    every = [model for book in books for model in book.models.values()]
    if setting is None:
        return every
    found = [model for book in books if (model := book.find_model(setting.value))]
    if not found:
        names = [model.name for model in every]
        near = did_you_mean(closest(setting.value.replace("-", " ").replace("_", " "), names)) or ";"
        of = books[0].provider if len(books) == 1 else "any provider"
        what = f"model={quoted(setting.value)} in {setting.layer} is not a model of {of}"
        raise InvalidSetting(f"{what}{near} `darkroom models` lists all")
    return [*found, *every]


def _check_value(key: str, setting: ResolvedSetting, models: Sequence[Model]) -> None:
    """Raise InvalidSetting if no model takes the value. A model that does not take the key leaves it out, so it is no fault."""
    faults: list[InvalidSetting] = []
    for model in _takers(key, models):
        try:
            allowed_settings.check_value(key, setting, model)
            return
        except InvalidSetting as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


def _takers(key: str, models: Iterable[Model]) -> list[Model]:
    """Return the models that take the key. If the first, the named one, takes it, only that one counts."""
    takers = [model for model in models if allowed_settings.takes(model, key)]
    first = next(iter(models), None)
    return takers[:1] if takers and takers[0] is first else takers
