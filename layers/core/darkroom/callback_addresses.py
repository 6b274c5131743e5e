"""Writes and reads the addresses at which a vendor calls back: the only place that knows their form. All functions are pure.

An address is `<function URL><provider>/<job_id>/<run>/<mac>`. The MAC is HMAC-SHA256 over what stands before it, so that nobody
but the stack can make an address, and so that the address of one run is of no use for another.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

PATH = re.compile(
    r"/(?P<provider>[a-z][a-z0-9]{0,31})/(?P<job_id>[0-9a-f]{32})/(?P<run>[1-9][0-9]{0,8})/(?P<mac>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class CallbackAddress:
    """Whom a callback is about. `mac` proves it only if `is_genuine` says so."""

    provider: str
    job_id: str
    run: int
    mac: str


def write(url: str, provider: str, job_id: str, run: int, key: bytes) -> str:
    """Return the address for one run. `url` is the function's URL, which ends with a slash."""
    return f"{url}{provider}/{job_id}/{run}/{_mac(provider, job_id, run, key)}"


def read(path: str) -> CallbackAddress | None:
    """Return the address that the path of a request has, or None if it does not have the form of one. Nothing is proved yet."""
    found = PATH.fullmatch(path)
    if found is None:
        return None
    return CallbackAddress(found["provider"], found["job_id"], int(found["run"]), found["mac"])


def is_genuine(address: CallbackAddress, key: bytes) -> bool:
    """Return whether this stack has made the address. The comparison takes the same time however much of the MAC is right."""
    return hmac.compare_digest(_mac(address.provider, address.job_id, address.run, key), address.mac)


def _mac(provider: str, job_id: str, run: int, key: bytes) -> str:
    return hmac.new(key, f"{provider}/{job_id}/{run}".encode(), hashlib.sha256).hexdigest()
