"""Runs each test for exactly the providers that have the capabilities that it needs, so that no test is skipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.providers_under_test import PROVIDERS_UNDER_TEST
from tests.contract.providers_under_test.base import ProviderUnderTest
from tests.contract.shared_servers import Site, site_open

SMALL_SIDE = 32  # pixels; the simulators make results of such pictures ten times faster
HERE = Path(__file__).parent
NEEDED: defaultdict[str, set[str]] = defaultdict(set)  # provider → the capabilities that its tests needed


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): the capabilities that a provider must have")
    config.addinivalue_line("markers", "per_provider(table): the test goes through this table of the provider")
    config.addinivalue_line(
        "markers", "small_pictures: the usual picture is small, because nothing depends on its size"
    )
    config.addinivalue_line("markers", "of_all: runs last and checks what all other tests of the contract did")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "under_test" not in metafunc.fixturenames:
        return
    needed = {word for mark in metafunc.definition.iter_markers("needs") for word in mark.args}
    tables = {mark.args[0] for mark in metafunc.definition.iter_markers("per_provider")}
    chosen = {
        name: under_test
        for name, under_test in PROVIDERS_UNDER_TEST.items()
        if needed <= under_test.capabilities and all(getattr(under_test, table) for table in tables)
    }
    assert chosen, f"no provider has all the capabilities that {metafunc.definition.nodeid} needs"
    for name in chosen:
        NEEDED[name] |= needed
    metafunc.parametrize("under_test", chosen.values(), ids=chosen.keys(), indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the tests marked `of_all` last, because they check what all other tests did. Deselect them in a partial run."""
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
def under_test(request: pytest.FixtureRequest, site: Site) -> Iterator[ProviderUnderTest]:
    """Yield one of the providers that have the capabilities that the test needs. The test runs once for each."""
    made = request.param(site)
    if request.node.get_closest_marker("small_pictures"):
        made.side = SMALL_SIDE
    yield made
    made.close()
