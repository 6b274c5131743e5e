"""Tests the request log of the AI/ML API simulator: its rows, filters, periods and pages, and the requests it does not show."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tests.simulators.aimlapi.support import PRICE, SPEED, STRONG, SUPER, generate, log, logged, running
from tests.simulators.client import KEY
from tests.simulators.picture_server import PictureServer

from darkroom_local.simulators.aimlapi import AimlapiSimulator, usage_log
from darkroom_local.simulators.framework.refusals import Refusal


def test_a_row_has_the_published_fields(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("late_job", seconds=0.3)
    before = datetime.now(UTC)
    answer = generate(http, picture_server.url(), "customer-42")
    after = datetime.now(UTC)
    (row,) = logged(http)
    created = row.pop("created")
    assert row == {
        "status": "succeeded",
        "origin": "api",
        "model": "topaz-labs/sharpen-gen",
        "cost": {"usd": 0.105, "credits": PRICE},
        "tokens": {"input": 0, "output": 0, "total": 0},
        "request_id": answer.headers["x-request-id"],
        "inference_id": answer.headers["x-inference-id"],
        "client_request_id": "customer-42",
    }
    assert created.endswith("Z")
    first, last = before - timedelta(milliseconds=1), after - timedelta(milliseconds=290)
    assert first <= datetime.fromisoformat(created) <= last  # the time of the request, not that of its end


def test_a_failed_request_is_listed_and_cost_nothing(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("failed_job")
    assert generate(http, picture_server.url(), "job-1").status_code == 500
    (row,) = logged(http)
    assert (row["status"], row["cost"], row["client_request_id"]) == ("failed", {"usd": 0, "credits": 0}, "job-1")


def test_refused_requests_are_listed_as_failed_and_cost_nothing(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    for kind, status in (("throttle", 429), ("auth", 401), ("forbidden", 403)):
        sim.faults.add(kind)
        assert generate(http, picture_server.url(), kind).status_code == status
    assert generate(http, "nowhere", "bad", model="x").status_code == 400
    sim.account.set_available(0)
    answer = generate(http, picture_server.url(), "poor")
    assert answer.status_code == 403
    sim.account.set_available(PRICE)
    assert generate(http, picture_server.url(), "last").status_code == 200
    rows = logged(http, 6)
    names = ["last", "poor", "bad", "forbidden", "auth", "throttle"]
    assert [row["client_request_id"] for row in rows] == names
    assert [row["status"] for row in rows] == ["succeeded", *["failed"] * 5]
    assert [row["cost"]["credits"] for row in rows] == [PRICE, 0, 0, 0, 0, 0]
    assert (rows[1]["request_id"], rows[1]["inference_id"]) == (answer.headers["x-request-id"], None)
    assert [row["model"] for row in rows[1:3]] == ["topaz-labs/sharpen-gen", "x"]
    assert len(log(http, status="failed")) == 5


def test_a_request_that_never_reached_the_account_is_not_listed(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    """A request with a wrong key belongs to no account. Errors of a gateway and cut connections are never logged."""
    with httpx.Client(base_url=sim.base_url, headers={"Authorization": "Bearer other"}, verify=False) as stranger:
        assert generate(stranger, picture_server.url(), "stranger").status_code == 401
    sim.faults.add("error_before")
    assert generate(http, picture_server.url(), "gateway").status_code == 500
    sim.faults.add("reset_before")
    with pytest.raises(httpx.TransportError):
        generate(http, picture_server.url(), "cut")
    assert generate(http, picture_server.url(), "last").status_code == 200
    assert [row["client_request_id"] for row in logged(http)] == ["last"]


def test_a_refused_request_comes_some_time_later_too(picture_server: PictureServer) -> None:
    with running(log_delay_seconds=200) as (_, http):
        assert generate(http, "nowhere").status_code == 400
        assert log(http) == []
        assert len(logged(http)) == 1


def test_a_generation_that_still_runs_is_not_listed(picture_server: PictureServer) -> None:
    with running(speed=25) as (sim, http):
        sim.faults.add("late_job", seconds=2)
        caller = threading.Thread(target=generate, args=(http, picture_server.url()))
        caller.start()
        try:
            while not sim.submits:
                time.sleep(0.01)
            assert log(http) == []
        finally:
            caller.join()
        assert logged(http)[0]["status"] == "succeeded"


def test_a_row_comes_some_time_after_the_answer(picture_server: PictureServer) -> None:
    began = time.monotonic()
    with running(log_delay_seconds=200) as (_, http):
        assert generate(http, picture_server.url()).status_code == 200
        assert len(logged(http)) == 1
        assert time.monotonic() - began >= 200 / SPEED


def test_rows_are_newest_first_and_come_in_pages(http: httpx.Client, picture_server: PictureServer) -> None:
    for number in range(5):
        generate(http, picture_server.url(), f"job-{number}")
    assert [row["client_request_id"] for row in logged(http, 5)] == [f"job-{number}" for number in (4, 3, 2, 1, 0)]
    body = http.get("/v2/logs", params={"period": "1h", "limit": 2, "offset": 1}).json()
    assert [row["client_request_id"] for row in body["data"]] == ["job-3", "job-2"]
    assert body["pagination"] == {"limit": 2, "offset": 1, "total": 5, "has_more": True}
    body = http.get("/v2/logs", params={"period": "1h", "offset": 5}).json()
    assert body == {"data": [], "pagination": {"limit": 50, "offset": 5, "total": 5, "has_more": False}}


def test_model_and_status_filter_by_repeating_and_not_by_commas(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("failed_job")
    generate(http, picture_server.url(), "failed")
    generate(http, picture_server.url(), "gen")
    generate(http, picture_server.url(), "plain", **STRONG)
    logged(http, 3)

    def ids(**query: Any) -> list[str]:
        return [row["client_request_id"] for row in log(http, **query)]

    assert ids(status="succeeded") == ["plain", "gen"]
    assert ids(status="failed") == ["failed"]
    assert ids(status=["succeeded", "failed"]) == ["plain", "gen", "failed"]
    assert ids(model=STRONG["model"]) == ["plain"]
    assert ids(model="sharpen-gen") == ["gen", "failed"]
    assert ids(model=[SUPER["model"], STRONG["model"]], status="succeeded") == ["plain", "gen"]
    assert ids(model=f"{SUPER['model']},{STRONG['model']}") == []
    assert ids(model="Topaz-Labs/sharpen") == []


def test_the_callers_own_id_is_no_filter(http: httpx.Client, picture_server: PictureServer) -> None:
    for name in ("job-1", "job-2"):
        generate(http, picture_server.url(), name)
    logged(http, 2)
    assert len(log(http, client_request_id="job-1")) == 2
    with running(refuse_unknown_query=True) as (_, other):
        answer = other.get("/v2/logs", params={"period": "1h", "client_request_id": "job-1"})
        assert answer.status_code == 400
        assert "client_request_id" in answer.json()["message"]


def test_a_window_has_two_ends_and_is_read_as_utc(http: httpx.Client, picture_server: PictureServer) -> None:
    generate(http, picture_server.url())
    (row,) = logged(http)
    made, second = datetime.fromisoformat(row["created"]), timedelta(seconds=1)

    def found(start: datetime, end: datetime) -> int:
        window = {"start": start.isoformat(), "end": end.isoformat()}
        answer = http.get("/v2/logs", params=window)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["data"])

    assert found(made - second, made + second) == 1
    assert found(made + second, made + 2 * second) == 0
    assert found(made - 2 * second, made - second) == 0
    plain = made.replace(tzinfo=None)
    assert found(plain - second, plain + second) == 1


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"start": "2026-07-01T00:00:00Z"},
        {"end": "2026-07-01T00:00:00Z"},
        {"period": "24h", "start": "2026-07-01T00:00:00Z", "end": "2026-07-02T00:00:00Z"},
        {"period": "24h", "start": "2026-07-01T00:00:00Z"},
        {"period": "0h"},
        {"period": "24"},
        {"period": "1w"},
        {"period": "-1h"},
        {"period": "93d"},
        {"period": "2209h"},
        {"start": "2026-07-02T00:00:00Z", "end": "2026-07-01T00:00:00Z"},
        {"start": "2026-04-01T00:00:00Z", "end": "2026-07-03T00:00:01Z"},
        {"start": "yesterday", "end": "2026-07-01T00:00:00Z"},
        {"start": "2026-07-01T00:00:00 03:00", "end": "2026-07-01T00:00:00Z"},
        {"period": "24h", "status": "succeeded,failed"},
        {"period": "24h", "status": "running"},
        {"period": "24h", "limit": "0"},
        {"period": "24h", "limit": "101"},
        {"period": "24h", "limit": "x"},
        {"period": "24h", "offset": "-1"},
        {"period": "24h", "model": ["m"] * 51},
    ],
)
def test_a_mistaken_query_is_400(http: httpx.Client, query: dict[str, Any]) -> None:
    answer = http.get("/v2/logs", params=query)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Query validation error\n")


@pytest.mark.parametrize("query", [{"period": "92d"}, {"period": "2208h"}, {"period": "1d", "model": ["m"] * 50}])
def test_a_query_at_its_limits_is_taken(http: httpx.Client, query: dict[str, Any]) -> None:
    assert http.get("/v2/logs", params=query).status_code == 200


def test_only_the_own_key_may_be_asked_for(http: httpx.Client) -> None:
    assert log(http, key_prefix=KEY[:8]) == []
    answer = http.get("/v2/logs", params={"period": "1h", "key_prefix": "abcd1234"})
    assert answer.status_code == 403
    assert "credits" not in answer.json()["message"]


def test_more_than_200_questions_a_minute_are_too_many() -> None:
    with running(speed=1) as (_, http):
        statuses = [http.get("/v2/logs", params={"period": "1h"}).status_code for _ in range(202)]
        assert statuses == [200] * 200 + [429, 429]
        assert http.get("/v2/billing").status_code == 200


def test_after_a_minute_one_may_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(usage_log, "time", SimpleNamespace(monotonic=lambda: now))
    rate_limit = usage_log.RateLimit(speed=60)  # at this speed, a minute takes a second
    for _ in range(200):
        rate_limit.record_call()
    now += 0.99
    with pytest.raises(Refusal):
        rate_limit.record_call()
    now += 0.01
    rate_limit.record_call()
