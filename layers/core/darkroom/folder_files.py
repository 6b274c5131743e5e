"""Folder files: reads `darkroom.toml`, which holds settings for the uploads of its folder and of all folders below. Pure.

The keys of the file:

- a setting, such as `model` or `max_credits`, at the top: it counts for all uploads below.
- `[[rules]]` with `match = "glob"` and settings: they count for the uploads that match. If several rules match, the last one
  wins, key by key. A rule is stronger than the settings at the top.
- `[presets.NAME]` with settings: a preset that `preset = "NAME"` names, here, in files of folders below, or on an upload.
- `[output]`: see `output_templates`.

Nothing in a bucket is trusted: a file has at most MAX_BYTES and MAX_RULES. Any key that is not known makes the whole file
invalid, because what it was meant to say would have no effect, and the job would be billed without it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from darkroom import globs, output_keys, output_templates, setting_checks
from darkroom.errors import InvalidSetting
from darkroom.model import OutputRules
from darkroom.output_templates import OutputPart
from darkroom.setting_layers import Layer, known_keys, preset_name
from darkroom.setting_words import did_you_mean, quoted
from darkroom.spelling import closest

NAME = output_keys.FOLDER_FILE
MAX_BYTES = 64 * 1024
MAX_RULES = 200
MAX_DOTS = 200  # of one line: the time that the standard library takes grows with the square of a key's parts
MAX_FOLDERS = 32  # of a key, from the root on, that may have a file; each costs a request
BARE_KEY = re.compile("[A-Za-z0-9_-]{1,64}")  # a key without quotes; TOML 1.0, "Keys"
TABLES = ("output", "presets", "rules")


@dataclass(frozen=True)
class Rule:
    """Settings for the uploads that match, with the name of their place for messages."""

    match: str
    layer: Layer


@dataclass(frozen=True)
class FolderFile:
    """A valid `darkroom.toml`. `key` is its key in the bucket."""

    key: str
    top: Layer
    rules: tuple[Rule, ...]
    presets: Mapping[str, Mapping[str, str]]
    output: OutputPart

    def layers(self, source_key: str) -> list[Layer]:
        """Return the layers of settings that the file has for an upload below its folder, the strongest first."""
        path = source_key[len(folder_of(self.key)) :]
        matching = [rule.layer for rule in reversed(self.rules) if globs.matches(rule.match, path)]
        return [layer for layer in (*matching, self.top) if layer.values]


def is_folder_file(key: str) -> bool:
    """Whether an object with that key is a `darkroom.toml`."""
    return key.rpartition("/")[2] == NAME


def folder_of(key: str) -> str:
    """Return the folder of a key with its final `/`; empty at the root."""
    return key[: key.rfind("/") + 1]


def keys_for(source_key: str) -> list[str]:
    """Return the keys of all files that may count for an upload, the nearest folder first."""
    folders = source_key.split("/")[:-1][:MAX_FOLDERS]
    return ["/".join([*folders[:depth], NAME]) for depth in range(len(folders), -1, -1)]


def governs(key: str, prefix: str) -> bool:
    """Whether a file at that key can count for uploads whose keys begin with `prefix`."""
    folder = folder_of(key)
    return folder.startswith(prefix) or prefix.startswith(folder)


def presets_of(files: Sequence[FolderFile]) -> dict[str, Mapping[str, str]]:
    """Return the users' presets of all files, name → settings; the nearest file's wins. `files` are the nearest first."""
    return {name: settings for file in reversed(files) for name, settings in file.presets.items()}


def output_of(files: Sequence[FolderFile]) -> OutputRules:
    """Return what the files say of results; the nearest file that has a key decides it."""
    return output_templates.merged([file.output for file in files])


@lru_cache(maxsize=128)
def parse(key: str, body: bytes, allowed_providers: tuple[str, ...]) -> FolderFile:
    """Return the file with that key and content. Raises InvalidSetting with the place of the first fault: the line where the
    text is no TOML, else the path of the wrong key."""
    data = _loaded(key, body)
    rules = _tables(key, data.get("rules", []), "rules")
    if len(rules) > MAX_RULES:
        raise InvalidSetting(
            f"{key}: rules: there are {len(rules)}, and at most {MAX_RULES} are allowed; merge some of them"
        )
    top = {name: value for name, value in data.items() if name not in TABLES}
    reader = _Reader(key, allowed_providers)
    return FolderFile(
        key=key,
        top=reader.layer("", top, TABLES),
        rules=tuple(reader.rule(number, table) for number, table in enumerate(rules, 1)),
        presets=reader.presets(data.get("presets", {})),
        output=output_templates.parse(f"{key}: output", _table(key, data.get("output", {}), "output")),
    )


@dataclass(frozen=True)
class _Reader:
    """Reads the tables of one file."""

    key: str
    allowed_providers: tuple[str, ...]

    def layer(self, path: str, table: Mapping[str, Any], other_keys: Sequence[str] = ()) -> Layer:
        """Return the settings of a table as a checked layer. `other_keys` are known keys of the table that are no settings."""
        values = {name: self._text(path, name, value, other_keys) for name, value in table.items()}
        layer = Layer(f"{self.key} {path}".strip(), values, carried_by_object=False, closed=True)
        setting_checks.check(layer, self.allowed_providers)
        return layer

    def rule(self, number: int, table: Mapping[str, Any]) -> Rule:
        """Return a rule; `number` counts from 1."""
        path, pattern = f"rules[{number}]", table.get("match")
        if not isinstance(pattern, str) or not 0 < len(pattern) <= globs.MAX_CHARACTERS:
            given = " is missing" if pattern is None else f"={quoted(str(pattern))} is not valid"
            allowed = f'a glob of 1 to {globs.MAX_CHARACTERS} characters, as in match = "*.png"'
            raise InvalidSetting(f"{self.key}: {path}.match{given}; allowed: {allowed}")
        settings = {name: value for name, value in table.items() if name != "match"}
        return Rule(pattern, self.layer(f"{path} (match {quoted(pattern)})", settings, ("match",)))

    def presets(self, data: object) -> dict[str, Mapping[str, str]]:
        found: dict[str, Mapping[str, str]] = {}
        for name, table in _table(self.key, data, "presets").items():
            path = f"presets.{_shown(name)}"
            layer = self.layer(path, _table(self.key, table, path))
            for forbidden in ("preset", "skip"):
                if forbidden in map(str.lower, layer.values):
                    raise InvalidSetting(f"{self.key}: {path}.{forbidden}: a preset cannot have {forbidden}; remove it")
            if not preset_name(name) or preset_name(name) in found:
                raise InvalidSetting(
                    f"{self.key}: {path}: the name is empty or given twice; case, spaces, - and _ do not count"
                )
            found[preset_name(name)] = layer.values
        return found

    def _text(self, path: str, name: str, value: object, other_keys: Sequence[str]) -> str:
        """Return a value as a tag would have it. Raises InvalidSetting for a value of another type or a key that is not known."""
        where = f"{self.key}: {path.partition(' ')[0]}.{_shown(name)}" if path else f"{self.key}: {_shown(name)}"
        if setting_checks.canonical_is_unknown(name):
            known = sorted({*known_keys(), *other_keys})
            near = did_you_mean(closest(name.lower(), known)) or f"; valid keys: {', '.join(known)}"
            given = f"={quoted(str(value))}" if isinstance(value, str | int) else ""
            raise InvalidSetting(f"{where}{given} is not known{near}")
        match value:
            case bool():
                return str(value).lower()
            case str() | int():
                return str(value)
        kind = "a table" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else "a date or time"
        hint = "; presets of your own are [presets.NAME]" if name == "preset" else ""
        raise InvalidSetting(f"{where} is {kind}; allowed: a text, a number, true or false{hint}")


def _shown(name: str) -> str:
    """Return a key of the file for a message: in quotes if the file needs them too."""
    return name if BARE_KEY.fullmatch(name) else quoted(name)


def _loaded(key: str, body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise InvalidSetting(f"{key}: it has more than {MAX_BYTES} bytes; make it shorter")
    for line_number, line in enumerate(body.split(b"\n"), 1):
        if line.count(b".") > MAX_DOTS:
            raise InvalidSetting(f"{key}: line {line_number}: it has more than {MAX_DOTS} dots; break the line")
    try:
        return tomllib.loads(body.decode("utf-8-sig"), parse_float=str)
    except UnicodeDecodeError as error:
        line_number = body[: error.start].count(b"\n") + 1
        raise InvalidSetting(f"{key}: line {line_number}: it is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{key}: it is not valid TOML: {error}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists in lists
        raise InvalidSetting(f"{key}: it is not valid TOML: a number or a list in it is too large") from None


def _table(key: str, data: object, path: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise InvalidSetting(f"{key}: {path} must be a table; write [{path}] above its keys")
    return data


def _tables(key: str, data: object, path: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise InvalidSetting(f"{key}: {path} must be a list of tables; write [[{path}]] above each rule")
    return data
