"""Small catalogs of a vendor that is unlike Topaz, written in the format of the catalog files."""

from __future__ import annotations

import pytest

from darkroom import catalog
from darkroom.catalog import Catalog

FRAME = """
provider = "topaz"
unit = "credits"
default_model = "One"
[sources]
page = "a page, 2026-11"
[price]
credit_price_usd = 0.12
source = "page"
[limits]
max_request_bytes = 10_000_000
result_retention_hours = 168
visibility_grace_seconds = 60
list_reach_hours = 168
link_seconds = 900
[endpoints.up]
path = "up"
default_model = "One"
max_input_mp = 10
max_output_mp = 20
max_side_pixels = 8_000
{parameters}
source = "page"
{facts}
[[models]]
name = "One"
endpoint = "up"
source = "page"
{own}
{tables}
"""


def book(facts: str = "", *, own: str = "", **tables: str) -> Catalog:
    """Return a catalog with one model. `facts` are the facts of the endpoint, `own` those of the model, and `tables`
    are the tables of the parameters.
    """
    names = ", ".join(f'"{name}"' for name in tables)
    written = "\n".join(f'[parameters.{name}]\n{table}\nsource = "page"' for name, table in tables.items())
    return catalog.parse(FRAME.format(facts=facts, own=own, parameters=f"parameters = [{names}]", tables=written))


def use(patch: pytest.MonkeyPatch, known: Catalog) -> None:
    """Make `known` the only catalog, in place of the one of Topaz."""
    patch.setattr(catalog, "providers", lambda: ("topaz",))
    patch.setattr(catalog, "load", {"topaz": known}.__getitem__)
