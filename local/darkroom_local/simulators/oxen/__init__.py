"""A simulator of the Oxen.ai inference API for image upscaling, built from the vendor's pages alone.

`OxenSimulator` runs it on a thread for tests; `serve` runs it blocking for a command line. This
package must import nothing from the application.
"""

from __future__ import annotations

from .faults import KINDS, Fault, FaultKind, Faults, make_fault, parse_fault
from .server import OxenSimulator, serve
from .world import Settings

__all__ = [
    "KINDS",
    "Fault",
    "FaultKind",
    "Faults",
    "OxenSimulator",
    "Settings",
    "make_fault",
    "parse_fault",
    "serve",
]
