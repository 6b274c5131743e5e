"""Oxen.ai."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import ErrorCode
from darkroom.providers import oxen
from darkroom.providers.oxen import Oxen
from darkroom_local.simulators.oxen import OxenSimulator
from darkroom_local.simulators.oxen.published_facts import MODEL


class OxenStage(SimulatedStage):
    """A queue, by link; the same call held, which leaves no trace; a price that is asked for."""

    name = vendor = "oxen"
    can = frozenset(
        {
            "link", "queue", "held", "url answer", "base64 answer", "traceless", "cancel", "list", "estimate", "result",
            "listed by link", "lean queue", "late fetch", "fetches later", "late check", "faults", "reasons", "price list",
            "key behind results", "untold account", "whole or not", "charge in details",
        }
    )  # fmt: skip
    asks: ClassVar = {
        "status": ("status", "status"),
        "list": ("list", "list"),
        "history": ("list", "history"),
        "cancel": ("cancel", "cancel"),
        "look before cancel": ("cancel", "status"),
        "download": ("download", "status"),
        "estimate": ("estimate", "model"),
    }
    unread = frozenset({"cancel"})
    operator_faults: ClassVar = {
        "auth": ErrorCode.AUTH_FAILED,
        "forbidden": ErrorCode.AUTH_FAILED,
        "no_funds": ErrorCode.OUT_OF_CREDITS,
    }
    refusals = ("model=flux", "model=", "num_generations=5")
    endings: ClassVar = {"failed_job": "failed", "cancelled_job": "cancelled"}
    delays = ("late_job", "hold", "fetch_late")
    malformed: ClassVar = {
        "no list": lambda body: {"generations": "none"},
        "no object": lambda body: [],
        "strange entries": lambda body: {**body, "generations": ["none"]},
        "no id": lambda body: {**body, "generations": [{**row, "generation_id": 5} for row in body["generations"]]},
        "no end": lambda body: {**body, "total_pages": 10**6},
    }
    mute_on = ("list", "history")
    mutes = ("no_echo", "null_input")
    strange_word = "expired"
    side, factor, price = 128, 2, Decimal(500)
    held_tags: ClassVar = {"synchronous": "true"}
    adapter = Oxen
    page_limit = (oxen, "PAGE_SIZE")
    first_pages = 3  # two of the queue, which has no pages, and one of the history
    simulator_class = OxenSimulator
    # Where the vendor keeps results, its API does not run.
    settings: ClassVar = {"available_credits": 10**9, "result_lifetime_seconds": 10.0**8, "result_host": "localhost"}
    base_path = "/api"
    holding = ("hold", "seconds")
    operations: ClassVar = {"held": "edit"}
    embeds = "inline"
    published = frozenset({("ai/queue", MODEL)})
