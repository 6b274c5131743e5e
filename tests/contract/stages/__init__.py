"""The implementations that the contract suite runs against, each on a stage that can make it misbehave.

A new vendor is a file here and a line below.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.contract.stages.aimlapi import AimlapiStage
from tests.contract.stages.base import Stage
from tests.contract.stages.fake import FakeStage
from tests.contract.stages.oxen import OxenStage
from tests.contract.stages.topaz import TopazStage
from tests.contract.stages.uwear import UwearStage

STAGES: Mapping[str, type[Stage]] = {
    "fake": FakeStage,
    "topaz": TopazStage,
    "uwear": UwearStage,
    "oxen": OxenStage,
    "aimlapi": AimlapiStage,
}
