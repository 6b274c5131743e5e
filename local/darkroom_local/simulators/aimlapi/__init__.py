"""A simulator of AI/ML API's Topaz image models, built from the vendor's pages alone.

`AimlapiSimulator` runs it on a thread for tests; `serve` blocks and runs it for a command line. This package must
import nothing from the application.
"""

from __future__ import annotations

from darkroom_local.simulators.aimlapi.server import AimlapiSimulator

parse_fault = AimlapiSimulator.supported_faults.parse
serve = AimlapiSimulator.serve

__all__ = ["AimlapiSimulator", "parse_fault", "serve"]
