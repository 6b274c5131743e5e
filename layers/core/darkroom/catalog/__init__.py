"""The catalog of vendors' models, parameters, prices and limits. Each provider has one file, `<provider>.toml`."""

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
