"""Tests that the contract suite is complete, so that every vendor, capability and fault is tested. These tests run last."""

from __future__ import annotations

import pytest
from tests.contract.conftest import NEEDED
from tests.contract.providers_under_test import PROVIDERS_UNDER_TEST
from tests.contract.providers_under_test.simulated import SimulatedProvider
from tests.contract.shared_servers import Site
from tests.fakes import misbehaviour
from tests.rows import each_row

from darkroom import catalog
from darkroom.providers.registry import ADAPTERS

SIMULATED = {
    name: under_test for name, under_test in PROVIDERS_UNDER_TEST.items() if issubclass(under_test, SimulatedProvider)
}
KINDS = {
    "fake": misbehaviour.KINDS,
    **{name: frozenset(under_test.simulator_class.supported_faults.kinds) for name, under_test in SIMULATED.items()},
}


def test_every_vendor_has_a_stage_and_every_stage_its_name() -> None:
    assert set(SIMULATED) == set(catalog.providers()) == set(ADAPTERS)
    assert all(under_test.name == name for name, under_test in PROVIDERS_UNDER_TEST.items())
    assert all(under_test.vendor == name for name, under_test in SIMULATED.items())


@pytest.mark.of_all
@each_row("name", PROVIDERS_UNDER_TEST)
def test_every_capability_of_a_stage_is_used_by_a_test(name: str) -> None:
    assert PROVIDERS_UNDER_TEST[name].capabilities - NEEDED[name] == frozenset()


@pytest.mark.of_all
@pytest.mark.parametrize("name", PROVIDERS_UNDER_TEST)
def test_every_fault_of_a_simulator_and_of_the_fake_is_met_by_a_test(name: str, site: Site) -> None:
    """A fault that only test_leaks.py injects does not count as met."""
    assert KINDS[name] - site.faults_met[name] == set()
