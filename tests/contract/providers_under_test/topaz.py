"""Sets up Topaz for the contract tests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, ClassVar

from tests.contract.input_pictures import noise
from tests.contract.providers_under_test.base import CALLS
from tests.contract.providers_under_test.simulated import SimulatedProvider
from tests.contract.shared_servers import Site

from darkroom.errors import ErrorCode
from darkroom.model import Plan
from darkroom.ports import ImageStream
from darkroom.providers import topaz
from darkroom.providers.topaz import Topaz
from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.simulators.topaz.published_facts import ENDPOINTS
from darkroom_local.simulators.topaz.simulator_state import TopazState

REQUEST_LIMIT_BYTES = 12_000_000


class ClearableTopaz(TopazSimulator):
    """A simulator whose list a test can empty without a request, because a request takes as long as a short test."""

    def make_state(self, workers: JobWorkers) -> TopazState:
        self._state, self._server_loop = super().make_state(workers), asyncio.get_running_loop()
        return self._state

    def clear_list(self) -> None:
        """Delete all jobs before the server reads the next request."""
        self._server_loop.call_soon_threadsafe(self._state.jobs.delete_all)


class TopazUnderTest(SimulatedProvider):
    """Topaz. Its list shows file names, its API returns the account's credits, and its synchronous calls return the picture
    itself.
    """

    name = vendor = "topaz"
    capabilities = frozenset(
        {
            "upload", "link", "queue", "synchronous", "picture answer", "cancel", "list", "forget", "account", "reserves",
            "estimate", "sides", "credits", "result", "listed by name", "list of two shapes", "faults", "legacy key",
            "fetches at once", "size of its own", "removed entries", "no synchronous calls later", "kept inputs", "callbacks",
        }
    )  # fmt: skip
    reads: ClassVar = {call: (call, call) for call in CALLS} | {"key": ("key", "list")}
    operator_faults: ClassVar = {
        "auth": ErrorCode.AUTH_FAILED, "forbidden": ErrorCode.AUTH_FAILED, "no_funds": ErrorCode.OUT_OF_CREDITS,
        "no_subscription": ErrorCode.OUT_OF_CREDITS, "topping_up": ErrorCode.OUT_OF_CREDITS,
    }  # fmt: skip
    refusals = ("400", "413", "415", "422")
    ending_faults: ClassVar = {"failed_job": "failed", "cancelled_job": "cancelled"}
    delay_faults = ("eta_early",)
    callback_faults = (
        "callbacks_lost", "callbacks_twice", "callbacks_reversed", "callbacks_early", "callbacks_late", "eta_late",
    )  # fmt: skip
    malformed: ClassVar = {
        "no list": lambda body: {"data": "none"},
        "strange entries": lambda body: {**body, "data": ["none"]},
        "no process id": lambda body: {**body, "data": [{**entry, "process_id": ""} for entry in body["data"]]},
        "no next page": lambda body: {**body, "pagination": {"has_next_page": True}},
        "no end": lambda body: {**body, "pagination": {"has_next_page": True, "next_cursor": "bm90aGluZw=="}},
    }
    unknown_status_word = "Queued2"
    synchronous_tags: ClassVar = {"synchronous": "true"}
    link_tags: ClassVar = {"input_by": "link"}
    adapter = Topaz
    page_limit = (topaz, "PAGE_LIMIT")
    simulator_class = ClearableTopaz
    simulator: ClearableTopaz
    settings: ClassVar = {"request_limit_bytes": REQUEST_LIMIT_BYTES}
    base_path = "/image/v1"
    endless_fault = ("eta_early", "late_seconds")
    published = frozenset((f"{name}/async", model.name) for name, it in ENDPOINTS.items() for model in it.models)
    accepted_beyond: ClassVar = {
        ("Super Focus", "seed"): "the vendor publishes no bounds",
        ("Super Focus V2", "seed"): "the vendor publishes no bounds",
        ("Text Refine", "strength"): "the simulator does not know which models of enhance take a strength",
    }
    # Only a result that is one pixel high or wide can have the longest allowed side. Any other result would be too large.
    shapes: ClassVar = {"output_width": (32_000, 1), "output_height": (1, 32_000)}

    def __init__(self, site: Site, **settings: Any) -> None:
        super().__init__(site, **settings)
        self.simulator.clear_list()  # otherwise the list would show the jobs of earlier tests for a whole week

    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        plan = self.plan()
        # A PNG whose header says that its width is 0.
        no_width = noise(self.side)[:16] + bytes(4) + noise(self.side)[20:]
        return {
            "400": (replace(plan, parameters={**plan.parameters, "output_width": "0"}), self.image()),
            "413": (plan, self.image(bytes(REQUEST_LIMIT_BYTES))),
            "415": (plan, self.image(b"no picture at all")),
            "422": (plan, self.image(no_width)),
        }[what]
