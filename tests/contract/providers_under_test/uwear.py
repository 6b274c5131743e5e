"""Sets up uwear.ai for the contract tests."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import ErrorCode
from darkroom.model import Plan
from darkroom.ports import ImageStream
from darkroom.providers import uwear
from darkroom.providers.uwear import Uwear
from darkroom_local.simulators.uwear import UwearSimulator
from darkroom_local.simulators.uwear.published_facts import CREDITS


class UwearUnderTest(SimulatedProvider):
    """uwear.ai. It fetches inputs by link only, its list names the inputs, and its API does not return the account's credits."""

    name = vendor = "uwear"
    capabilities = frozenset(
        {
            "link", "queue", "list", "result", "listed by link", "list of other shapes", "empty results",
            "late fetch", "fetches later", "faults",
            "no reprieve", "silent", "untold account",
        }
    )  # fmt: skip
    reads: ClassVar = {
        "status": ("status", "status"),
        "list": ("list", "list"),
        "key": ("key", "list"),
        "cancel": ("cancel", "status"),
        "download": ("download", "status"),
    }
    operator_faults: ClassVar = {
        "auth": ErrorCode.AUTH_FAILED,
        "forbidden": ErrorCode.AUTH_FAILED,
        "no_funds": ErrorCode.OUT_OF_CREDITS,
    }
    refusals = ("model=claid", "upscale_factor=3x", "face_enhancement=maybe", "face_enhancement_creativity=1.5")
    ending_faults: ClassVar = {"failed_job": "failed", "failed_word": "failed"}
    delay_faults = ("late_job", "fetch_late")
    malformed: ClassVar = {
        "no list": lambda body: {**body, "data": "none"},
        "no object": lambda body: "none",
        "strange entries": lambda body: {**body, "data": ["none", *body["data"]]},
        "no id": lambda body: {**body, "data": [{**entry, "generation_id": None} for entry in body["data"]]},
        "no number": lambda body: {**body, "data": [{**entry, "generation_id": "../x"} for entry in body["data"]]},
        "no last page": lambda body: {**body, "max_page": None},
        "no end": lambda body: {**body, "max_page": 10**6},
    }
    operations_naming_inputs = ("list",)
    faults_hiding_inputs = ("no_echo", "null_input")
    unknown_ids = ("9999999", "", "..", "../generations", "a/b", "-1", "1e3", "١٢")
    unknown_status_word = "Queued"
    side, factor = 64, 4
    adapter = Uwear
    page_limit = (uwear, "PAGE_LIMIT")
    simulator_class = UwearSimulator
    settings: ClassVar = {"available_credits": 10**9, "result_lifetime_seconds": 10.0**8}
    base_path = ""
    endless_fault = ("late_job", "seconds")
    published = frozenset(("generation-upscale", model) for model in CREDITS)

    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        plan, image = super().refused(what)
        taking = {} if what.startswith("model=") else {"model": "topaz"}  # topaz is the only model that takes settings
        return replace(plan, parameters={**plan.parameters, **taking}), image
