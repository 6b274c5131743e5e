"""The uwear.ai simulator as a running server.

Creating an upscale and listing generations work as the vendor publishes them; reading one generation works as clients
have seen it. Every path answers with and without the published prefix, because newer pages omit it. This module must
not import the application under test.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.server import Route, Simulator
from darkroom_local.simulators.uwear import api_routes, generation_list
from darkroom_local.simulators.uwear.faults import SUPPORTED_FAULTS
from darkroom_local.simulators.uwear.generations import GenerationStore
from darkroom_local.simulators.uwear.simulator_state import UwearSettings, UwearState

BASE_PATH = "/api/v1"

_ROUTES: tuple[Route[UwearState], ...] = tuple(
    route
    for prefix in (BASE_PATH, "")
    for route in (
        ("POST", prefix + "/generation-upscale", "submit", api_routes.submit),
        ("GET", prefix + "/generation/{generation_id}", "status", api_routes.status),
        ("GET", prefix + "/generations", "list", generation_list.listing),
    )
)


class UwearSimulator(Simulator[UwearState, UwearSettings]):
    """The uwear.ai API on its own thread."""

    name = "uwear-simulator"
    base_path = BASE_PATH
    supported_faults = SUPPORTED_FAULTS
    settings_class = UwearSettings
    subject_field = "image_url"
    id_fields = ("generation_id",)
    routes = _ROUTES

    def make_state(self, workers: JobWorkers) -> UwearState:
        """Return new state that uses these workers."""
        links = PresignedUrls(self.settings.result_lifetime_seconds)
        generations = GenerationStore(self.account, workers, self.settings.limits)
        return UwearState(self.account, self.faults, self.journal, links, workers, self.settings, generations)
