"""A simulator of the uwear.ai upscale API, built from the vendor's page alone.

`UwearSimulator` runs it on a thread for tests; `serve` runs it blocking for a command line. This
package must import nothing from the application.
"""

from __future__ import annotations

from .faults import KINDS, Fault, FaultKind, Faults, make_fault, parse_fault
from .server import UwearSimulator, serve
from .world import Settings

__all__ = [
    "KINDS",
    "Fault",
    "FaultKind",
    "Faults",
    "Settings",
    "UwearSimulator",
    "make_fault",
    "parse_fault",
    "serve",
]
