"""The simulator as a running server: this vendor's routes to handlers.

A stand-in for AI/ML API as far as its Topaz image models, its request log and its balance go. It
must not import the application it stands in for.
"""

from __future__ import annotations

from darkroom_local.simulators.aimlapi import api_routes
from darkroom_local.simulators.aimlapi.faults import REPERTOIRE
from darkroom_local.simulators.aimlapi.generations import GenerationStore
from darkroom_local.simulators.aimlapi.request_log import Pace, Refusals
from darkroom_local.simulators.aimlapi.simulator_state import Settings, World
from darkroom_local.simulators.framework.job_workers import Workshop
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.server import Route, Simulator

_ROUTES: tuple[Route[World], ...] = (
    ("POST", "/v1/images/generations", "submit", api_routes.submit),
    ("GET", "/v2/logs", "list", api_routes.listing),
    ("GET", "/v2/billing", "account", api_routes.balance),
    ("GET", "/v1/billing/balance", "account", api_routes.legacy_balance),
)


class AimlapiSimulator(Simulator[World, Settings]):
    """The API on a thread of its own."""

    name = "aimlapi-simulator"
    base_path = ""
    repertoire = REPERTOIRE
    settings_class = Settings
    subject = "image_url"
    notes = ("request_id", "inference_id", "client_request_id")
    routes = _ROUTES

    def make_world(self, workshop: Workshop) -> World:
        """A fresh world that works there."""
        settings = self.settings
        links = PresignedUrls(settings.result_lifetime_seconds)
        generations = GenerationStore(self.account, workshop, settings.limits)
        pace, refusals = Pace(settings.speed), Refusals(settings.log_delay_seconds / settings.speed)
        return World(self.account, self.faults, self.journal, links, workshop, settings, generations, pace, refusals)
