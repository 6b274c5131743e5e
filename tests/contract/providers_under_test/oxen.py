"""Sets up Oxen.ai for the contract tests."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import ErrorCode
from darkroom.providers import oxen
from darkroom.providers.oxen import Oxen
from darkroom_local.simulators.oxen import OxenSimulator
from darkroom_local.simulators.oxen.published_facts import MODELS


class OxenUnderTest(SimulatedProvider):
    """Oxen.ai. It has a queue, and synchronous calls that no list shows. Both fetch the input by link. Its API also returns
    the prices.
    """

    name = vendor = "oxen"
    capabilities = frozenset(
        {
            "link", "queue", "synchronous", "url answer", "base64 answer", "traceless", "cancel", "list", "estimate", "result",
            "listed by link", "lean queue", "late fetch", "fetches later", "late check", "faults", "reasons", "price list",
            "key behind results", "untold account", "whole or not", "charge in details", "error in 200",
        }
    )  # fmt: skip
    reads: ClassVar = {
        "status": ("status", "status"),
        "list": ("list", "list"),
        "key": ("key", "list"),
        "history": ("list", "history"),
        "cancel": ("cancel", "cancel"),
        "look before cancel": ("cancel", "status"),
        "download": ("download", "status"),
        "estimate": ("estimate", "model"),
    }
    status_only_reads = frozenset({"cancel"})
    operator_faults: ClassVar = {
        "auth": ErrorCode.AUTH_FAILED,
        "forbidden": ErrorCode.AUTH_FAILED,
        "no_funds": ErrorCode.OUT_OF_CREDITS,
    }
    refusals = ("model=flux", "model=", "num_generations=5")
    ending_faults: ClassVar = {"failed_job": "failed", "cancelled_job": "cancelled"}
    delay_faults = ("late_job", "hold", "fetch_late")
    malformed: ClassVar = {
        "no list": lambda body: {"generations": "none"},
        "no object": lambda body: [],
        "strange entries": lambda body: {**body, "generations": ["none"]},
        "no id": lambda body: {**body, "generations": [{**row, "generation_id": 5} for row in body["generations"]]},
        "no end": lambda body: {**body, "total_pages": 10**6},
    }
    operations_naming_inputs = ("list", "history")
    faults_hiding_inputs = ("no_echo", "null_input")
    unknown_status_word = "expired"
    side, factor, price = 128, 2, Decimal(500)
    synchronous_tags: ClassVar = {"synchronous": "true"}
    adapter = Oxen
    page_limit = (oxen, "PAGE_SIZE")
    answers_before_second_page = 3  # two answers of the queue, which has no pages, and the history's first page
    simulator_class = OxenSimulator
    # As at the vendor, the results are served by another host than the API.
    settings: ClassVar = {"available_credits": 10**9, "result_lifetime_seconds": 10.0**8, "result_host": "localhost"}
    base_path = "/api"
    endless_fault = ("hold", "seconds")
    operations: ClassVar = {"synchronous": "edit"}
    inline_fault = "inline"
    accepted_beyond: ClassVar = {
        ("topazlabs-bloom-2-image", "autoprompt"): "a boolean is sent as JSON's, so any other word becomes false",
    }
    published = frozenset(("ai/queue", model) for model in MODELS)
