"""Tries mutants of the pipeline and of the ledger's adapters, and keeps the result.

Usage: python -m tests.mutation.run [PART]. PART is a text in the paths of the modules, for example pipeline/sweep. Each module's
result is written to results.json as soon as it is known, with its date; the results of other modules stay. The script prints the
mutants that live, and exits with 1 if fewer than 95 of 100 are killed. `equivalents.json` names the mutants that change nothing
that a caller could see, each with its reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.mutation.mutants import ROOT, Mutant, modules, mutants

HERE = Path(__file__).resolve().parent
RESULTS, EQUIVALENTS = HERE / "results.json", HERE / "equivalents.json"
COVERAGE = ROOT / ".build" / "mutants" / "coverage.json"
GOAL = 0.95
WORKERS = 2
MOST_SECONDS = 40.0  # the tests of one mutant take at most so long; the quickest are asked first
MOST_TESTS = 150  # for a line that runs when its module is loaded


class Covering:
    """Knows the tests of each mutant, and in which order to ask them."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.seconds: Mapping[str, float] = found["seconds"]
        self.lines: Mapping[str, Mapping[str, list[str]]] = found["lines"]

    def tests_of(self, mutant: Mutant) -> Sequence[str]:
        """Return the quick tests that run a changed line, or else those that run the module."""
        lines = self.lines.get(str(mutant.path.relative_to(ROOT)), {})
        tests = {test for line in range(mutant.first, mutant.last + 1) for test in lines.get(str(line), ())}
        of_module = {test for found in lines.values() for test in found}
        chosen = self._quickest(mutant, tests or of_module)
        return chosen if tests else chosen[:MOST_TESTS]

    def _quickest(self, mutant: Mutant, tests: set[str]) -> list[str]:
        own = mutant.path.stem.split("_")[0]  # the tests of a module are mostly in a file of its name
        chosen, total = list[str](), 0.0
        for test in sorted(tests & self.seconds.keys(), key=lambda t: (own not in t, self.seconds[t], t)):
            total += self.seconds[test]
            if total > MOST_SECONDS:
                break
            chosen.append(test)
        return chosen


def covering() -> Covering:
    """Return which tests run which lines. They are asked anew if a source or a test is newer than the last answer."""
    newest = max(
        path.stat().st_mtime for tree in ("layers/core/darkroom", "tests") for path in (ROOT / tree).rglob("*.py")
    )
    if not COVERAGE.exists() or COVERAGE.stat().st_mtime < newest:
        subprocess.run([sys.executable, "-m", "tests.mutation.covering_tests", str(COVERAGE)], cwd=ROOT, check=True)
    return Covering(json.loads(COVERAGE.read_text()))


def tried(path: Path, tests: Covering) -> dict[str, Any]:
    """Try all mutants of a module, and return its result."""
    from tests.mutation import trials

    begun, work = time.monotonic(), list(mutants(path))
    trials.check_that_sound_code_passes(work, tests.tests_of)
    equivalents = json.loads(EQUIVALENTS.read_text()).get(name_of(path), {})
    alive = sorted(
        mutant.change
        for mutant, lives in trials.survivors(work, tests.tests_of, WORKERS)
        if lives and mutant.change not in equivalents
    )
    return {
        "date": datetime.now(UTC).date().isoformat(), "mutants": len(work), "equivalent": len(equivalents),
        "alive": alive, "seconds": round(time.monotonic() - begun),
    }  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "layers" / "core" / "darkroom"))


def score(results: Mapping[str, Any]) -> float:
    """Return which part of the mutants is killed. Equivalent mutants are left out."""
    counted = sum(it["mutants"] - it["equivalent"] for it in results.values())
    return 1.0 - sum(len(it["alive"]) for it in results.values()) / counted if counted else 1.0


def main(part: str) -> int:
    """Try the modules of the part, and return the exit code."""
    tests = covering()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    of_part = {}
    for path in modules(part):
        of_part[name_of(path)] = results[name_of(path)] = result = tried(path, tests)
        RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False) + "\n")
        print(f"{name_of(path)}: {len(result['alive'])} of {result['mutants']} live, {result['seconds']} s", flush=True)
        for change in result["alive"]:
            print(f"  {change}", flush=True)
    print(f"killed: {score(of_part):.1%} of this part, {score(results):.1%} of all {len(results)} modules tried so far")
    return 0 if score(of_part) >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
