"""Makes the clients of AWS services from one botocore session, each when it is first used."""

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
    """The botocore session of all clients, opened with the first client. boto3 is not used, because its clients take longer to
    make."""

    @cached_property
    def _session(self) -> botocore.session.Session:
        gc.freeze()  # otherwise the garbage collection of imported modules takes a third of the time to make a client
        return botocore.session.get_session()

    def client(self, service: str) -> Any:
        """Return a new client of that service."""
        return self._session.create_client(service, config=AWS_CONFIG)

    def credentials(self) -> Any:
        """Return the credentials of the clients, or None if there are none."""
        return self._session.get_credentials()


@dataclass(frozen=True)
class LazyClient:
    """Stands for the client of a service. Each use of an attribute calls `make`, which must always return the same client."""

    service: str
    make: Callable[[str], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.make(self.service), name)
