"""A simulator of AI/ML API's Topaz image models, built from the vendor's pages alone.

`AimlapiSimulator` runs it on a thread for tests; `serve` runs it blocking for a command line. This
package must import nothing from the application.
"""

from __future__ import annotations

from .faults import KINDS, Fault, FaultKind, Faults, make_fault, parse_fault
from .server import AimlapiSimulator, serve
from .world import Settings

__all__ = [
    "KINDS",
    "AimlapiSimulator",
    "Fault",
    "FaultKind",
    "Faults",
    "Settings",
    "make_fault",
    "parse_fault",
    "serve",
]
