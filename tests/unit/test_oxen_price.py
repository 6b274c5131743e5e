"""Oxen.ai's models endpoint: what a picture costs, and whether the model still takes what the plan says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.fakes.vendor import Vendor, answer
from tests.unit.wire_support import WRONG, adapter_of, planned

from darkroom.errors import InvalidSetting
from darkroom.providers.oxen import Oxen

MODEL = {
    "id": "topazlabs-image-upscale", "pricing": {"cost_per_image": 0.05, "method": "per_image"},
    "request_schema": {"properties": {"output_format": {"enum": ["jpg", "png"]}, "upscale_factor": {"enum": ["4x", "2x"]}}},
}  # fmt: skip


def oxen(vendor: Callable[[httpx.Request], httpx.Response]) -> Oxen:
    return adapter_of(Oxen, vendor, base_url="https://hub.oxen.example.test/api")


@pytest.mark.parametrize(
    ("pricing", "units"),
    [({"cost_per_image": 0.05}, 500), ({"cost_per_image": 0}, 0), ({"cost_per_image": None}, None), ({}, None),
     ({"cost_per_image_grid": {"hd": {"1k": 0.1, "2k": 0.3}, "sd": {"1k": 0.2}}}, 3000), (None, None), ([], None),
     ({"cost_per_image": 0.05, "cost_per_image_grid": {"hd": {"1k": 0.1}}}, 1000), ("0.05", None),
     *[({"cost_per_image": wrong, "cost_per_image_grid": wrong}, None) for wrong in WRONG if wrong not in (7, 0.5)]],
)  # fmt: skip
def test_the_price_is_the_models_own_in_the_smallest_unit(pricing: Any, units: int | None) -> None:
    estimate = oxen(Vendor(answer({**MODEL, "pricing": pricing}))).estimate(planned("oxen"), 640, 480)
    assert estimate.credits == (None if units is None else Decimal(units))


def test_the_price_is_asked_for_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor, now = Vendor(answer(MODEL)), [0.0]
    monkeypatch.setattr("darkroom.providers.oxen.time.monotonic", lambda: now[0])  # no test waits an hour
    provider, plan = oxen(vendor), planned("oxen")
    for now[0], asked in ((10.0, 1), (3600.0, 1), (3611.0, 2), (3700.0, 2)):
        assert provider.estimate(plan, 640, 480).credits == Decimal(500)
        assert len(vendor.requests) == asked


@pytest.mark.parametrize("field", ["request_schema", "json_request_schema"])
def test_a_value_that_the_models_schema_no_longer_lists_is_refused(field: str) -> None:
    model = {"pricing": MODEL["pricing"], field: {"properties": {"upscale_factor": {"enum": ["2x", "8x"]}}}}
    with pytest.raises(InvalidSetting, match=r"upscale_factor=4x.*2x, 8x"):
        oxen(Vendor(answer(model))).estimate(planned("oxen", scale="4"), 640, 480)


@pytest.mark.parametrize("wrong", [value for value in WRONG if value != {"id": 1}])
def test_a_schema_of_an_unknown_shape_refuses_nothing(wrong: Any) -> None:
    shapes = [wrong, {"properties": wrong}, {"properties": {"output_format": wrong}}]
    for schema in [*shapes, *([] if isinstance(wrong, list) else [{"properties": {"output_format": {"enum": wrong}}}])]:
        vendor = Vendor(answer({**MODEL, "request_schema": schema}))
        assert oxen(vendor).estimate(planned("oxen"), 640, 480).credits == Decimal(500)
