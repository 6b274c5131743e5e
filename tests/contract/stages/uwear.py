"""uwear.ai."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import ErrorCode
from darkroom.model import Plan
from darkroom.ports import ImageStream
from darkroom.providers import uwear
from darkroom.providers.uwear import Uwear
from darkroom_local.simulators.uwear import UwearSimulator
from darkroom_local.simulators.uwear.published_facts import CREDITS


class UwearStage(SimulatedStage):
    """Links only; a list that says which it was given; nobody to ask for the account."""

    name = vendor = "uwear"
    can = frozenset(
        {
            "link", "queue", "list", "result", "listed by link", "list of other shapes", "empty results",
            "late fetch", "fetches later", "faults",
            "no reprieve", "silent", "untold account",
        }
    )  # fmt: skip
    asks: ClassVar = {
        "status": ("status", "status"),
        "list": ("list", "list"),
        "cancel": ("cancel", "status"),
        "download": ("download", "status"),
    }
    operator_faults: ClassVar = {
        "auth": ErrorCode.AUTH_FAILED,
        "forbidden": ErrorCode.AUTH_FAILED,
        "no_funds": ErrorCode.OUT_OF_CREDITS,
    }
    refusals = ("model=claid", "upscale_factor=3x", "face_enhancement=maybe", "face_enhancement_creativity=1.5")
    endings: ClassVar = {"failed_job": "failed", "failed_word": "failed"}
    delays = ("late_job", "fetch_late")
    malformed: ClassVar = {
        "no list": lambda body: {**body, "data": "none"},
        "no object": lambda body: "none",
        "strange entries": lambda body: {**body, "data": ["none", *body["data"]]},
        "no id": lambda body: {**body, "data": [{**entry, "generation_id": None} for entry in body["data"]]},
        "no number": lambda body: {**body, "data": [{**entry, "generation_id": "../x"} for entry in body["data"]]},
        "no last page": lambda body: {**body, "max_page": None},
        "no end": lambda body: {**body, "max_page": 10**6},
    }
    mute_on = ("list",)
    mutes = ("no_echo", "null_input")
    strange_ids = ("9999999", "", "..", "../generations", "a/b", "-1", "1e3", "١٢")
    strange_word = "Queued"
    side, factor = 64, 4
    adapter = Uwear
    page_limit = (uwear, "PAGE_LIMIT")
    simulator_class = UwearSimulator
    settings: ClassVar = {"available_credits": 10**9, "result_lifetime_seconds": 10.0**8}
    base_path = "/api/v1"
    holding = ("late_job", "seconds")
    published = frozenset(("generation-upscale", model) for model in CREDITS)

    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        plan, image = super().refused(what)
        taking = {} if what.startswith("model=") else {"model": "topaz"}  # the one model that takes settings
        return replace(plan, parameters={**plan.parameters, **taking}), image
