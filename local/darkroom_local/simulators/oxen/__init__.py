"""A simulator of the Oxen.ai inference API for image upscaling, built from the vendor's pages alone.

`OxenSimulator` runs the simulator on a thread, for tests. `serve` runs it in the foreground, for the command line. This
package must import nothing from the application.
"""

from __future__ import annotations

from darkroom_local.simulators.oxen.server import OxenSimulator

parse_fault = OxenSimulator.supported_faults.parse
serve = OxenSimulator.serve

__all__ = ["OxenSimulator", "parse_fault", "serve"]
