"""The server of the uwear.ai simulator.

The endpoints that create an upscale and list generations work as the vendor publishes them. The endpoint that reads one
generation works as clients have seen it. By default every path works with the prefix `/api/v1` and without it, because the
vendor's pages disagree: the reference has the prefix, but the vendor's summary says that generations do not have it. The
setting `prefixes` chooses which of the two work. This module must not import the application under test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.server import Route, Simulator
from darkroom_local.simulators.uwear import api_routes, generation_list
from darkroom_local.simulators.uwear.faults import SUPPORTED_FAULTS
from darkroom_local.simulators.uwear.generations import GenerationStore
from darkroom_local.simulators.uwear.published_facts import PREFIXES
from darkroom_local.simulators.uwear.simulator_state import UwearExchange, UwearSettings, UwearState

Handler = Callable[[UwearExchange], Awaitable[web.StreamResponse]]


def _under(prefix: str, handler: Handler) -> Handler:
    """Return a handler for paths with this prefix. It answers 404 if the settings do not have the prefix."""

    async def handle(exchange: UwearExchange) -> web.StreamResponse:
        if prefix not in exchange.state.settings.prefixes:
            raise Refusal(404, "Not Found")
        exchange.entry["prefix"] = prefix
        return await handler(exchange)

    return handle


_ROUTES: tuple[Route[UwearState], ...] = tuple(
    route
    for prefix in PREFIXES
    for route in (
        ("POST", prefix + "/generation-upscale", "submit", _under(prefix, api_routes.submit)),
        ("GET", prefix + "/generation/{generation_id}", "status", _under(prefix, api_routes.status)),
        ("GET", prefix + "/generations", "list", _under(prefix, generation_list.listing)),
    )
)


class UwearSimulator(Simulator[UwearState, UwearSettings]):
    """Runs the simulated uwear.ai API on its own thread."""

    name = "uwear-simulator"
    base_path = ""
    supported_faults = SUPPORTED_FAULTS
    settings_class = UwearSettings
    subject_field = "image_url"
    id_fields = ("generation_id",)
    routes = _ROUTES

    def make_state(self, workers: JobWorkers) -> UwearState:
        """Return a new state object that uses these workers."""
        links = PresignedUrls(self.settings.result_lifetime_seconds)
        generations = GenerationStore(self.account, workers, self.settings.limits)
        return UwearState(self.account, self.faults, self.journal, links, workers, self.settings, generations)
