"""Output templates: the part `[output]` of a `darkroom.toml`, and the keys that it gives to results. Pure functions.

- `key`: a template for the keys of results. It has `{stem}`, ends in `.{ext}`, and may have the other FIELDS.
- `folders`: `mirrored` (the default: `{folder}` is the upload's folder) or `flat` (`{folder}` is empty).
- `suffix`: a table of format → suffix, such as `jpeg = "jpg"`. Otherwise the upload's own suffix stays if it names the format.
- `tags`: `keep` (the default) or `drop`: whether a result has the upload's tags.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom import output_keys
from darkroom.errors import InvalidSetting
from darkroom.model import RESULT_FORMATS, ImageFormat, OutputRules, Plan
from darkroom.output_keys import S3_KEY_LIMIT_BYTES, SUFFIXES
from darkroom.setting_words import did_you_mean, quoted
from darkroom.spelling import closest

DEFAULT_KEY = "{folder}/{stem}.{ext}"
FIELDS = ("folder", "stem", "ext", "model", "provider", "preset", "width", "height")
MAX_TEMPLATE_CHARACTERS = 256
RESERVED = (output_keys.FAILED_PREFIX, output_keys.OWN_PREFIX)
FIELD = re.compile(r"\{([^{}]*)\}")
SUFFIX = re.compile("[A-Za-z0-9]{1,8}")
NO_WORD = re.compile("[^a-z0-9.]+")


@dataclass(frozen=True)
class OutputPart:
    """What one file says of results. None = the file says nothing."""

    key: str | None = None
    flat: bool | None = None
    suffixes: Mapping[str, str] | None = None
    drop_tags: bool | None = None


def parse(where: str, table: Mapping[str, Any]) -> OutputPart:
    """Return the part in a TOML table. `where` is its place, for messages. Raises InvalidSetting for whatever is wrong in it."""
    readers: dict[str, Callable[[str, object], dict[str, Any]]] = {
        "key": lambda place, value: {"key": _template(place, value)},
        "folders": lambda place, value: {"flat": _choice(place, value, ("mirrored", "flat")) == "flat"},
        "suffix": lambda place, value: {"suffixes": _suffixes(place, value)},
        "tags": lambda place, value: {"drop_tags": _choice(place, value, ("keep", "drop")) == "drop"},
    }
    found: dict[str, Any] = {}
    for name, value in table.items():
        if name not in readers:
            near = did_you_mean(closest(name, readers)) or f"; valid keys: {', '.join(sorted(readers))}"
            raise InvalidSetting(f"{where}.{quoted(name)} is not known{near}")
        found |= readers[name](f"{where}.{name}", value)
    return OutputPart(**found)


def merged(parts: Sequence[OutputPart]) -> OutputRules:
    """Return the rules of several files, of which the first one that says something decides it."""

    def first(name: str) -> Any:
        return next((value for part in parts if (value := getattr(part, name)) is not None), None)

    return OutputRules(first("key"), bool(first("flat")), first("suffixes") or {}, bool(first("drop_tags")))


def result_keys(source_key: str, plan: Plan) -> list[str]:
    """Return all keys that the plan's result may get, the likeliest first.

    There is more than one if the provider chooses the format. Raises InvalidSetting if the first key is too long for S3, or
    begins like Darkroom's own; of the others, one that is too long is replaced by the source's key.
    """
    rules = plan.output_rules
    if rules.changes_key:
        likeliest = _filled(source_key, plan, plan.output_format)
        base = likeliest
    elif not plan.other_formats:
        return [output_keys.output_key(source_key, plan.source_format, plan.output_format)]
    else:
        likeliest, base = output_keys.exact_key_in_format(source_key, plan.output_format), source_key
    if not plan.other_formats:
        return [likeliest]
    others = (output_keys.key_in_format(base, form) for form in (*plan.other_formats, *RESULT_FORMATS))
    return list(dict.fromkeys((likeliest, *others)))


def _filled(source_key: str, plan: Plan, form: ImageFormat) -> str:
    folder, name = posixpath.split(source_key)
    stem, own = posixpath.splitext(name)
    is_suffix = any(own.lower() in suffixes for suffixes in SUFFIXES.values())
    rules = plan.output_rules
    kept = own[1:] if own.lower() in SUFFIXES[form] else SUFFIXES[form][0][1:]
    fields = {
        "folder": "" if rules.flat else folder,
        "stem": stem if is_suffix else name,
        "ext": rules.suffixes.get(form.value, kept),
        "model": _word(plan.model),
        "provider": plan.provider,
        "preset": _word(plan.settings.get("preset", "")) or "none",
        "width": str(plan.output_width),
        "height": str(plan.output_height),
    }
    key = FIELD.sub(lambda found: fields[found[1]], rules.key or DEFAULT_KEY)
    key = key.lstrip("/") if not fields["folder"] else key
    if len(key.encode()) > S3_KEY_LIMIT_BYTES:
        raise InvalidSetting(
            f"output.key makes the key {quoted(key)} longer than the {S3_KEY_LIMIT_BYTES} bytes that S3 allows: "
            "upload under a shorter key, or shorten output.key in darkroom.toml"
        )
    if key.startswith(RESERVED):
        raise InvalidSetting(
            f"output.key makes the key {quoted(key)}, but {' and '.join(RESERVED)} are Darkroom's own folders"
        )
    return key


def _word(text: str) -> str:
    """Return a name as it may stand in a key: lower case, `-` for all else."""
    return NO_WORD.sub("-", text.lower()).strip("-")


def _template(where: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEMPLATE_CHARACTERS or not value.isprintable():
        raise InvalidSetting(
            f"{where}={quoted(str(value))} is not valid; allowed: a text of 1 to {MAX_TEMPLATE_CHARACTERS} printable characters"
        )
    rest = FIELD.sub("x", value)
    for name in FIELD.findall(value):
        if name not in FIELDS:
            near = did_you_mean(closest(name, FIELDS)) or ";"
            raise InvalidSetting(f"{where}={quoted(value)}: {{{name}}} is not known{near} allowed: {_fields()}")
    if "{stem}" not in value or not value.endswith(".{ext}") or "{" in rest or "}" in rest:
        raise InvalidSetting(
            f"{where}={quoted(value)} is not valid; it must have {{stem}} and end in .{{ext}}, as {DEFAULT_KEY} does; allowed: "
            f"{_fields()}"
        )
    segments = rest.split("/")
    if not all(segments) or {".", ".."} & set(segments) or value.startswith(RESERVED):
        raise InvalidSetting(
            f"{where}={quoted(value)} is not valid; it must not begin with /, {' or '.join(RESERVED)}, and have no folder "
            "that is empty, . or .."
        )
    return value


def _fields() -> str:
    return ", ".join(f"{{{name}}}" for name in FIELDS)


def _choice(where: str, value: object, allowed: Sequence[str]) -> str:
    if not isinstance(value, str) or value.lower() not in allowed:
        near = did_you_mean(closest(str(value), allowed, n=1)) or ";"
        raise InvalidSetting(f"{where}={quoted(str(value))} is not valid{near} allowed: {', '.join(allowed)}")
    return value.lower()


def _suffixes(where: str, value: object) -> dict[str, str]:
    names = [form.value for form in RESULT_FORMATS]
    if not isinstance(value, dict):
        raise InvalidSetting(f'{where} must be a table of format and suffix, as in suffix = {{ jpeg = "jpg" }}')
    for name, suffix in value.items():
        if name not in names:
            near = did_you_mean(closest(name, names, n=1)) or ";"
            raise InvalidSetting(f"{where}.{quoted(name)} is not a format of results{near} allowed: {', '.join(names)}")
        if not isinstance(suffix, str) or not SUFFIX.fullmatch(suffix.removeprefix(".")):
            raise InvalidSetting(
                f"{where}.{name}={quoted(str(suffix))} is not valid; allowed: 1 to 8 letters and digits"
            )
    return {name: suffix.removeprefix(".") for name, suffix in value.items()}
