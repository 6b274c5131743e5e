"""The simulator as a running server: this vendor's routes to handlers.

A stand-in for uwear.ai's upscale API: creating an upscale as its vendor publishes it, looking at
generations as clients have seen it. Paths answer with and without the published prefix, because
newer pages drop it. It must not import the application it stands in for.
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
from .generations import GenerationStore
from .journal import make_journal
from .world import Settings, World

BASE_PATH = "/api/v1"

_ROUTES: tuple[Route[World], ...] = tuple(
    route
    for prefix in (BASE_PATH, "")
    for route in (
        ("POST", prefix + "/generation-upscale", "submit", api_routes.submit),
        ("GET", prefix + "/generation/{generation_id}", "status", api_routes.status),
        ("GET", prefix + "/generations", "list", api_routes.listing),
    )
)


class UwearSimulator(Simulator[World, Settings]):
    """The API on a thread of its own."""

    name = "uwear-simulator"
    base_path = BASE_PATH
    repertoire = REPERTOIRE

    def make_settings(self, **fields: Any) -> Settings:
        """Its own settings."""
        return Settings(**fields)

    def make_journal(self, api_key: str) -> Journal:
        """Its own journal."""
        return make_journal(api_key)

    def routes(self) -> Sequence[Route[World]]:
        """The endpoints, under both forms of their paths."""
        return _ROUTES

    def make_world(self, directory: Path) -> World:
        """A fresh world that keeps its files in the given directory."""
        links = Links(self.settings.result_lifetime_seconds)
        generations = GenerationStore(self.account, directory, self.settings.limits)
        return World(self.account, self.faults, self.journal, links, directory, self.settings, generations)


serve = functools.partial(serve_until_signalled, UwearSimulator)  # blocking, for a command line
