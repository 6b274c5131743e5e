"""That the suite leaves nothing out: every vendor, every capability, every fault of every simulator. Runs last, looking back."""

from __future__ import annotations

import pytest
from tests.contract.conftest import NEEDED
from tests.contract.shared_servers import Site
from tests.contract.stages import STAGES
from tests.contract.stages.simulated import SimulatedStage
from tests.fakes import misbehaviour

from darkroom import catalog, container

SIMULATED = {name: stage for name, stage in STAGES.items() if issubclass(stage, SimulatedStage)}
KINDS = {
    "fake": misbehaviour.KINDS,
    **{name: frozenset(stage.simulator_class.supported_faults.kinds) for name, stage in SIMULATED.items()},
}


def test_every_vendor_has_a_stage_and_every_stage_its_name() -> None:
    assert set(SIMULATED) == set(catalog.providers()) == set(container.ADAPTERS)
    assert all(stage.name == name for name, stage in STAGES.items())
    assert all(stage.vendor == name for name, stage in SIMULATED.items())


@pytest.mark.of_all
@pytest.mark.parametrize("name", STAGES)
def test_every_capability_of_a_stage_is_used_by_a_test(name: str) -> None:
    assert STAGES[name].can - NEEDED[name] == frozenset()


@pytest.mark.of_all
@pytest.mark.parametrize("name", STAGES)
def test_every_fault_of_a_simulator_and_of_the_fake_is_met_by_a_test(name: str, site: Site) -> None:
    """Those that the search for leaks provokes on its way do not count."""
    assert KINDS[name] - site.struck[name] == set()
