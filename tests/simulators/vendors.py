"""Describes the four simulators for tests of what all of them promise: how to start them, send requests, and find results.

A mark is a text that identifies a submit. It is in the field `subject` of the journal, and in the vendor's list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.simulators import client
from tests.simulators.aimlapi import support as aimlapi
from tests.simulators.client import BEARER
from tests.simulators.oxen import support as oxen
from tests.simulators.picture_server import PictureServer
from tests.simulators.topaz import support as topaz
from tests.simulators.uwear import support as uwear

from darkroom_local.simulators.aimlapi import AimlapiSimulator
from darkroom_local.simulators.framework.server import Simulator
from darkroom_local.simulators.oxen import OxenSimulator
from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.simulators.uwear import UwearSimulator

Answer = httpx.Response
SendRequest = Callable[[httpx.Client, PictureServer], Answer]


@dataclass(frozen=True)
class Vendor:
    """Holds what a test needs to know about one simulator."""

    name: str
    make: Callable[..., Simulator[Any, Any]]
    speed: float
    # Sends a submit with this mark; the simulator accepts it.
    submit: Callable[[httpx.Client, PictureServer, str], Answer]
    link: Callable[[httpx.Client, Answer], str]  # waits for the result and returns its URL
    marks: Callable[[httpx.Client], list[str | None]]  # the marks of all jobs in the vendor's list of jobs
    fetched: Callable[[httpx.Client, str], Answer]  # submits the picture at this URL
    requests: Mapping[str, SendRequest]  # operation → a function that sends a request for it
    refusals: tuple[set[str], ...]  # the fields that an error answer may have
    unknown_faults: tuple[str, ...]  # fault rules that this simulator does not support
    id_field: str  # the field of the journal that has the job's id
    reads: Mapping[str, Callable[[httpx.Client, Answer], Answer]] = field(
        default_factory=dict
    )  # operation → a function that sends a request about one job
    statuses: Mapping[str, int] = field(default_factory=dict)  # fault → HTTP status of its answer, where vendors differ
    no_funds_status: int = 402  # the HTTP status when the account has no funds
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)

    def running(self, **settings: Any) -> AbstractContextManager[tuple[Simulator[Any, Any], httpx.Client]]:
        """Yield a running simulator with these settings, and a client that sends its API key."""
        return client.running(self.make, self.headers, **{"speed": self.speed, **settings})


def marked(picture_server: PictureServer, mark: str) -> str:
    """Return a URL of the cat's picture that contains the mark."""
    return picture_server.url(f"/cat.png?mark={mark}")


def _mark_of(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("mark", [""])[0]


def _get(path: str) -> SendRequest:
    return lambda http, picture_server: http.get(path)


def _topaz_link(http: httpx.Client, answer: Answer) -> str:
    topaz.finished(http, answer.json()["process_id"])
    return topaz.link(http, answer.json()["process_id"])


def _oxen_id(answer: Answer) -> str:
    return str(answer.json()["generations"][0]["generation_id"])


TOPAZ = Vendor(
    name="topaz",
    make=TopazSimulator,
    speed=20,
    submit=lambda http, picture_server, mark: topaz.submit(http, filename=f"{mark}.png"),
    link=_topaz_link,
    marks=lambda http: [job["filename"].removesuffix(".png") for job in http.get("/status").json()],
    fetched=lambda http, url: http.post("/enhance/async", files={"source_url": (None, url)}),
    requests={
        "submit": lambda http, picture_server: topaz.submit(http),
        "list": _get("/status"),
        "account": lambda http, picture_server: http.get(http.base_url.join("/account/v1/credits/balance")),
    },
    refusals=({"code", "message"}, {"detail"}, {"error"}),
    unknown_faults=("b64", "throttle:events"),
    id_field="process_id",
    reads={"status": lambda http, answer: http.get(f"/status/{answer.json()['process_id']}")},
    statuses={"no_subscription": 412, "topping_up": 425},
    headers=topaz.HEADERS,
)
UWEAR = Vendor(
    name="uwear",
    make=UwearSimulator,
    speed=50,
    submit=lambda http, picture_server, mark: uwear.submit(http, marked(picture_server, mark)),
    link=lambda http, answer: uwear.link(http, answer.json()["generation_id"]),
    marks=lambda http: [_mark_of(url) for url in uwear.given(http)],
    fetched=lambda http, url: uwear.submit(http, url),
    requests={
        "submit": lambda http, picture_server: uwear.submit(http, picture_server.url()),
        "list": _get("/generations"),
    },
    refusals=({"detail"},),
    unknown_faults=("topping_up", "throttle:account"),
    id_field="generation_id",
    reads={"status": lambda http, answer: http.get(f"/generation/{answer.json()['generation_id']}")},
)
OXEN = Vendor(
    name="oxen",
    make=OxenSimulator,
    speed=60,
    submit=lambda http, picture_server, mark: oxen.submit(http, marked(picture_server, mark)),
    link=lambda http, answer: oxen.link(http, _oxen_id(answer)),
    marks=lambda http: [_mark_of(row["input_image"]) for row in http.get("/ai/generations").json()["generations"]],
    fetched=lambda http, url: oxen.submit(http, url),
    requests={
        "submit": lambda http, picture_server: oxen.submit(http, picture_server.url()),
        "edit": lambda http, picture_server: oxen.edit(http, picture_server.url()),
        "list": _get("/ai/queue"),
        "history": _get("/ai/generations"),
        "model": _get(f"/ai/models/{oxen.MODEL}"),
    },
    refusals=({"error", "status", "status_message"},),
    unknown_faults=("list_shape", "throttle:events", "inline:submit"),
    id_field="generation_id",
    reads={
        "status": lambda http, answer: http.get(f"/ai/queue/{_oxen_id(answer)}"),
        "cancel": lambda http, answer: http.delete(f"/ai/queue/{_oxen_id(answer)}"),
    },
)
AIMLAPI = Vendor(
    name="aimlapi",
    make=AimlapiSimulator,
    speed=1000,
    submit=lambda http, picture_server, mark: aimlapi.generate(http, marked(picture_server, mark), mark),
    link=lambda http, answer: aimlapi.link(answer),
    marks=lambda http: [row["client_request_id"] for row in aimlapi.log(http)],
    fetched=lambda http, url: aimlapi.generate(http, url),
    requests={
        "submit": lambda http, picture_server: aimlapi.generate(http, picture_server.url()),
        "list": _get("/v2/logs?period=1h"),
        "account": _get("/v2/billing"),
    },
    refusals=({"message", "path", "requestId", "statusCode", "timestamp"},),
    unknown_faults=("throttle:status", "b64:list"),
    id_field="inference_id",
    statuses={"no_funds": 403},
    no_funds_status=403,
)
VENDORS = {vendor.name: vendor for vendor in (TOPAZ, UWEAR, OXEN, AIMLAPI)}
