"""`make bench`: runs the benchmarks one after the other, each in its own process, and writes down the results.

Every module of this folder that has a `NAME` and a `run` is a benchmark. results.json keeps the last full run of each
benchmark, results.md shows these runs, and docs/plots has the plots. A quick run is printed but not kept. The result of a
failed run is not kept either.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.support.drawing import draw
from benchmarks.support.machine import described
from benchmarks.support.reporting import from_json

HERE = Path(__file__).parent
PLOTS = HERE.parent / "docs/plots"
IS_ONE = re.compile(r"^NAME = .*^def run\(", re.DOTALL | re.MULTILINE)
FIRST = ["finalize", "submit", "cold_start", "cost", "pipeline", "scale"]
PREAMBLE = """# What was measured

`make bench` writes this page. It shows the last full run of each benchmark. Seconds depend on the machine, so compare ratios:
one run measured both sides of each ratio, in turns.
"""


def benchmarks() -> list[str]:
    """Return the names of all benchmarks: first those in `FIRST`, then the others in alphabetical order."""
    found = {path.stem for path in HERE.glob("*.py") if IS_ONE.search(path.read_text())}
    return [*(name for name in FIRST if name in found), *sorted(found - set(FIRST))]


def measured(module: str, quick: bool) -> dict[str, Any] | None:
    """Run a benchmark in its own process and print its output. Return its result, or None if it failed."""
    program = f"from benchmarks.{module} import run; run(quick={quick}).show()"
    running = subprocess.Popen([sys.executable, "-c", program], cwd=HERE.parent, stdout=subprocess.PIPE, text=True)
    assert running.stdout
    found: dict[str, Any] | None = None
    for line in running.stdout:
        print(line, end="", flush=True)
        if line.startswith('{"name": '):
            found = json.loads(line)
    return None if running.wait() else found


def write(kept: dict[str, Any]) -> None:
    """Write results.json, results.md and the plots."""
    (HERE / "results.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    sections = [PREAMBLE]
    for module in sorted(kept, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name)):
        entry = kept[module]
        result = from_json(entry["result"])
        path = PLOTS / f"{module.replace('_', '-')}.svg"
        if result.plot:
            draw(result.plot, path)
        told = f"{entry['when']}; {entry['machine']}. `{entry['command']}`"
        sections.append(result.markdown(f"../docs/plots/{path.name}", told))
    (HERE / "results.md").write_text("\n".join(sections))


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the named benchmarks. Return the exit code, 1 if a benchmark failed. A missed goal is printed, but is no failure."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measures every claim about speed, size and price.")
    parser.add_argument("--quick", action="store_true", help="use small sizes and few rounds, and keep no results")
    parser.add_argument("names", nargs="*", help=f"the benchmarks to run: {', '.join(benchmarks())} [all]")
    asked = parser.parse_args(list(arguments) if arguments is not None else None)
    if unknown := set(asked.names) - set(benchmarks()):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    book = HERE / "results.json"
    kept: dict[str, Any] = json.loads(book.read_text()) if book.exists() else {}
    failed, missed = [], []
    for module in asked.names or benchmarks():
        machine = described()
        found = measured(module, asked.quick)
        if found is None:
            failed.append(module)
            continue
        missed += [f"{module}: {name}" for name in found["missed"]]
        if not asked.quick:
            when = datetime.now(UTC).date().isoformat()
            command = f"make bench BENCH={module}"
            kept[module] = {"when": when, "machine": machine, "command": command, "result": found}
            write(kept)
    print(f"\ngoals missed: {', '.join(missed) or 'none'}; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
