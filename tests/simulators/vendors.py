"""The four simulators, for what all promise alike: how each is started, asked and refused, and where its results are.

A mark is what a test knows a submit again by: in the journal's subject, and in what the vendor lists.
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
from tests.simulators.gallery import Gallery
from tests.simulators.oxen import support as oxen
from tests.simulators.topaz import support as topaz
from tests.simulators.uwear import support as uwear

from darkroom_local.simulators.aimlapi import AimlapiSimulator
from darkroom_local.simulators.framework.server import Simulator
from darkroom_local.simulators.oxen import OxenSimulator
from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.simulators.uwear import UwearSimulator

Answer = httpx.Response
Ask = Callable[[httpx.Client, Gallery], Answer]


@dataclass(frozen=True)
class Vendor:
    """What a test has to know of one simulator."""

    name: str
    make: Callable[..., Simulator[Any, Any]]
    speed: float
    submit: Callable[[httpx.Client, Gallery, str], Answer]  # one that is accepted, of that mark
    link: Callable[[httpx.Client, Answer], str]  # where the result is, once it is there
    marks: Callable[[httpx.Client], list[str | None]]  # of what the vendor lists
    fetched: Callable[[httpx.Client, str], Answer]  # one submit of the picture at that address
    asks: Mapping[str, Ask]  # operation → such a call
    refusals: tuple[set[str], ...]  # the fields that a refusal may have
    wrong: tuple[str, ...]  # lines that mean no fault of it
    note: str  # the journal's field that says which job it was
    reads: Mapping[str, Callable[[httpx.Client, Answer], Answer]] = field(default_factory=dict)  # of one job
    statuses: Mapping[str, int] = field(default_factory=dict)  # of faults that not all know, or not alike
    broke: int = 402  # the status for who cannot pay
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)

    def running(self, **settings: Any) -> AbstractContextManager[tuple[Simulator[Any, Any], httpx.Client]]:
        """A simulator and a client with its key."""
        return client.running(self.make, self.headers, **{"speed": self.speed, **settings})


def marked(gallery: Gallery, mark: str) -> str:
    """An address that bears a mark."""
    return gallery.url(f"/cat.png?mark={mark}")


def _mark_of(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("mark", [""])[0]


def _get(path: str) -> Ask:
    return lambda http, gallery: http.get(path)


def _topaz_link(http: httpx.Client, answer: Answer) -> str:
    topaz.finished(http, answer.json()["process_id"])
    return topaz.link(http, answer.json()["process_id"])


def _oxen_id(answer: Answer) -> str:
    return str(answer.json()["generations"][0]["generation_id"])


TOPAZ = Vendor(
    name="topaz",
    make=TopazSimulator,
    speed=20,
    submit=lambda http, gallery, mark: topaz.submit(http, filename=f"{mark}.png"),
    link=_topaz_link,
    marks=lambda http: [job["filename"].removesuffix(".png") for job in http.get("/status").json()],
    fetched=lambda http, url: http.post("/enhance/async", files={"source_url": (None, url)}),
    asks={
        "submit": lambda http, gallery: topaz.submit(http),
        "list": _get("/status"),
        "account": lambda http, gallery: http.get(http.base_url.join("/account/v1/credits/balance")),
    },
    refusals=({"code", "message"}, {"detail"}, {"error"}),
    wrong=("b64", "throttle:events"),
    note="process_id",
    reads={"status": lambda http, answer: http.get(f"/status/{answer.json()['process_id']}")},
    statuses={"no_subscription": 412, "topping_up": 425},
    headers=topaz.HEADERS,
)
UWEAR = Vendor(
    name="uwear",
    make=UwearSimulator,
    speed=50,
    submit=lambda http, gallery, mark: uwear.submit(http, marked(gallery, mark)),
    link=lambda http, answer: uwear.link(http, answer.json()["generation_id"]),
    marks=lambda http: [_mark_of(url) for url in uwear.given(http)],
    fetched=lambda http, url: uwear.submit(http, url),
    asks={"submit": lambda http, gallery: uwear.submit(http, gallery.url()), "list": _get("/generations")},
    refusals=({"detail"},),
    wrong=("topping_up", "throttle:account"),
    note="generation_id",
    reads={"status": lambda http, answer: http.get(f"/generation/{answer.json()['generation_id']}")},
)
OXEN = Vendor(
    name="oxen",
    make=OxenSimulator,
    speed=60,
    submit=lambda http, gallery, mark: oxen.submit(http, marked(gallery, mark)),
    link=lambda http, answer: oxen.link(http, _oxen_id(answer)),
    marks=lambda http: [_mark_of(row["input_image"]) for row in http.get("/ai/generations").json()["generations"]],
    fetched=lambda http, url: oxen.submit(http, url),
    asks={
        "submit": lambda http, gallery: oxen.submit(http, gallery.url()),
        "edit": lambda http, gallery: oxen.edit(http, gallery.url()),
        "list": _get("/ai/queue"),
        "history": _get("/ai/generations"),
        "model": _get(f"/ai/models/{oxen.MODEL}"),
    },
    refusals=({"error", "status", "status_message"},),
    wrong=("list_shape", "throttle:events", "inline:submit"),
    note="generation_id",
    reads={
        "status": lambda http, answer: http.get(f"/ai/queue/{_oxen_id(answer)}"),
        "cancel": lambda http, answer: http.delete(f"/ai/queue/{_oxen_id(answer)}"),
    },
)
AIMLAPI = Vendor(
    name="aimlapi",
    make=AimlapiSimulator,
    speed=1000,
    submit=lambda http, gallery, mark: aimlapi.generate(http, marked(gallery, mark), mark),
    link=lambda http, answer: aimlapi.link(answer),
    marks=lambda http: [row["client_request_id"] for row in aimlapi.log(http)],
    fetched=lambda http, url: aimlapi.generate(http, url),
    asks={
        "submit": lambda http, gallery: aimlapi.generate(http, gallery.url()),
        "list": _get("/v2/logs?period=1h"),
        "account": _get("/v2/billing"),
    },
    refusals=({"message", "path", "requestId", "statusCode", "timestamp"},),
    wrong=("throttle:status", "b64:list"),
    note="inference_id",
    statuses={"no_funds": 403},
    broke=403,
)
VENDORS = {vendor.name: vendor for vendor in (TOPAZ, UWEAR, OXEN, AIMLAPI)}
