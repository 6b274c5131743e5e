"""The built-in presets: named sets of settings for one provider, read from `preset_data/<provider>.toml`.

Each table is a preset: `says` tells people what it is for, every other key is a setting. A preset has no price of its own: its
model's price in the catalog counts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Preset:
    """One built-in preset. `settings` maps setting names to values, as a user would write them."""

    name: str
    says: str
    settings: Mapping[str, str]


@cache
def presets(provider: str) -> Mapping[str, Preset]:
    """Return the provider's presets by name, in the order of the file, which is read once. Raises KeyError for a provider that
    has no such file."""
    file = resources.files("darkroom.catalog").joinpath("preset_data", f"{provider}.toml")
    if not file.is_file():
        raise KeyError(provider)
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: _preset(name, table) for name, table in tables.items()}


def _preset(name: str, table: Mapping[str, str]) -> Preset:
    return Preset(name, table["says"], {key: value for key, value in table.items() if key != "says"})
