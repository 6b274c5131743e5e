"""The simulator as a running server: this vendor's routes to handlers.

A stand-in for AI/ML API as far as its Topaz image models, its request log and its balance go. It
must not import the application it stands in for.
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
from .log import Pace
from .world import Settings, World

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

    def make_settings(self, **fields: Any) -> Settings:
        """Its own settings."""
        return Settings(**fields)

    def make_journal(self, api_key: str) -> Journal:
        """Its own journal."""
        return make_journal(api_key)

    def routes(self) -> Sequence[Route[World]]:
        """The endpoints."""
        return _ROUTES

    def make_world(self, directory: Path) -> World:
        """A fresh world that keeps its files in the given directory."""
        settings = self.settings
        links = Links(settings.result_lifetime_seconds)
        generations = GenerationStore(self.account, directory, settings.limits)
        pace = Pace(settings.speed)
        return World(self.account, self.faults, self.journal, links, directory, settings, generations, pace)


serve = functools.partial(serve_until_signalled, AimlapiSimulator)  # blocking, for a command line
