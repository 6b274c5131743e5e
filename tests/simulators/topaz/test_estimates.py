"""Tests the estimates of the Topaz simulator: by category, for generative models and others, and several in one request."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.simulators.topaz.support import balance

from darkroom_local.simulators.topaz import TopazSimulator

SIZE = {"input_width": "6000", "input_height": "8000"}  # 48 megapixels


def asked(http: httpx.Client, path: str, **fields: Any) -> httpx.Response:
    return http.post(path, files={name: (None, value) for name, value in {**SIZE, **fields}.items()})


@pytest.mark.parametrize(
    ("path", "fields", "credits"),
    [
        ("/estimate", {}, 2),
        ("/estimate", {"category": "Sharpen", "model": "Strong"}, 2),
        ("/estimate", {"category": "Denoise", "model": "Strong"}, 2),
        ("/estimate-gen", {"model": "Redefine"}, 12),
        ("/estimate-gen", {"model": "Bloom 2"}, 24),
        ("/estimate-gen", {"model": "Wonder 4"}, 6),
        ("/estimate-gen", {"category": "Sharpen", "model": "Super Focus V2"}, 3),
        ("/estimate-gen", {"category": "Restore"}, 2),
    ],
)
def test_an_estimate_has_the_price_of_its_category_and_model(
    http: httpx.Client, path: str, fields: dict[str, str], credits: int
) -> None:
    assert asked(http, path, **fields).json()["credits"] == credits


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/estimate", {"category": "Restore"}),
        ("/estimate", {"model": "Redefine"}),
        ("/estimate-gen", {"category": "Lighting"}),
        ("/estimate", {"category": "Sharpen", "strength": "2"}),
    ],
)
def test_a_category_or_model_of_the_other_kind_is_refused(
    http: httpx.Client, path: str, fields: dict[str, str]
) -> None:
    assert asked(http, path, **fields).status_code == 400


def test_a_list_is_answered_in_its_order_and_free(sim: TopazSimulator, http: httpx.Client) -> None:
    requests = [{**SIZE, "model": "Redefine"}, {**SIZE, "category": "Sharpen"}, {**SIZE, "category": "Enhance"}]
    answer = http.post("/estimate-bulk", json=requests)
    assert [each["credits"] for each in answer.json()] == [12, 2, 2]
    assert balance(sim)["available_credits"] == 10_000


@pytest.mark.parametrize("body", [{}, [], ["x"], [{**SIZE, "model": "Standard V9"}]])
def test_a_list_that_is_none_or_has_a_bad_request_is_refused(http: httpx.Client, body: Any) -> None:
    assert http.post("/estimate-bulk", json=body).status_code == 400
