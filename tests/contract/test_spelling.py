"""Tests Topaz when it reads setting names in snake_case or in camelCase only. A request has both names of each setting, so the
setting always counts. The vendor's answer repeats the settings that it read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.contract.input_pictures import noise
from tests.contract.providers_under_test.topaz import TopazUnderTest
from tests.contract.shared_servers import Site

from darkroom.model import Spelling
from darkroom.pipeline.spelling_probe import NAMES, VALUES, spelling_in


@pytest.fixture(params=["snake", "camel"])
def strict(request: pytest.FixtureRequest, site: Site) -> Iterator[TopazUnderTest]:
    made = TopazUnderTest(site, spelling=request.param)
    yield made
    made.close()


def sent(under_test: TopazUnderTest, parameters: dict[str, str]) -> str:
    plan = under_test.plan()
    plan = replace(plan, parameters={**plan.parameters, **parameters})
    image = under_test.image(noise(64))
    return under_test.provider.submit(plan, image, under_test.handle(), under_test.keep).process_id


def test_a_vendor_that_reads_one_spelling_gets_the_setting_by_default(strict: TopazUnderTest) -> None:
    plan = strict.plan(fix_compression="0.3")
    assert {"fix_compression", "fixCompression"} <= plan.parameters.keys()
    image = strict.image(noise(64))
    process_id = strict.provider.submit(plan, image, strict.handle(), strict.keep).process_id
    assert strict.provider.echoed_settings(process_id) == {"fix_compression": 0.3}


def test_the_other_name_alone_is_ignored_and_billed(strict: TopazUnderTest) -> None:
    other = Spelling.CAMEL if strict.simulator.settings.spelling == "snake" else Spelling.SNAKE
    process_id = sent(strict, {NAMES[other]: "0.3"})
    assert strict.provider.echoed_settings(process_id) == {}
    assert strict.paid() == 1


def test_the_probe_reads_which_name_counted(strict: TopazUnderTest) -> None:
    process_id = sent(strict, {NAMES[spelling]: VALUES[spelling] for spelling in NAMES})
    found = spelling_in(strict.provider.echoed_settings(process_id))
    assert found is not None
    assert found.value == strict.simulator.settings.spelling
    strict.await_end(process_id)


def test_an_echo_that_cannot_be_read_says_nothing(site: Site) -> None:
    under_test = TopazUnderTest(site)
    process_id = sent(under_test, {})

    def unreadable(body: dict[str, object]) -> dict[str, object]:
        return {**body, "options_json": "{"}

    changed = under_test.changing((process_id,), unreadable)
    assert changed.echoed_settings(process_id) == {}  # type: ignore[attr-defined]
    under_test.close()
