"""The base class of all adapters. It holds the client that calls the vendor, and defaults for calls that most vendors lack."""

from __future__ import annotations

import httpx

from darkroom.model import Balance, Estimate, Plan
from darkroom.ports import KeptInputs
from darkroom.providers import http_client
from darkroom.providers.authenticated_client import AuthenticatedClient, bearer
from darkroom.providers.downloads import Downloads


class Adapter:
    """The base class of every adapter, with one instance per container. A subclass overrides the defaults if its vendor offers
    more."""

    name: str
    usual_seconds: int  # how long a picture usually takes, for vendors that give no estimate
    out_of_funds: frozenset[int] = http_client.OUT_OF_FUNDS_STATUSES  # statuses for no money or no subscription
    deletes_entries: bool = False  # true if the vendor publishes a way to remove a process from its list
    can_cancel: bool = False  # true if the vendor publishes a way to cancel a running process

    def __init__(self, base_url: str, keys: http_client.Keys, client: httpx.Client, downloads: Downloads) -> None:
        self._api = AuthenticatedClient(self.name, base_url, keys, client, self.key_header, self.out_of_funds)
        self._downloads = downloads

    @property
    def inputs(self) -> KeptInputs | None:
        """None: the default for vendors that do not publish the images that they keep."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._api.base_url!r})"

    @staticmethod
    def key_header(key: str) -> dict[str, str]:
        """Return the header that carries the key."""
        return bearer(key)

    def key_fingerprint(self) -> str:
        """Return the fingerprint of the API key and the base URL. The ledger stores it to tell accounts apart."""
        return self._api.fingerprint()

    def refresh_key(self) -> None:
        """Read the API key again."""
        self._api.keys.refresh()

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """Return the usual time and the catalog's price. This is the default for vendors that give no estimate."""
        return Estimate(self.usual_seconds, plan.credits)

    def forget(self, process_id: str) -> None:
        """Do nothing. This is the default for vendors that publish no way to remove a process from their list."""

    def balance(self) -> Balance | None:
        """Return None. This is the default for vendors that do not publish the account's balance."""
        return None
