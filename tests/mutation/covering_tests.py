"""Finds out which tests run each line, by one run of the quick tests under coverage.

Usage: python -m tests.mutation.covering_tests FILE. The script writes the answer to FILE, as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutation.mutants import ROOT, RUNTIME, module_name, modules

LIMITS = "tests/unit/test_limits_page.py"  # it reads every constant of the mutated modules
# The quick tests that use the pipeline and the ledger. The other unit tests check pictures, settings and vendors.
SUITES = (
    "tests/integration", "tests/unit/test_in_doubt.py", "tests/unit/test_items_and_clauses.py", "tests/unit/test_model.py",
    "tests/unit/test_cli_actions.py", "tests/unit/test_cli_adopt_ledger.py", "tests/unit/test_cli_queries.py",
    "tests/unit/test_job_transitions.py", "tests/unit/test_message_outcomes.py", "tests/unit/test_spliced_ranges.py",
    "tests/unit/test_spliced_result.py", LIMITS,
)  # fmt: skip
QUICK_SECONDS = 2.0  # a slower test is not asked


@dataclass(eq=False)
class Contexts:
    """A plugin of pytest that names each test to coverage, and notes how long the test takes. The first test of a module is
    charged with the module's fixtures."""

    measured: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        taken = self.seconds.get(report.nodeid, 0.0) + report.duration
        self.seconds[report.nodeid] = taken if report.passed else float("inf")


def main(target: Path) -> None:
    """Run the tests and write `{"seconds": {test: s}, "lines": {file: {line: [tests]}}}`."""
    measured = coverage.Coverage(data_file=None, include=[f"{RUNTIME}/darkroom/*"], config_file=False)
    contexts = Contexts(measured)
    measured.start()
    for path in modules(
        ""
    ):  # or the first test that needs a module would be the only one that runs its constants and defaults
        importlib.import_module(module_name(path))
    pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *SUITES], plugins=[contexts])
    measured.stop()
    data, lines = measured.get_data(), dict[str, Any]()
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file).items()
        lines[str(Path(file).relative_to(ROOT))] = {n: sorted({t for t in tests if t}) for n, tests in by_line}
    target.parent.mkdir(parents=True, exist_ok=True)
    quick = {test: taken for test, taken in contexts.seconds.items() if taken <= QUICK_SECONDS}
    target.write_text(json.dumps({"seconds": quick, "lines": lines}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
