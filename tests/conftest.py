"""How tests are shared among processes: those that stand on one thing stay together, the rest goes file by file."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/contract/", "tests/e2e/", "tests/soak/")  # what looks back at all of its tests, or shares one cloud


class ByWhatTheyShare(LoadScopeScheduling):
    """A process takes a folder or a file at a time."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if path.startswith(folder)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByWhatTheyShare:
    return ByWhatTheyShare(config, log)
