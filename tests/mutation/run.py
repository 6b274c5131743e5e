"""Tries mutants of the pipeline and of the ledger's adapters, and keeps the result.

Usage: python -m tests.mutation.run [--again] [PART]. PART is a text in the paths of the modules, for example pipeline/sweep. Each
module's result is written to results.json as soon as it is known, with its date; the results of other modules stay. With --again,
the mutants that were killed in that result are left out, as long as the module's source is the same. The script prints the
mutants that live, and exits with 1 if fewer than 95 of 100 are killed. `equivalents.json` names the mutants that change nothing
that a caller could see, each with its reason.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.mutation.covering_tests import LIMITS
from tests.mutation.mutants import ROOT, Mutant, modules, mutants

HERE = Path(__file__).resolve().parent
RESULTS, EQUIVALENTS = HERE / "results.json", HERE / "equivalents.json"
COVERAGE = ROOT / ".build" / "mutants" / "coverage.json"
GOAL = 0.95
WORKERS = 1  # and one more for the changes of constants
MOST_SECONDS = 15.0  # the tests of one mutant take at most so long; the quickest are asked first
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
        of_module = {test for found in lines.values() for test in found} | {
            test for test in self.seconds if test.startswith(LIMITS)
        }
        chosen = self._quickest(mutant, tests or of_module)
        return chosen if tests else chosen[:MOST_TESTS]

    def _quickest(self, mutant: Mutant, tests: set[str]) -> list[str]:
        own, named = f"tests/integration/test_{mutant.path.stem.split('_')[0]}", _files_that_name(mutant.path.stem)
        chosen, total = list[str](), 0.0
        for test in sorted(
            tests & self.seconds.keys(),
            key=lambda t: (not t.startswith((LIMITS, own)), t.partition("::")[0] not in named, self.seconds[t], t),
        ):
            total += self.seconds[test]
            if total > MOST_SECONDS:
                break
            chosen.append(test)
        return chosen


@cache
def _files_that_name(stem: str) -> frozenset[str]:
    """Return the files of tests that have the name of a module, or of the class that is named after it."""
    name = stem.replace("_", "")  # of lost_uploads and of LostUploads, without capitals
    files = (path for suite in ("integration", "unit") for path in (ROOT / "tests" / suite).glob("test_*.py"))
    texts = {str(path.relative_to(ROOT)): path.name + path.read_text() for path in files}
    return frozenset(file for file, text in texts.items() if name in text.replace("_", "").lower())


def covering() -> Covering:
    """Return which tests run which lines. They are asked anew if a source or a test is newer than the last answer."""
    newest = max(
        path.stat().st_mtime
        for tree in ("layers/core/darkroom", "tests/fakes", "tests/integration", "tests/unit")
        for path in (ROOT / tree).rglob("*.py")
    )
    if not COVERAGE.exists() or COVERAGE.stat().st_mtime < newest:
        subprocess.run([sys.executable, "-m", "tests.mutation.covering_tests", str(COVERAGE)], cwd=ROOT, check=True)
    return Covering(json.loads(COVERAGE.read_text()))


def tried(
    paths: Sequence[Path], tests: Covering, known: Mapping[str, Any] | None = None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Try all mutants of some modules. Yield each module with its result, as soon as its last mutant is known.

    With `known`, which has earlier results, the mutants that were killed there are not tried again.
    """
    from tests.mutation import trials

    work = {path: list(mutants(path)) for path in paths}
    doubtful = [it for path, made in work.items() for it in made if known is None or not _was_killed(it, known)]
    alive: dict[Path, list[str]] = {path: [] for path in paths}
    left = Counter(mutant.path for mutant in doubtful)
    for mutant, lives in trials.survivors(doubtful, tests.tests_of, WORKERS):
        left[mutant.path] -= 1
        if lives:
            alive[mutant.path].append(mutant.change)
        if not left[mutant.path]:
            changes = [it.change for it in work[mutant.path]]
            yield mutant.path, result_of(mutant.path, changes, alive[mutant.path])


def _was_killed(mutant: Mutant, known: Mapping[str, Any]) -> bool:
    result = known.get(name_of(mutant.path), {})
    return result.get("source") == source_of(mutant.path) and mutant.change not in result["alive"]


def source_of(path: Path) -> str:
    """Return a mark of the module's source."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def result_of(path: Path, changes: Sequence[str], alive: Sequence[str]) -> dict[str, Any]:
    """Return the result of a module. Equivalent mutants are counted, and are not among those that live."""
    name = name_of(path)
    equivalents = json.loads(EQUIVALENTS.read_text()).get(name, {})
    unknown = sorted(equivalents.keys() - set(changes))
    if unknown:
        raise ValueError(f"{EQUIVALENTS.name}: {name} has no such mutant any more: {unknown}")
    return {
        "date": datetime.now(UTC).date().isoformat(), "source": source_of(path), "mutants": len(changes),
        "equivalent": sum(change in equivalents for change in changes),
        "alive": sorted(change for change in alive if change not in equivalents),
    }  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "layers" / "core" / "darkroom"))


def score(results: Mapping[str, Any]) -> float:
    """Return which part of the mutants is killed. Equivalent mutants are left out."""
    counted = sum(it["mutants"] - it["equivalent"] for it in results.values())
    return 1.0 - sum(len(it["alive"]) for it in results.values()) / counted if counted else 1.0


def main(part: str, *, again: bool) -> int:
    """Try the modules of the part, and return the exit code."""
    tests = covering()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    of_part = {name_of(path): results[name_of(path)] for path in modules(part) if again and name_of(path) in results}
    for path, result in tried(modules(part), tests, results if again else None):
        of_part[name_of(path)] = results[name_of(path)] = result
        RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False) + "\n")
        print(f"{name_of(path)}: {len(result['alive'])} of {result['mutants']} live", flush=True)
        for change in result["alive"]:
            print(f"  {change}", flush=True)
    print(f"killed: {score(of_part):.1%} of this part, {score(results):.1%} of all {len(results)} modules tried so far")
    return 0 if score(of_part) >= GOAL else 1


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("part", nargs="?", default="")
    options.add_argument("--again", action="store_true")
    given = options.parse_args()
    raise SystemExit(main(given.part, again=given.again))
