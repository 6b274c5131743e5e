"""A simulator of AI/ML API's Topaz image models, built from the vendor's pages alone.

`AimlapiSimulator` runs the simulator on a thread, for tests. `serve` runs it in the foreground, for the command line. This
package must import nothing from the application.
"""

from __future__ import annotations

from darkroom_local.simulators.aimlapi.server import AimlapiSimulator

parse_fault = AimlapiSimulator.supported_faults.parse
serve = AimlapiSimulator.serve

__all__ = ["AimlapiSimulator", "parse_fault", "serve"]
