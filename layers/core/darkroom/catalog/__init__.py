"""The vendors' published facts as data: one `<provider>.toml` each, and the loader that reads them."""

from darkroom.catalog.loader import LINK, UPLOAD, Catalog, Kind, Model, Parameter, fold, load, parse, providers

__all__ = ["LINK", "UPLOAD", "Catalog", "Kind", "Model", "Parameter", "fold", "load", "parse", "providers"]
