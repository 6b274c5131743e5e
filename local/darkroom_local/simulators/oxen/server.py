"""The simulator as a running server: this vendor's routes to handlers.

A stand-in for Oxen.ai's inference API as far as upscaling an image needs it: the queue, the
synchronous call, the history, the model and the events. It must not import the application it
stands in for.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.job_workers import Workshop
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.framework.server import Route, Simulator
from darkroom_local.simulators.oxen import api_routes, browse_routes
from darkroom_local.simulators.oxen.event_listeners import Listeners
from darkroom_local.simulators.oxen.faults import REPERTOIRE
from darkroom_local.simulators.oxen.generation_views import FILE_PATH, Addresses
from darkroom_local.simulators.oxen.generations import JobStore
from darkroom_local.simulators.oxen.simulator_state import Settings, World

BASE_PATH = "/api"
_QUEUE, _HISTORY = BASE_PATH + "/ai/queue", BASE_PATH + "/ai/generations"
_ONE = "/{generation_id}"

_ROUTES: tuple[Route[World], ...] = (
    ("POST", _QUEUE, "submit", api_routes.submit),
    ("GET", _QUEUE, "list", browse_routes.listing),
    ("GET", _QUEUE + _ONE, "status", api_routes.status),
    ("DELETE", _QUEUE + _ONE, "cancel", api_routes.cancel),
    ("POST", BASE_PATH + "/ai/images/edit", "edit", api_routes.edit),
    ("GET", _HISTORY, "history", browse_routes.history),
    ("GET", _HISTORY + _ONE, "history", browse_routes.details),
    ("GET", BASE_PATH + "/ai/models/{id}", "model", browse_routes.model),
    ("GET", BASE_PATH + "/events", "events", browse_routes.events),
    ("GET", FILE_PATH, "file", browse_routes.file),
)


class OxenSimulator(Simulator[World, Settings]):
    """The API on a thread of its own."""

    name = "oxen-simulator"
    base_path = BASE_PATH
    repertoire = REPERTOIRE
    settings_class = Settings
    subject = "input_image"
    notes = ("generation_id",)
    routes = _ROUTES

    def make_world(self, workshop: Workshop) -> World:
        """A fresh world that works there."""
        settings = self.settings
        links = PresignedUrls(settings.result_lifetime_seconds / settings.speed)
        addresses = Addresses(links, wants_key=settings.result_wants_key, host=settings.result_host)
        listeners = Listeners()
        jobs = JobStore(self.account, workshop, settings.limits, listeners.tell)
        return World(self.account, self.faults, self.journal, links, workshop, settings, jobs, addresses, listeners)
