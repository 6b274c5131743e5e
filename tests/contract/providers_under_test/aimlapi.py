"""Sets up AI/ML API for the contract tests."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import ErrorCode
from darkroom.providers import aimlapi
from darkroom.providers.aimlapi import Aimlapi
from darkroom_local.simulators.aimlapi import AimlapiSimulator
from darkroom_local.simulators.aimlapi.published_facts import MODELS


class AimlapiUnderTest(SimulatedProvider):
    """AI/ML API. It fetches the input by link, answers a synchronous call with the result, and logs the cost of each call."""

    name = vendor = "aimlapi"
    capabilities = frozenset(
        {
            "link", "synchronous", "url answer", "base64 answer", "list", "log", "account", "usage", "late fetch", "faults",
            "fetches at once",
            "silent",
        }
    )  # fmt: skip
    reads: ClassVar = {
        "status": ("status", "list"),
        "list": ("list", "list"),
        "key": ("key", "list"),
        "cancel": ("cancel", "list"),
        "download": ("download", "list"),
        "account": ("account", "account"),
    }
    operator_faults: ClassVar = {
        "auth": ErrorCode.AUTH_FAILED,
        "forbidden": ErrorCode.OUT_OF_CREDITS,
        "no_funds": ErrorCode.OUT_OF_CREDITS,
    }
    refusals = ("model=claid", "mode=Standard", "output_format=gif", "strength=1.5", "focus_boost=0.1")
    delay_faults = ("late_job", "fetch_late")
    malformed: ClassVar = {
        "no list": lambda body: {**body, "data": "none"},
        "no object": lambda body: [],
        "strange entries": lambda body: {**body, "data": ["none"]},
        "no end": lambda body: {**body, "pagination": {"has_more": True}},
    }
    side, price = 256, Decimal(210_000)
    adapter = Aimlapi
    page_limit = (aimlapi, "PAGE_LIMIT")
    simulator_class = AimlapiSimulator
    settings: ClassVar = {"available_credits": 10**10, "log_delay_seconds": 0.0}
    base_path = ""
    inline_fault = "b64"
    published = frozenset(("v1/images/generations", model) for model in MODELS)
    accepted_beyond: ClassVar = {
        **{
            (model, "face_enhancement"): "the adapter makes a JSON boolean of whatever is said: there is nothing beyond"
            for model in MODELS
        },
        ("topaz-labs/sharpen-gen", "seed"): "the vendor publishes no bounds",
    }

    def keep_next_running(self) -> None:
        raise AssertionError("no process of this vendor runs on, because each has ended when its call is answered")

    def await_end(self, process_id: str) -> None:
        """Do nothing, because the process had ended when the call was answered."""
