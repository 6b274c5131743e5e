"""The catalog of vendors' models, parameters, prices and limits: one `<provider>.toml` each, its facts, the loader, and the
built-in presets."""

from darkroom.catalog.facts import (
    LINK,
    UPLOAD,
    Announcement,
    Catalog,
    Kind,
    Lifecycle,
    Model,
    Parameter,
    normalize_name,
)
from darkroom.catalog.loader import load, parse, providers, providers_with
from darkroom.catalog.presets import Preset, presets

__all__ = [
    "LINK",
    "UPLOAD",
    "Announcement",
    "Catalog",
    "Kind",
    "Lifecycle",
    "Model",
    "Parameter",
    "Preset",
    "load",
    "normalize_name",
    "parse",
    "presets",
    "providers",
    "providers_with",
]
