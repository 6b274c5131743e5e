"""Lists the providers that the contract suite tests. Tests can inject faults into each of them.

To add a vendor, add a file to this folder and a line below.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.contract.providers_under_test.aimlapi import AimlapiUnderTest
from tests.contract.providers_under_test.base import ProviderUnderTest
from tests.contract.providers_under_test.fake import FakeProviderUnderTest
from tests.contract.providers_under_test.oxen import OxenUnderTest
from tests.contract.providers_under_test.topaz import TopazUnderTest
from tests.contract.providers_under_test.uwear import UwearUnderTest

PROVIDERS_UNDER_TEST: Mapping[str, type[ProviderUnderTest]] = {
    "fake": FakeProviderUnderTest,
    "topaz": TopazUnderTest,
    "uwear": UwearUnderTest,
    "oxen": OxenUnderTest,
    "aimlapi": AimlapiUnderTest,
}
