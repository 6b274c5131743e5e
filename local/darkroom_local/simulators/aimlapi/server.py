"""The server of the AI/ML API simulator.

It simulates the Topaz image models, the usage log, the balance and the list of models. This module must not import the
application under test.
"""

from __future__ import annotations

from darkroom_local.simulators.aimlapi import api_routes
from darkroom_local.simulators.aimlapi.faults import SUPPORTED_FAULTS
from darkroom_local.simulators.aimlapi.generations import GenerationStore
from darkroom_local.simulators.aimlapi.simulator_state import AimlapiSettings, AimlapiState
from darkroom_local.simulators.aimlapi.usage_log import RateLimit, RefusedRequests
from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.server import Route, Simulator

_ROUTES: tuple[Route[AimlapiState], ...] = (
    ("POST", "/v1/images/generations", "submit", api_routes.submit),
    ("GET", "/models", "account", api_routes.models),
    ("GET", "/v2/logs", "list", api_routes.listing),
    ("GET", "/v2/billing", "account", api_routes.balance),
    ("GET", "/v1/billing/balance", "account", api_routes.legacy_balance),
)


class AimlapiSimulator(Simulator[AimlapiState, AimlapiSettings]):
    """Runs the simulated AI/ML API on its own thread."""

    name = "aimlapi-simulator"
    base_path = ""
    supported_faults = SUPPORTED_FAULTS
    settings_class = AimlapiSettings
    subject_field = "image_url"
    id_fields = ("request_id", "inference_id", "client_request_id")
    routes = _ROUTES

    def make_state(self, workers: JobWorkers) -> AimlapiState:
        """Return a new state object that uses these workers."""
        settings = self.settings
        links = PresignedUrls(settings.result_lifetime_seconds)
        generations = GenerationStore(self.account, workers, settings.limits)
        rate_limit, refusals = RateLimit(settings.speed), RefusedRequests(settings.log_delay_seconds / settings.speed)
        return AimlapiState(
            self.account, self.faults, self.journal, links, workers, settings, generations, rate_limit, refusals
        )
