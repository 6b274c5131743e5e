"""The providers' simulators as child processes, each started through the same command an operator types.

It must not import a simulator: what is simulated is another program, reached over HTTP.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from darkroom import catalog
from darkroom_local import child_processes

DEFAULT_SPEED = 10.0
FAULTS_OF = "topaz"  # whose a fault is that names no vendor
_ACCOUNT_USD = Decimal(1200)  # what each simulated account holds, at the catalog's price of its unit
_READY_SECONDS = 30.0
_READY_WORD = "ready at "


class UnknownVendor(ValueError):
    """A fault for a vendor that has no simulator."""


def vendors() -> tuple[str, ...]:
    """Whom `darkroom simulate` can stand in for: every provider of the catalog."""
    return catalog.providers()


def marker(vendor: str) -> str:
    """What is in the command line of that vendor's simulator."""
    return f"simulate {vendor}"


def simulated_key(vendor: str) -> str:
    """The key that vendor's simulator wants."""
    return f"simulated-{vendor}-key"


def faults_by_vendor(lines: Iterable[str]) -> dict[str, list[str]]:
    """`[VENDOR/]KIND[:ON[:TIMES]]` lines as each vendor's own; without a vendor they are Topaz'. Raises UnknownVendor."""
    found: dict[str, list[str]] = {}
    for line in lines:
        head, slash, rest = line.partition("/")
        is_named = bool(slash) and ":" not in head
        vendor, fault = (head, rest) if is_named else (FAULTS_OF, line)
        if vendor not in vendors():
            raise UnknownVendor(
                f"The fault {line!r} is for {vendor!r}; there are simulators of {', '.join(vendors())}."
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
    """Starts a vendor's simulator on a free loopback port; the caller ends it. Not ready yet: see `base_url`.

    `roots` are the certificates it trusts when it fetches a picture by https; `more` is added to its environment.
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
    """Waits until the simulator serves and answers its base URL. Raises ChildFailed."""
    child.wait_for(lambda: bool(_announced(child.log_text())), _READY_SECONDS)
    return _announced(child.log_text())


def announcement(url: str) -> str:
    """The line the simulator's command prints once it serves."""
    return _READY_WORD + url


def _announced(text: str) -> str:
    lines = [line for line in text.splitlines(keepends=True) if line.startswith(_READY_WORD) and line.endswith("\n")]
    return lines[-1].removeprefix(_READY_WORD).strip() if lines else ""
