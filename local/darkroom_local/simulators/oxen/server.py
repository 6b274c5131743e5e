"""The server of the Oxen.ai simulator.

It simulates the endpoints that are needed to upscale an image: the queue, the synchronous call, the history, the models and
the events. This module must not import the application under test.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.server import Route, Simulator
from darkroom_local.simulators.oxen import api_routes, browse_routes
from darkroom_local.simulators.oxen.event_listeners import EventListeners
from darkroom_local.simulators.oxen.faults import SUPPORTED_FAULTS
from darkroom_local.simulators.oxen.generation_views import FILE_PATH, ResultUrls
from darkroom_local.simulators.oxen.generations import JobStore
from darkroom_local.simulators.oxen.simulator_state import OxenSettings, OxenState

BASE_PATH = "/api"
_QUEUE, _HISTORY = BASE_PATH + "/ai/queue", BASE_PATH + "/ai/generations"
_ONE = "/{generation_id}"

_ROUTES: tuple[Route[OxenState], ...] = (
    ("POST", _QUEUE, "submit", api_routes.submit),
    ("GET", _QUEUE, "list", browse_routes.listing),
    ("GET", _QUEUE + _ONE, "status", api_routes.status),
    ("DELETE", _QUEUE + _ONE, "cancel", api_routes.cancel),
    ("POST", BASE_PATH + "/ai/images/edit", "edit", api_routes.edit),
    ("GET", _HISTORY, "history", browse_routes.history),
    ("GET", _HISTORY + _ONE, "history", browse_routes.details),
    ("GET", BASE_PATH + "/ai/models", "model", browse_routes.models),
    ("GET", BASE_PATH + "/ai/models/{id}", "model", browse_routes.model),
    ("GET", BASE_PATH + "/events", "events", browse_routes.events),
    ("GET", FILE_PATH, "file", browse_routes.file),
)


class OxenSimulator(Simulator[OxenState, OxenSettings]):
    """Runs the simulated Oxen.ai inference API on its own thread."""

    name = "oxen-simulator"
    base_path = BASE_PATH
    supported_faults = SUPPORTED_FAULTS
    settings_class = OxenSettings
    subject_field = "input_image"
    id_fields = ("generation_id",)
    routes = _ROUTES

    def make_state(self, workers: JobWorkers) -> OxenState:
        """Return a new state object that uses these workers."""
        settings = self.settings
        links = PresignedUrls(settings.result_lifetime_seconds / settings.speed)
        result_urls = ResultUrls(links, wants_key=settings.result_wants_key, host=settings.result_host)
        listeners = EventListeners()
        jobs = JobStore(self.account, workers, settings.limits, listeners.notify)
        return OxenState(
            self.account, self.faults, self.journal, links, workers, settings, jobs, result_urls, listeners
        )
