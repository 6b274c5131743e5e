"""Tests what Oxen.ai says about prices: what a picture will cost, what a finished one has cost, and whether the model
still accepts the plan's settings.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import PROCESS, Vendor, answer
from tests.rows import each_row
from tests.unit.wire_support import WRONG, adapter_of, planned

from darkroom.errors import InvalidSetting
from darkroom.model import ProcessState
from darkroom.providers.oxen import Oxen

MODEL = {
    "id": "topazlabs-image-upscale",
    "pricing": {"cost_per_image": 0.05, "method": "per_image"},
    "request_schema": {
        "properties": {"output_format": {"enum": ["jpg", "png"]}, "upscale_factor": {"enum": ["4x", "2x"]}}
    },
}


def oxen(vendor: Callable[[httpx.Request], httpx.Response]) -> Oxen:
    return adapter_of(Oxen, vendor, base_url="https://hub.oxen.example.test/api")


@each_row(
    ("pricing", "units"),
    [({"cost_per_image": 0.05}, 500), ({"cost_per_image": 0}, 0), ({"cost_per_image": None}, None), ({}, None),
     ({"cost_per_image_grid": {"hd": {"1k": 0.1, "2k": 0.3}, "sd": {"1k": 0.2}}}, 3000), (None, None), ([], None),
     ({"cost_per_image": "0.05"}, 500), ({"cost_per_image": "0.0500"}, 500), ({"cost_per_image": 0.02505}, 251),
     ({"cost_per_image": 0.00004}, 1), ({"cost_per_image": "0.00014"}, 2), ({"cost_per_image": 0.0145499}, 146),
     ({"cost_per_image": 1e-12}, 1), ({"cost_per_image": "-0.05"}, None), ({"cost_per_image": "NaN"}, None),
     ({"cost_per_image": 0.05, "cost_per_image_grid": {"hd": {"1k": 0.1}}}, 1000), ("0.05", None),
     *[({"cost_per_image": wrong, "cost_per_image_grid": wrong}, None) for wrong in WRONG if wrong not in (7, 0.5)]],
)  # fmt: skip
def test_the_price_is_the_models_own_in_the_smallest_unit(pricing: Any, units: int | None) -> None:
    estimate = oxen(Vendor(answer({**MODEL, "pricing": pricing}))).estimate(planned("oxen"), 640, 480)
    assert estimate.credits == (None if units is None else Decimal(units))


class Hub:
    """Plays a vendor with one generation, by default a successful one, and its details."""

    def __init__(self, details: httpx.Response | Exception, status: str = "succeeded") -> None:
        self.details, self.status, self.asked = details, status, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path.removeprefix("/api/ai"))
        if request.url.path.startswith("/api/ai/queue/"):
            return answer({"status": self.status})
        if isinstance(self.details, Exception):
            raise self.details
        return self.details


def details(cost: Any) -> httpx.Response:
    """Return a generation's details as the vendor's page "Get generation details" shows them."""
    generation = {"generation_id": PROCESS, "cost": cost}
    return answer({"generation": generation, "status": "success", "status_message": "resource_found"})


@each_row(
    ("cost", "units"),
    [("0.05", 500), ("0.050000", 500), ("0.02505", 251), ("0.000001", 1), ("0", 0), ("0.0", 0), (0.05, 500), ("1.5", 15_000),
     ("-0.05", None), ("NaN", None), ("", None), ("free", None), *[(wrong, None) for wrong in WRONG if wrong not in (7, 0.5)]],
)  # fmt: skip
def test_what_a_completed_generation_was_charged_is_read_from_its_details(cost: Any, units: int | None) -> None:
    hub = Hub(details(cost))
    progress = oxen(hub).progress(PROCESS)
    assert (progress.state, progress.credits) == (ProcessState.COMPLETED, None if units is None else Decimal(units))
    assert hub.asked == [f"/queue/{PROCESS}", f"/generations/{PROCESS}"]


def test_details_without_their_envelope_count_too() -> None:
    assert oxen(Hub(answer({"generation_id": PROCESS, "cost": "0.05"}))).progress(PROCESS).credits == Decimal(500)


@each_row(
    "said",
    [*(answer({"error": {"type": "x"}}, status) for status in (401, 402, 403, 404, 429, 500, 503)), answer([]), answer({}),
     answer({"generation": None}), answer({"generation": [1]}), httpx.Response(200, text="<html>"),
     httpx.ReadTimeout("x"), httpx.ConnectError("x")],
)  # fmt: skip
def test_details_that_cannot_be_had_change_nothing(said: Any) -> None:
    progress = oxen(Hub(said)).progress(PROCESS)
    assert (progress.state, progress.credits) == (ProcessState.COMPLETED, None)


@each_row("status", ["queued", "processing", "failed", "cancelled"])
def test_nobody_asks_what_was_charged_for_what_is_not_completed(status: str) -> None:
    hub = Hub(details("0.05"), status)
    assert oxen(hub).progress(PROCESS).credits is None
    assert hub.asked == [f"/queue/{PROCESS}"]


def test_the_price_is_asked_for_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor, now = Vendor(answer(MODEL)), [0.0]
    monkeypatch.setattr("darkroom.providers.oxen.time.monotonic", lambda: now[0])  # no test waits an hour
    provider, plan = oxen(vendor), planned("oxen")
    for now[0], asked in ((10.0, 1), (3600.0, 1), (3611.0, 2), (3700.0, 2)):
        assert provider.estimate(plan, 640, 480).credits == Decimal(500)
        assert len(vendor.requests) == asked


@each_row("field", ["request_schema", "json_request_schema"])
def test_a_value_that_the_models_schema_no_longer_lists_is_refused(field: str) -> None:
    model = {"pricing": MODEL["pricing"], field: {"properties": {"upscale_factor": {"enum": ["2x", "8x"]}}}}
    with pytest.raises(InvalidSetting, match=r"upscale_factor=4x.*2x, 8x"):
        oxen(Vendor(answer(model))).estimate(planned("oxen", scale="4"), 640, 480)


@each_row("wrong", [value for value in WRONG if value != {"id": 1}])
def test_a_schema_of_an_unknown_shape_refuses_nothing(wrong: Any) -> None:
    shapes = [wrong, {"properties": wrong}, {"properties": {"output_format": wrong}}]
    for schema in [*shapes, *([] if isinstance(wrong, list) else [{"properties": {"output_format": {"enum": wrong}}}])]:
        vendor = Vendor(answer({**MODEL, "request_schema": schema}))
        assert oxen(vendor).estimate(planned("oxen"), 640, 480).credits == Decimal(500)
