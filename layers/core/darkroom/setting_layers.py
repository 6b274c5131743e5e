"""Resolves tags, metadata, folder files, presets and stack defaults to one value for each setting. All functions are pure.

This module checks all keys, and the values of Darkroom's own settings. It must not check the value of a vendor's parameter,
because that depends on the model; `planning` checks it. The file is long because the layers and their resolution are one rule.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from darkroom import catalog
from darkroom.catalog.parameter_values import BOOLEANS, read_bool, read_decimal
from darkroom.errors import InvalidSetting
from darkroom.model import OutputRules, ResolvedSetting
from darkroom.own_settings import CHOICES, REFUSE, check_choice, check_label, check_provider, check_retired
from darkroom.setting_words import did_you_mean, quoted, written_key
from darkroom.spelling import SHORT_WORD_CHARACTERS, closest, is_near_miss

TAGS = "tags"
METADATA = "metadata"
STACK = "stack"
COMMAND = "--set"  # of `darkroom plan` and `darkroom explain`: as if the object itself had it
OBJECT_LAYERS = frozenset({COMMAND, TAGS, METADATA})  # the layers that somebody wrote for this very object
NO_PRESETS: Mapping[str, Mapping[str, str]] = {}

OUR_KEYS = frozenset(
    {
        "provider",
        "model",
        "preset",
        "scale",
        "input_by",
        "synchronous",
        "max_credits",
        "label",
        "skip",
        "retired",
        *CHOICES,
    }
)
RECEIPT_PREFIX = "darkroom_"  # canonical form of the prefix of metadata that Darkroom itself writes; never a setting
NO_HEADER_NAME = re.compile("[:/@]")  # characters that a tag's key may have and a header's name not (RFC 9110, 5.1)


@dataclass(frozen=True)
class Layer:
    """One source of settings, with its keys as they were written.

    With a `prefix`, only keys that begin with it are settings. Upper and lower case are equal, and the prefix is removed. In a
    `closed` layer, every key must be a known setting, because only Darkroom's operator writes there.
    """

    name: str
    values: Mapping[str, str]
    carried_by_object: bool
    prefix: str = ""
    closed: bool = False


@dataclass(frozen=True)
class Settings:
    """The resolved settings of one upload. `layers` has the names of all layers that were read, the strongest first."""

    provider: str
    values: Mapping[
        str, ResolvedSetting
    ]  # canonical key → value; empty if skipped, otherwise with `provider` and without `skip`
    skip: bool
    max_credits: Decimal | None  # the lowest of all layers; None = no limit
    label: str | None
    notes: tuple[str, ...]
    layers: tuple[str, ...]
    retired: str = REFUSE
    overridden: Mapping[str, tuple[ResolvedSetting, ...]] = field(default_factory=dict)  # of weaker layers
    output: OutputRules = field(default_factory=OutputRules)  # what `darkroom.toml` says of the result's key and tags


def is_of_stack(layer: str) -> bool:
    """Return whether a layer of that name is the stack's defaults, or a preset that they name."""
    return layer == STACK or layer.endswith(f" ({STACK})")


class UnknownPreset(InvalidSetting):
    """There is no preset of the name that `layer` gives."""

    def __init__(self, layer: str, message: str) -> None:
        super().__init__(message)
        self.layer = layer


@dataclass(frozen=True)
class _Entry:
    """One setting of a layer: its key as it was written, the key in canonical form, and the value."""

    written: str
    key: str
    value: str
    layer: Layer


def canonical(key: str) -> str:
    """Return a key in its canonical form: in lower case, with `_` in place of `-`."""
    return key.lower().replace("-", "_")


def known_keys() -> frozenset[str]:
    """Return the keys of all settings: Darkroom's own keys, and all parameters of all catalogs."""
    return OUR_KEYS.union(*(catalog.load(provider).parameter_names for provider in catalog.providers()))


def tag_layer(tags: Mapping[str, str], prefix: str = "") -> Layer:
    """Return the layer of an object's tags. Even with a prefix, the layer is not closed, because other programs may use that
    prefix too."""
    return Layer(TAGS, dict(tags), carried_by_object=True, prefix=prefix)


def metadata_layer(metadata: Mapping[str, str], prefix: str = "") -> Layer:
    """Return the layer of an object's user metadata. The keys are as HeadObject gives them, without `x-amz-meta-`.

    With a `prefix`, only keys that begin with it are settings. A character of the prefix that a header's name cannot contain
    counts as `-`. Without a prefix, two kinds of entries are left out: Darkroom's receipts, and a number under the key `mode`,
    where file tools keep a file's permissions.
    """
    values = {key: decode_metadata_value(value) for key, value in metadata.items()}
    if not prefix:
        values = {key: value for key, value in values.items() if not _is_of_a_tool(canonical(key), value)}
    return Layer(METADATA, values, carried_by_object=True, prefix=metadata_name("", prefix))


def metadata_name(key: str, prefix: str) -> str:
    """Return the name of the metadata entry for the setting `key` with that prefix, without `x-amz-meta-`."""
    return NO_HEADER_NAME.sub("-", prefix) + key


def _is_of_a_tool(key: str, value: str) -> bool:
    return key.startswith(RECEIPT_PREFIX) or (key == "mode" and value.isdecimal())


def decode_metadata_value(value: str) -> str:
    """Return a metadata value, decoded. S3 gives text that is not ASCII as encoded words, `=?UTF-8?B?…?=` (RFC 2047). A value
    that cannot be decoded is returned unchanged."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def parse_defaults(text: str) -> Layer:
    """Return the layer of the stack parameter DefaultSettings (`key=value,key=value`). A value cannot contain a comma.

    Raises InvalidSetting if the text has another form or has a key twice.
    """
    values: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")) if text.strip() else ():
        key, equals, value = (word.strip() for word in part.partition("="))
        if not (key and equals and value):
            raise InvalidSetting(
                f"DefaultSettings: {quoted(part)} is not key=value; write key=value,key=value without commas in values"
            )
        if canonical(key) in {canonical(other) for other in values}:
            raise InvalidSetting(f"DefaultSettings: {quoted(key)} is given twice")
        values[key] = value
    return Layer(STACK, values, carried_by_object=False, closed=True)


def resolve(
    layers: Sequence[Layer],
    *,
    default_provider: str,
    allowed_providers: Sequence[str],
    presets: Mapping[str, Mapping[str, str]] = NO_PRESETS,
) -> Settings:
    """Return the settings, each with the value from the strongest layer that has it. `layers` begins with the strongest layer.

    The strongest `preset` becomes a layer of its own, right below the layer that names it. `presets` are the user's own, name →
    settings; they come before the built-in ones of the provider. If `skip` is true, nothing else is checked. Raises
    InvalidSetting for a key that is twice in a layer, a misspelt key, an unknown key in a closed layer, an empty value, an
    unknown preset, a provider that is unknown or not allowed, and for an invalid value of
    one of Darkroom's own settings.
    """
    known = known_keys()
    entries_by_layer = [_entries_of(layer) for layer in layers]
    near_miss_targets = _near_miss_targets(entries_by_layer, default_provider)
    entries = [
        [entry for entry in layer_entries if _is_setting(entry, known, near_miss_targets)]
        for layer_entries in entries_by_layer
    ]
    names = [layer.name for layer in layers]
    if _wants_skip(entries):
        return Settings(default_provider, {}, True, None, None, (), tuple(names))
    notes = _insert_preset(entries, names, presets, default_provider)
    for layer_entries in entries:
        _check_entries(layer_entries, known)
    values, overridden = _strongest(entries)
    values.setdefault("provider", ResolvedSetting(default_provider, STACK))
    provider = check_provider(values["provider"], allowed_providers)
    values["provider"] = ResolvedSetting(provider, values["provider"].layer)
    limit = _lowest_max_credits([entry for layer_entries in entries for entry in layer_entries])
    if limit:
        values["max_credits"] = limit
    max_credits = Decimal(limit.value) if limit else None
    label, retired = check_label(values.get("label")), check_retired(values.get("retired"))
    values |= {name: check_choice(name, values[name]) for name in CHOICES if name in values}
    return Settings(provider, values, False, max_credits, label, notes, tuple(names), retired, overridden)


def skipped(layers: Sequence[Layer], default_provider: str) -> Settings | None:
    """Return the settings of an upload whose layers say `skip`, whatever else they hold; None if they do not. Raises
    InvalidSetting for an invalid or doubled `skip` only."""
    found = [[entry for entry in _entries_of(layer) if entry.key == "skip"] for layer in layers]
    if not _wants_skip(found):
        return None
    return Settings(default_provider, {}, True, None, None, (), tuple(layer.name for layer in layers))


def _strongest(
    entries: Sequence[Sequence[_Entry]],
) -> tuple[dict[str, ResolvedSetting], dict[str, tuple[ResolvedSetting, ...]]]:
    """Return each key's value of the strongest layer, and the values of weaker layers that lost."""
    values: dict[str, ResolvedSetting] = {}
    overridden: dict[str, tuple[ResolvedSetting, ...]] = {}
    for entry in (entry for layer_entries in entries for entry in layer_entries):
        found = ResolvedSetting(entry.value, entry.layer.name)
        if values.setdefault(entry.key, found) is not found:
            overridden[entry.key] = (*overridden.get(entry.key, ()), found)
    return values, overridden


def _insert_preset(
    entries: list[list[_Entry]], names: list[str], own: Mapping[str, Mapping[str, str]], default_provider: str
) -> tuple[str, ...]:
    """Insert the settings of the strongest `preset` as a layer, right below the layer that names it. Return the notes.

    Raises UnknownPreset if there is no preset of that name. If only another provider has it, that is no fault of a weak layer,
    which does not know the upload's provider: the preset is left out with a note.
    """
    found = next(((at, e) for at, layer in enumerate(entries) for e in layer if e.key == "preset" and e.value), None)
    provider = next((e.value.lower() for layer in entries for e in layer if e.key == "provider"), default_provider)
    if found is None or provider not in catalog.providers():
        return ()  # an unknown provider is refused, which says more
    place, entry = found
    name = preset_name(entry.value)
    known = {preset.name: preset.settings for preset in catalog.presets(provider).values()}
    known |= {preset_name(written): settings for written, settings in own.items()}
    if name not in known:
        others = [other for other in catalog.providers() if name in catalog.presets(other)]
        if others and entry.layer.name not in OBJECT_LAYERS:
            what = f"preset={quoted(entry.value)} in {entry.layer.name}"
            return (f"{what} is a preset of {others[0]}, not of {provider}; dropped",)
        raise _unknown_preset(entry, provider, known, others)
    layer = Layer(f"preset {name} ({entry.layer.name})", known[name], carried_by_object=False, closed=True)
    entries.insert(place + 1, _entries_of(layer))
    names.insert(place + 1, layer.name)
    return ()


def preset_name(text: str) -> str:
    """Return a preset's name in its canonical form: lower case, `-` for spaces and `_`."""
    return "-".join(text.strip().lower().replace("_", " ").split())


def _unknown_preset(entry: _Entry, provider: str, known: Collection[str], others: Sequence[str]) -> UnknownPreset:
    near = f"; {others[0]} has it" if others else did_you_mean(closest(preset_name(entry.value), known))
    what = f"preset={quoted(entry.value)} in {entry.layer.name} is not a preset of yours or of {provider}"
    return UnknownPreset(entry.layer.name, f"{what}{near or ';'} presets: {', '.join(sorted(known)) or 'none'}")


def _entries_of(layer: Layer) -> list[_Entry]:
    """Return the entries of a layer whose keys begin with the layer's prefix."""
    prefix = canonical(layer.prefix)
    return [
        _Entry(written, canonical(written)[len(prefix) :], value.strip(), layer)
        for written, value in layer.values.items()
        if canonical(written).startswith(prefix)
    ]


def _near_miss_targets(entries_by_layer: Sequence[Sequence[_Entry]], default_provider: str) -> frozenset[str]:
    """Return the keys with which unknown keys are compared: Darkroom's own, the chosen provider's, and the long ones of all other
    providers.

    Short keys of other providers are left out, because too many foreign tags resemble them. For example, a tag `node` resembles
    AI/ML API's `mode`, but means nothing for Topaz. A long key such as `upscale_facter` can only be a misspelling.
    """
    named = next(
        (entry.value.lower() for entries in entries_by_layer for entry in entries if entry.key == "provider"), ""
    )
    provider = named if named in catalog.providers() else default_provider
    known = known_keys()
    own = catalog.load(provider).parameter_names if provider in catalog.providers() else known
    return OUR_KEYS | own | {key for key in known if len(key) > SHORT_WORD_CHARACTERS}


def _is_setting(entry: _Entry, known: frozenset[str], near_miss_targets: frozenset[str]) -> bool:
    """Return whether the entry is a setting, or a misspelt or unknown setting that must be rejected. A foreign tag is neither."""
    if entry.key in known or entry.layer.closed:
        return True
    return entry.layer.carried_by_object and is_near_miss(entry.key, near_miss_targets)


def _wants_skip(entries: Sequence[Sequence[_Entry]]) -> bool:
    """Return whether `skip` is true in the strongest layer that has it. Raises InvalidSetting if that layer has an invalid `skip`
    or has it twice."""
    for layer_entries in entries:
        found = [entry for entry in layer_entries if entry.key == "skip"]
        _refuse_duplicates(found)
        for entry in found:
            switch = read_bool(entry.value)
            if switch is None:
                raise _invalid_value(entry, f"allowed: {BOOLEANS}")
            return switch
    return False


def _check_entries(entries: Sequence[_Entry], known: frozenset[str]) -> None:
    """Raise InvalidSetting for an unknown or doubled key or an empty value, even if a stronger layer overrides it."""
    for entry in entries:
        if entry.key not in known:
            valid = sorted(known)
            where = f"setting {written_key(entry.written)}={quoted(entry.value)} in {entry.layer.name} is not known"
            hint = did_you_mean(closest(entry.key, valid)) or f"; valid keys: {', '.join(valid)}"
            raise InvalidSetting(f"{where}{hint}")
        if not entry.value:
            raise _invalid_value(entry, "the value is empty; remove the key or give it a value")
    _refuse_duplicates(entries)


def _refuse_duplicates(entries: Sequence[_Entry]) -> None:
    seen: dict[str, _Entry] = {}
    for entry in entries:
        other = seen.setdefault(entry.key, entry)
        if other is not entry:
            both = f"{quoted(other.written)} and {quoted(entry.written)}"
            raise InvalidSetting(f"{both} in {entry.layer.name} are the same setting; keep one of them")


def _lowest_max_credits(entries: Sequence[_Entry]) -> ResolvedSetting | None:
    """Return the lowest `max_credits` of all layers. Raises InvalidSetting for an invalid value in any layer, because it might
    have been meant as the lowest."""
    lowest: tuple[Decimal, str] | None = None
    for entry in (entry for entry in entries if entry.key == "max_credits"):
        number = read_decimal(entry.value)
        if number is None or number < 0:
            raise _invalid_value(entry, "allowed: a plain number of credits, 0 or more")
        if lowest is None or number < lowest[0]:
            lowest = (number, entry.layer.name)
    return ResolvedSetting(format(lowest[0], "f"), lowest[1]) if lowest else None


def _invalid_value(entry: _Entry, why: str) -> InvalidSetting:
    return InvalidSetting(
        f"{written_key(entry.written)}={quoted(entry.value)} in {entry.layer.name} is not valid; {why}"
    )
