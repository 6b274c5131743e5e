"""Everything one running Topaz simulator shares: what any simulator does, its jobs, its refusals.

It must not know routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from darkroom_local.simulators.framework import exchange, simulator_state
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import Found
from darkroom_local.simulators.topaz.errors import ErrorShapes
from darkroom_local.simulators.topaz.jobs import JobStore, Traits
from darkroom_local.simulators.topaz.published_facts import LINK_LIFETIME_SECONDS, REQUEST_LIMIT_BYTES


@dataclass(frozen=True)
class Settings(simulator_state.Settings):
    """How a simulator is set up."""

    request_limit_bytes: int = REQUEST_LIMIT_BYTES
    link_lifetime_seconds: float = LINK_LIFETIME_SECONDS


@dataclass
class World(simulator_state.World):
    """The parts that outlive a single request."""

    settings: Settings
    jobs: JobStore
    shapes: ErrorShapes = field(default_factory=ErrorShapes)

    def render(self, refusal: Refusal) -> web.Response:
        """In one of the four shapes seen."""
        return self.shapes.answer(refusal)

    def find_result(self, name: str, entry: Entry) -> Found:
        """The result of the job whose id the name begins with, for as long as it is kept."""
        entry["process_id"] = process_id = name.partition(".")[0]
        job = self.jobs.find_result(process_id)
        if job is None:
            return Found(None, None)
        return Found(job.result if self.jobs.has_result(job) else None, job.upload.filename)


Call = exchange.Call[World]


def traits_of(call: Call) -> Traits:
    """What a job accepted by this call is to suffer."""
    late = call.take("eta_early")
    return Traits(
        late_seconds=late.option("late_seconds") if late else None,
        list_lag_seconds=call.seconds("list_lag"),
        ending=call.meant({"failed_job": "Failed", "cancelled_job": "Cancelled"}, "Completed"),
        wrong_size=call.has("wrong_size"),
        unknown_status=call.has("unknown_status"),
    )
