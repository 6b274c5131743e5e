"""Fixtures, and which test meets which stage: exactly those that can what it `needs`, so that none is skipped."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.shared_servers import Site, site_open
from tests.contract.stages import STAGES
from tests.contract.stages.base import Stage
from tests.contract.stages.simulated import SimulatedStage

HERE = Path(__file__).parent
NEEDED: defaultdict[str, set[str]] = defaultdict(set)  # stage → what its tests needed of it


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): what a stage must be able to")
    config.addinivalue_line("markers", "per_stage(argument, table): the entries of the stage's own table")
    config.addinivalue_line("markers", "of_all: looks back at what all tests of the contract did")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = [mark for mark in metafunc.definition.iter_markers("parametrize") if "stage" in mark.args[0]]
    if chosen or "stage" not in metafunc.fixturenames:
        return
    needed = {word for mark in metafunc.definition.iter_markers("needs") for word in mark.args}
    tables = {mark.args[0]: mark.args[1] for mark in metafunc.definition.iter_markers("per_stage")}
    rows = []
    for stage in (stage for stage in STAGES.values() if needed <= stage.can):
        for values in itertools.product(*(getattr(stage, table) for table in tables.values())):
            words = [stage.name, *(str(value) or "''" for value in values)]
            rows.append(pytest.param(stage, *values, id="-".join(words)))
            NEEDED[stage.name] |= needed
    assert rows, f"no stage can all that {metafunc.definition.nodeid} needs"
    metafunc.parametrize(["stage", *tables], rows, indirect=["stage"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What looks back at all tests comes last, and is left out where only some of them run."""
    looking_back = [item for item in items if item.get_closest_marker("of_all")]
    others = [item for item in items if item not in looking_back]
    is_chosen = bool(config.option.keyword or config.option.markexpr or any("::" in word for word in config.args))
    is_whole = not is_chosen and {*HERE.glob("test_*.py")} <= {item.path for item in items}
    items[:] = [*others, *looking_back] if is_whole else others
    if not is_whole:
        config.hook.pytest_deselected(items=looking_back)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with site_open() as opened:
        yield opened


@pytest.fixture(scope="module", autouse=True)
def simulators_of_the_module(site: Site) -> Iterator[None]:
    yield
    site.renew()


@pytest.fixture
def stage(request: pytest.FixtureRequest, site: Site) -> Iterator[Stage]:
    """Every implementation in turn that can what the test needs."""
    made = request.param(site)
    yield made
    if isinstance(made, SimulatedStage):
        made.close()
