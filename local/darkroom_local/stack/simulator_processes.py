"""Starts the providers' simulators as child processes, each by the same command that an operator types.

It must not import a simulator, because a simulator is another program that is reached over HTTP.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from darkroom import catalog
from darkroom_local.machine import child_processes

DEFAULT_SPEED = 10.0
FAULTS_OF = "topaz"  # an injected fault that names no vendor is for this vendor
_ACCOUNT_USD = Decimal(1200)  # the balance of each simulated account in dollars, at the catalog's price of a credit
_READY_SECONDS = 60.0
_READY_WORD = "ready at "


class UnknownVendor(ValueError):
    """An injected fault names a vendor that has no simulator."""


def vendors() -> tuple[str, ...]:
    """Return the vendors that `darkroom simulate` can simulate: every provider of the catalog."""
    return catalog.providers()


def marker(vendor: str) -> str:
    """Return a text that is in the command line of that vendor's simulator."""
    return f"simulate {vendor}"


def simulated_key(vendor: str) -> str:
    """Return the API key that the vendor's simulator accepts."""
    return f"simulated-{vendor}-key"


def faults_by_vendor(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return vendor → its injected faults, from lines such as `[VENDOR/]KIND[:ON[:TIMES]]`. A line without a vendor is for Topaz.
    Raises UnknownVendor."""
    found: dict[str, list[str]] = {}
    for line in lines:
        head, slash, rest = line.partition("/")
        is_named = bool(slash) and ":" not in head
        vendor, fault = (head, rest) if is_named else (FAULTS_OF, line)
        if vendor not in vendors():
            raise UnknownVendor(
                f"The injected fault {line!r} is for {vendor!r}, which has no simulator. Allowed: {', '.join(vendors())}."
            )
        found.setdefault(vendor, []).append(fault)
    return found


def launch(
    vendor: str,
    folder: Path,
    roots: Path,
    speed: float,
    faults: Sequence[str],
    more: Mapping[str, str] | None = None,
) -> child_processes.Child:
    """Start a vendor's simulator on a free loopback port. The caller must wait for it by `base_url`, and must end it.

    `roots` is the file of certificates that the simulator trusts when it fetches a picture by https. `more` has additional
    environment variables.
    """
    credits = int(_ACCOUNT_USD / catalog.load(vendor).credit_price_usd)
    command = [
        sys.executable, "-m", "darkroom_cli", *marker(vendor).split(),
        "--port", "0", "--api-key", simulated_key(vendor), "--speed", str(speed), "--credits", str(credits),
    ]  # fmt: skip
    for fault in faults:
        command += ["--fault", fault]
    environment = {name: value for name, value in os.environ.items() if name != "TOPAZ_API_KEY"}
    environment |= {"PYTHONUNBUFFERED": "1", "SSL_CERT_FILE": str(roots), **(more or {})}
    return child_processes.start(f"{vendor} simulator", command, environment, folder)


def base_url(child: child_processes.Child) -> str:
    """Wait until the simulator serves, and return its base URL. Raises ChildFailed."""
    child.wait_for(lambda: bool(_announced(child.log_text())), _READY_SECONDS)
    return _announced(child.log_text())


def announcement(url: str) -> str:
    """Return the line that the simulator's command prints once it serves."""
    return _READY_WORD + url


def _announced(text: str) -> str:
    lines = [line for line in text.splitlines(keepends=True) if line.startswith(_READY_WORD) and line.endswith("\n")]
    return lines[-1].removeprefix(_READY_WORD).strip() if lines else ""
