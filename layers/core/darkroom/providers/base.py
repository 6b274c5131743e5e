"""What all adapters have in common: how the vendor is called, its key, and what a vendor that publishes no way cannot do."""

from __future__ import annotations

import httpx

from darkroom.model import Balance, Estimate, Plan
from darkroom.providers import http_client
from darkroom.providers.authenticated_client import AuthenticatedClient, bearer
from darkroom.providers.downloads import Downloads


class Adapter:
    """The base of every adapter; one a container. A vendor that can more says so in its own class."""

    name: str
    usual_seconds: int  # how long a picture takes, where the vendor does not say it of each
    of_funds: frozenset[int] = http_client.FUNDS_STATUS  # statuses that mean: no money
    deletes_entries: bool = False  # whether the vendor publishes a way to remove a finished process; see ports.Provider

    def __init__(self, base_url: str, keys: http_client.Keys, client: httpx.Client, downloads: Downloads) -> None:
        self._calls = AuthenticatedClient(self.name, base_url, keys, client, self.key_header, self.of_funds)
        self._downloads = downloads

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._calls.base_url!r})"

    @staticmethod
    def key_header(key: str) -> dict[str, str]:
        """How the key is shown."""
        return bearer(key)

    def key_fingerprint(self) -> str:
        """Tells keys apart in the ledger."""
        return self._calls.fingerprint()

    def refresh_key(self) -> None:
        """Reads the secret again."""
        self._calls.keys.refresh()

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """The catalog's word, where the vendor has no forecast."""
        return Estimate(self.usual_seconds, plan.credits)

    def forget(self, process_id: str) -> None:
        """Nothing, where the vendor publishes no way."""

    def balance(self) -> Balance | None:
        """None, where the vendor tells nobody."""
        return None
