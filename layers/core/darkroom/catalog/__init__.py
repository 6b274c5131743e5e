"""The catalog of vendors' models, parameters, prices and limits: one `<provider>.toml` each, its facts, and the loader."""

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
from darkroom.catalog.loader import load, parse, providers

__all__ = [
    "LINK",
    "UPLOAD",
    "Announcement",
    "Catalog",
    "Kind",
    "Lifecycle",
    "Model",
    "Parameter",
    "load",
    "normalize_name",
    "parse",
    "providers",
]
