"""Tests defaults for one provider when an upload names another one. They are dropped with a note, so that nothing wrong
is paid for.
"""

from __future__ import annotations

import pytest
from tests.fakes.calendar import TODAY
from tests.rows import each_row
from tests.unit.planning_support import NO_LIMITS
from tests.unit.test_catalog import MINIMAL

from darkroom import catalog
from darkroom.errors import UnknownModel
from darkroom.model import ImageFacts, ImageFormat, Plan
from darkroom.planning import plan
from darkroom.setting_layers import parse_defaults, resolve, tag_layer

BOOKS = {"topaz": catalog.load("topaz"), "other": catalog.parse(MINIMAL)}
SMALL = ImageFacts(ImageFormat.PNG, 10, 10)


@pytest.fixture(autouse=True)
def two_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use two catalogs, the one of Topaz and another one, as if each came from its own file."""
    monkeypatch.setattr(catalog, "providers", lambda: tuple(sorted(BOOKS)))
    monkeypatch.setattr(catalog, "load", BOOKS.__getitem__)


def planned(tags: dict[str, str], defaults: str) -> Plan:
    settings = resolve(
        [tag_layer(tags), parse_defaults(defaults)], default_provider="topaz", allowed_providers=tuple(BOOKS)
    )
    return plan(settings, SMALL, 100, NO_LIMITS, TODAY)


def test_a_default_model_of_another_provider_gives_way_to_the_providers_own() -> None:
    result = planned({"provider": "other"}, "model=Standard V2,creativity=3")
    assert (result.provider, result.model, result.settings["creativity"]) == ("other", "One", "3")
    assert result.notes == ("model='Standard V2' in stack is a model of topaz, not of other; dropped",)


def test_a_default_model_of_the_provider_stays() -> None:
    result = planned({"provider": "other"}, "model=two")
    assert (result.model, result.notes) == ("Two", ())


@each_row(
    ("tags", "defaults"),
    [({"provider": "other", "model": "Standard V2"}, ""), ({"provider": "other"}, "model=Standrad V2")],
    ids=["the object asks for it", "no provider knows it"],
)
def test_any_other_model_that_the_provider_does_not_have_is_refused(tags: dict[str, str], defaults: str) -> None:
    with pytest.raises(UnknownModel, match="not a model of other"):
        planned(tags, defaults)


def test_a_parameter_of_another_provider_in_a_default_is_dropped_too() -> None:
    result = planned({"provider": "other"}, "fix_compression=1")
    assert "fix_compression" not in result.settings
    assert len(result.notes) == 1
