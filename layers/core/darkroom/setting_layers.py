"""From layers of settings to one value a key: who said what, and what may not be said at all. Pure.

Checks keys, and the values of the keys that are ours alone (`provider`, `skip`, `max_credits`, `label`). It must not
check a parameter's value, which depends on the model: planning does. More layers come by passing more of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from darkroom import catalog
from darkroom.catalog.parameter_values import BOOLEANS, read_bool, read_decimal
from darkroom.errors import InvalidSetting
from darkroom.model import ResolvedSetting
from darkroom.spelling import SHORT_WORD_CHARACTERS, closest, is_near_miss

TAGS = "tags"
METADATA = "metadata"
STACK = "stack"
OBJECT_LAYERS = frozenset({TAGS, METADATA})  # what the object itself carries: its uploader asked for it

OUR_KEYS = frozenset(
    {"provider", "model", "preset", "scale", "input_by", "synchronous", "max_credits", "label", "skip"}
)
RECEIPT_PREFIX = "darkroom_"  # of metadata that Darkroom itself writes, in canonical form: never a setting
LABEL_MAX_CHARACTERS = 256  # S3's limit of a tag value
SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Layer:
    """One source of settings. Keys as written by its author.

    With `prefix`, only keys that begin with it are read, without it, whatever their case. `closed`: every key read
    must be ours, because nobody else writes there.
    """

    name: str
    values: Mapping[str, str]
    carried_by_object: bool
    prefix: str = ""
    closed: bool = False


@dataclass(frozen=True)
class Settings:
    """The resolved settings of one upload. `layers` are the names of the layers that were asked, strongest first."""

    provider: str
    values: Mapping[
        str, ResolvedSetting
    ]  # canonical key → value; always has `provider`, never `skip`; empty when skipped
    skip: bool
    max_credits: Decimal | None  # the least of all layers; None = no limit
    label: str | None
    notes: tuple[str, ...]
    layers: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    """One key that a layer sets: as written, in canonical form, and its value."""

    written: str
    key: str
    value: str
    layer: Layer


def canonical(key: str) -> str:
    """A key in the one form used inside: lower case, `_` for `-`."""
    return key.lower().replace("-", "_")


def known_keys() -> frozenset[str]:
    """Our keys and every parameter of every catalog."""
    return OUR_KEYS.union(*(catalog.load(provider).parameter_names for provider in catalog.providers()))


def tag_layer(tags: Mapping[str, str], prefix: str = "") -> Layer:
    """The layer of an object's tags; under a prefix too, strangers are left alone, since others may use it as well."""
    return Layer(TAGS, dict(tags), carried_by_object=True, prefix=prefix)


def metadata_layer(metadata: Mapping[str, str]) -> Layer:
    """The layer of an object's `x-amz-meta-…`, named without that, as HeadObject gives it. Receipts are no settings, nor is the
    number that file tools keep under `mode`."""
    values = {key: decoded(value) for key, value in metadata.items() if not canonical(key).startswith(RECEIPT_PREFIX)}
    strangers = {key for key, value in values.items() if canonical(key) == "mode" and value.isdecimal()}
    return Layer(METADATA, {key: values[key] for key in values.keys() - strangers}, carried_by_object=True)


def decoded(value: str) -> str:
    """A value of metadata as it was meant: S3 gives what is not ASCII as encoded words, `=?UTF-8?B?…?=` (RFC 2047). One that
    cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def parse_defaults(text: str) -> Layer:
    """The layer of the stack parameter DefaultSettings, `key=value,key=value`; a value cannot hold a comma.

    Raises InvalidSetting when the text has another shape or names a key twice.
    """
    values: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")) if text.strip() else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value):
            raise InvalidSetting(
                f"DefaultSettings: {shown(part)} is not key=value; write key=value,key=value without commas in values"
            )
        if canonical(key) in {canonical(other) for other in values}:
            raise InvalidSetting(f"DefaultSettings: {shown(key)} is given twice")
        values[key] = value
    return Layer(STACK, values, carried_by_object=False, closed=True)


def resolve(layers: Sequence[Layer], *, default_provider: str, allowed_providers: Sequence[str]) -> Settings:
    """One value a key, from the strongest layer that has it; `layers` strongest first.

    A true `skip` wins before anything else is looked at. Raises InvalidSetting: a key twice in a layer, a near miss
    or (in a closed layer) an unknown key, an empty value, a `preset`, a provider that is unknown or not allowed,
    a bad `skip`, `max_credits` or `label`.
    """
    names = tuple(layer.name for layer in layers)
    known = known_keys()
    read = [_read(layer) for layer in layers]
    suspects = _keys_of(read, default_provider)
    entries = [[entry for entry in of_layer if _is_set(entry, known, suspects)] for of_layer in read]
    if _skips(entries):
        return Settings(default_provider, {}, True, None, None, (), names)
    values: dict[str, ResolvedSetting] = {}
    for layer_entries in entries:
        _check(layer_entries, known)
        for entry in layer_entries:
            values.setdefault(entry.key, ResolvedSetting(entry.value, entry.layer.name))
    values.setdefault("provider", ResolvedSetting(default_provider, STACK))
    provider = _provider(values["provider"], allowed_providers)
    values["provider"] = ResolvedSetting(provider, values["provider"].layer)
    limit = _least_max_credits([entry for layer_entries in entries for entry in layer_entries])
    if limit:
        values["max_credits"] = limit
    max_credits = Decimal(limit.value) if limit else None
    return Settings(provider, values, False, max_credits, _label(values.get("label")), (), names)


def shown(value: str) -> str:
    """A value for a message: quoted, control characters escaped, long ones cut."""
    return repr(value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…")


def did_you_mean(names: Sequence[str]) -> str:
    """`; did you mean a, b?`, or nothing when there are no names."""
    return f"; did you mean {', '.join(names)}?" if names else ""


def _read(layer: Layer) -> list[_Entry]:
    """The keys of a layer that its prefix lets through."""
    prefix = canonical(layer.prefix)
    return [
        _Entry(written, canonical(written)[len(prefix) :], value.strip(), layer)
        for written, value in layer.values.items()
        if canonical(written).startswith(prefix)
    ]


def _keys_of(read: Sequence[Sequence[_Entry]], default_provider: str) -> frozenset[str]:
    """The keys that a mistyped one may have meant: ours, those of the provider that seems to be asked for, and the others' long
    ones. A short one of another provider would be suspected in vain: `node` is near AI/ML API's `mode`, and harms nobody at
    Topaz; `upscale_facter` is nobody's word but a mistyped one."""
    named = next((entry.value.lower() for entries in read for entry in entries if entry.key == "provider"), "")
    provider = named if named in catalog.providers() else default_provider
    known = known_keys()
    own = catalog.load(provider).parameter_names if provider in catalog.providers() else known
    return OUR_KEYS | own | {key for key in known if len(key) > SHORT_WORD_CHARACTERS}


def _is_set(entry: _Entry, known: frozenset[str], suspects: frozenset[str]) -> bool:
    """Whether the entry is ours or has to be refused; strangers drop out here."""
    if entry.key in known or entry.layer.closed:
        return True
    return entry.layer.carried_by_object and is_near_miss(entry.key, suspects)


def _skips(entries: Sequence[Sequence[_Entry]]) -> bool:
    """Whether the strongest layer that says `skip` says yes. Only `skip` itself can make this fail."""
    for layer_entries in entries:
        found = [entry for entry in layer_entries if entry.key == "skip"]
        _refuse_duplicates(found)
        for entry in found:
            switch = read_bool(entry.value)
            if switch is None:
                raise _wrong(entry, f"allowed: {BOOLEANS}")
            return switch
    return False


def _check(entries: Sequence[_Entry], known: frozenset[str]) -> None:
    """Refuses what no layer may say, whichever layer would win."""
    for entry in entries:
        if entry.key not in known:
            valid = sorted(known - {"preset"})  # refused below: never offer it
            where = f"setting {shown(entry.written)} in {entry.layer.name} is not known"
            hint = did_you_mean(closest(entry.key, valid)) or f"; valid keys: {', '.join(valid)}"
            raise InvalidSetting(f"{where}{hint}")
        if not entry.value:
            raise _wrong(entry, "the value is empty; remove the key or give it a value")
        if entry.key == "preset":
            raise _wrong(entry, "presets are not available in this version; set `model` and its parameters instead")
    _refuse_duplicates(entries)


def _refuse_duplicates(entries: Sequence[_Entry]) -> None:
    seen: dict[str, _Entry] = {}
    for entry in entries:
        other = seen.setdefault(entry.key, entry)
        if other is not entry:
            both = f"{shown(other.written)} and {shown(entry.written)}"
            raise InvalidSetting(f"{both} in {entry.layer.name} are the same setting; keep one of them")


def _provider(asked: ResolvedSetting, allowed_providers: Sequence[str]) -> str:
    allowed = {name.strip().lower() for name in allowed_providers}
    usable = [name for name in catalog.providers() if name in allowed]
    name = asked.value.strip().lower()
    if name in usable:
        return name
    reason = "is not allowed in this stack" if name in catalog.providers() else "is not known"
    near = did_you_mean(closest(name, usable))
    raise InvalidSetting(
        f"provider={shown(asked.value)} from {asked.layer} {reason}{near or ';'} allowed: {', '.join(usable) or 'none'}"
    )


def _least_max_credits(entries: Sequence[_Entry]) -> ResolvedSetting | None:
    """The least `max_credits` of all layers; a bad one in any layer is refused, as it may have been the least."""
    least: tuple[Decimal, str] | None = None
    for entry in (entry for entry in entries if entry.key == "max_credits"):
        number = read_decimal(entry.value)
        if number is None or number < 0:
            raise _wrong(entry, "allowed: a plain number of credits, 0 or more")
        if least is None or number < least[0]:
            least = (number, entry.layer.name)
    return ResolvedSetting(format(least[0], "f"), least[1]) if least else None


def _label(asked: ResolvedSetting | None) -> str | None:
    if asked is None:
        return None
    if len(asked.value) > LABEL_MAX_CHARACTERS or not asked.value.isprintable():
        wrong = f"label={shown(asked.value)} from {asked.layer} is not valid"
        raise InvalidSetting(f"{wrong}; allowed: up to {LABEL_MAX_CHARACTERS} printable characters")
    return asked.value


def _wrong(entry: _Entry, why: str) -> InvalidSetting:
    return InvalidSetting(f"{entry.written}={shown(entry.value)} in {entry.layer.name} is not valid; {why}")
