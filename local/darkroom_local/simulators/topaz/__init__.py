"""A simulator of the Topaz Labs Image API, built from the vendor's pages alone.

`TopazSimulator` runs the simulator on a thread, for tests. `serve` runs it in the foreground, for the command line. This
package must import nothing from the application.
"""

from __future__ import annotations

from darkroom_local.simulators.topaz.server import TopazSimulator

parse_fault = TopazSimulator.supported_faults.parse
serve = TopazSimulator.serve

__all__ = ["TopazSimulator", "parse_fault", "serve"]
