"""A simulator of the uwear.ai upscale API, built from the vendor's page alone.

`UwearSimulator` runs the simulator on a thread, for tests. `serve` runs it in the foreground, for the command line. This
package must import nothing from the application.
"""

from __future__ import annotations

from darkroom_local.simulators.uwear.server import UwearSimulator

parse_fault = UwearSimulator.supported_faults.parse
serve = UwearSimulator.serve

__all__ = ["UwearSimulator", "parse_fault", "serve"]
