"""The catalog of vendors' models, parameters, prices and limits: one `<provider>.toml` each, and the loader."""

from darkroom.catalog.loader import (
    LINK,
    UPLOAD,
    Catalog,
    Kind,
    Model,
    Parameter,
    load,
    normalize_name,
    parse,
    providers,
)

__all__ = ["LINK", "UPLOAD", "Catalog", "Kind", "Model", "Parameter", "load", "normalize_name", "parse", "providers"]
