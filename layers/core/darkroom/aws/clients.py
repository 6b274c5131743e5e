"""Clients of AWS services from one botocore session, and the client that is made when it is first used."""

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
    """The session of all clients, opened when the first is made. boto3's layer over it would only make clients slower to make."""

    @cached_property
    def _session(self) -> botocore.session.Session:
        gc.freeze()  # a third of the time to make a client was garbage collection of imported modules, which stay
        return botocore.session.get_session()

    def client(self, service: str) -> Any:
        """Return a new client of that service."""
        return self._session.create_client(service, config=AWS_CONFIG)

    def credentials(self) -> Any:
        """Return the credentials of the clients; None when there are none."""
        return self._session.get_credentials()


@dataclass(frozen=True)
class LazyClient:
    """Stands for the client of a service. `make` is called at the first use, and must return the same client each time."""

    service: str
    make: Callable[[str], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.make(self.service), name)
