"""The simulator as a running server: this vendor's routes to handlers.

A stand-in for uwear.ai's upscale API: creating an upscale and listing generations as its vendor
publishes it, looking at one as clients have seen it. Paths answer with and without the published prefix, because
newer pages drop it. It must not import the application it stands in for.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.job_workers import Workshop
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.server import Route, Simulator
from darkroom_local.simulators.uwear import api_routes, generation_list
from darkroom_local.simulators.uwear.faults import REPERTOIRE
from darkroom_local.simulators.uwear.generations import GenerationStore
from darkroom_local.simulators.uwear.simulator_state import Settings, World

BASE_PATH = "/api/v1"

_ROUTES: tuple[Route[World], ...] = tuple(
    route
    for prefix in (BASE_PATH, "")
    for route in (
        ("POST", prefix + "/generation-upscale", "submit", api_routes.submit),
        ("GET", prefix + "/generation/{generation_id}", "status", api_routes.status),
        ("GET", prefix + "/generations", "list", generation_list.listing),
    )
)


class UwearSimulator(Simulator[World, Settings]):
    """The API on a thread of its own."""

    name = "uwear-simulator"
    base_path = BASE_PATH
    repertoire = REPERTOIRE
    settings_class = Settings
    subject = "image_url"
    notes = ("generation_id",)
    routes = _ROUTES

    def make_world(self, workshop: Workshop) -> World:
        """A fresh world that works there."""
        links = PresignedUrls(self.settings.result_lifetime_seconds)
        generations = GenerationStore(self.account, workshop, self.settings.limits)
        return World(self.account, self.faults, self.journal, links, workshop, self.settings, generations)
