"""How tests are distributed over processes: tests that share a resource stay together, the others go file by file."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    "tests/contract/",
    "tests/e2e/",
    "tests/soak/",
)  # they share one cloud, or check all tests of the folder at the end


class ByWhatTheyShare(LoadScopeScheduling):
    """Give a process one folder or one file at a time."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if path.startswith(folder)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByWhatTheyShare:
    return ByWhatTheyShare(config, log)
