"""Clients of AWS services: of one session, each made when it is first asked for anything."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config

AWS_CONFIG = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=60)


class Session:
    """One for all clients; boto3's own layer over it (transfers, resources) would only make them slower to make."""

    @cached_property
    def _session(self) -> botocore.session.Session:
        gc.freeze()  # what is imported by now lives as long as the process; the collector's walks took a third of a client
        return botocore.session.get_session()

    def client(self, service: str) -> Any:
        """A new client."""
        return self._session.create_client(service, config=AWS_CONFIG)

    def credentials(self) -> Any:
        """Those of the clients."""
        return self._session.get_credentials()


@dataclass(frozen=True)
class LazyClient:
    """Passes for the client of a service, which `make` makes when this one is first asked for anything."""

    service: str
    make: Callable[[str], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.make(self.service), name)
