"""The simulator as a running server: this vendor's routes to handlers.

A stand-in for the Topaz Labs Image API as its vendor publishes it (OpenAPI 1.0.0 and the model
page https://developer.topazlabs.com/image-models/removal-and-cleanup/sharpen/lens-blur-2.md),
with later additions where the 1.0.0 page is silent. It must not import the application it stands
in for.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..stage.journal import Journal
from ..stage.links import Links
from ..stage.server import Route, Simulator, serve_until_signalled
from . import api_routes
from .faults import REPERTOIRE
from .jobs import JobStore
from .journal import make_journal
from .models import ENDPOINTS
from .world import Settings, World

BASE_PATH = "/image/v1"

_ROUTES: tuple[Route[World], ...] = (
    *(("POST", f"{BASE_PATH}/{name}/async", "submit", api_routes.submit_to(it)) for name, it in ENDPOINTS.items()),
    ("POST", BASE_PATH + "/enhance", "submit", api_routes.enhance_now),
    ("GET", BASE_PATH + "/status", "list", api_routes.status_all),
    ("DELETE", BASE_PATH + "/status", "delete", api_routes.delete_all),
    ("GET", BASE_PATH + "/status/{process_id}", "status", api_routes.status_one),
    ("DELETE", BASE_PATH + "/status/{process_id}", "delete", api_routes.delete_one),
    ("GET", BASE_PATH + "/download/{process_id}", "download", api_routes.download),
    ("POST", BASE_PATH + "/estimate", "estimate", api_routes.estimate),
    ("POST", BASE_PATH + "/estimate-gen", "estimate", api_routes.estimate_gen),
    ("DELETE", BASE_PATH + "/cancel/{process_id}", "cancel", api_routes.cancel),
    ("GET", "/account/v1/credits/balance", "account", api_routes.balance),
)


class TopazSimulator(Simulator[World, Settings]):
    """The API on a thread of its own."""

    name = "topaz-simulator"
    base_path = BASE_PATH
    repertoire = REPERTOIRE

    def make_settings(self, **fields: Any) -> Settings:
        """Its own settings."""
        return Settings(**fields)

    def make_journal(self, api_key: str) -> Journal:
        """Its own journal."""
        return make_journal(api_key)

    def routes(self) -> Sequence[Route[World]]:
        """The published endpoints."""
        return _ROUTES

    def make_world(self, directory: Path) -> World:
        """A fresh world that keeps its files in the given directory."""
        links = Links(self.settings.link_lifetime_seconds)
        jobs = JobStore(self.account, directory, self.settings.speed)
        return World(self.account, self.faults, self.journal, links, directory, self.settings, jobs)


serve = functools.partial(serve_until_signalled, TopazSimulator)  # blocking, for a command line
