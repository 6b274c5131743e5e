"""The server of the Topaz simulator.

It simulates the Topaz Labs Image API as the vendor publishes it: OpenAPI 1.0.0 and the model page
https://developer.topazlabs.com/image-models/removal-and-cleanup/sharpen/lens-blur-2.md . Endpoints and models that version
1.0.0 lacks come from later pages. This module must not import the application under test.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.server import Route, Simulator
from darkroom_local.simulators.topaz import api_routes, estimate_routes
from darkroom_local.simulators.topaz.faults import SUPPORTED_FAULTS
from darkroom_local.simulators.topaz.jobs import JobStore
from darkroom_local.simulators.topaz.published_facts import ENDPOINTS, LEGACY_KEY_PREFIX
from darkroom_local.simulators.topaz.simulator_state import TopazSettings, TopazState
from darkroom_local.simulators.topaz.webhooks import Webhooks

BASE_PATH = "/image/v1"

_ROUTES: tuple[Route[TopazState], ...] = (
    *(("POST", f"{BASE_PATH}/{name}/async", "submit", api_routes.submit_to(it)) for name, it in ENDPOINTS.items()),
    ("POST", BASE_PATH + "/enhance", "submit", api_routes.enhance_now),
    ("GET", BASE_PATH + "/status", "list", api_routes.status_all),
    ("DELETE", BASE_PATH + "/status", "delete", api_routes.delete_all),
    ("GET", BASE_PATH + "/status/{process_id}", "status", api_routes.status_one),
    ("DELETE", BASE_PATH + "/status/{process_id}", "delete", api_routes.delete_one),
    ("GET", BASE_PATH + "/download/{process_id}", "download", api_routes.download),
    ("GET", BASE_PATH + "/download/input/{process_id}", "input", api_routes.download_input),
    ("POST", BASE_PATH + "/estimate", "estimate", estimate_routes.estimate),
    ("POST", BASE_PATH + "/estimate-gen", "estimate", estimate_routes.estimate_gen),
    ("POST", BASE_PATH + "/estimate-bulk", "estimate", estimate_routes.estimate_bulk),
    ("DELETE", BASE_PATH + "/cancel/{process_id}", "cancel", api_routes.cancel),
    ("GET", "/account/v1/credits/balance", "account", api_routes.balance),
)


class TopazSimulator(Simulator[TopazState, TopazSettings]):
    """Runs the simulated Topaz Labs Image API on its own thread."""

    name = "topaz-simulator"
    base_path = BASE_PATH
    supported_faults = SUPPORTED_FAULTS
    settings_class = TopazSettings
    subject_field = "filename"
    id_fields = ("process_id",)
    routes = _ROUTES

    def check_key(self, request: web.Request) -> tuple[str | None, bool]:
        """Return the header that carried a key, and whether header and key are right.

        A legacy key must come as a bearer token. Any other key must come in the header X-API-Key.
        """
        api_key = self.settings.api_key
        bearer, plain = request.headers.get("Authorization"), request.headers.get("X-API-Key")
        if api_key.startswith(LEGACY_KEY_PREFIX):
            if bearer is not None:
                return "authorization", bearer == f"Bearer {api_key}"
            return ("x-api-key" if plain is not None else None), False
        if plain is not None:
            return "x-api-key", plain == api_key
        return ("authorization" if bearer is not None else None), False

    def make_state(self, workers: JobWorkers) -> TopazState:
        """Return a new state object that uses these workers."""
        links = PresignedUrls(self.settings.link_lifetime_seconds)
        jobs = JobStore(self.account, workers, self.settings.speed)
        self._webhooks = Webhooks(workers, links, self.settings.speed)
        return TopazState(self.account, self.faults, self.journal, links, workers, self.settings, jobs, self._webhooks)

    @property
    def callbacks(self) -> list[dict[str, Any]]:
        """Return every attempt to deliver a callback so far, oldest first, as `webhooks.Delivery` has it."""
        return self._webhooks.deliveries()
