"""Tests the format of the catalogs: which facts an endpoint or a model may state, and the defaults."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes.small_catalogs import book
from tests.rows import each_row

from darkroom.catalog import LINK, UPLOAD, Model
from darkroom.model import RESULT_FORMATS, ImageFormat


def model(facts: str = "", own: str = "", **tables: str) -> Model:
    return book(facts, own=own, **tables).models["One"]


def test_what_is_not_stated_has_its_default() -> None:
    usual = model()
    assert (usual.credits, usual.mp_per_credit) == (None, None)
    assert (usual.input_formats, usual.output_formats) == (RESULT_FORMATS, RESULT_FORMATS)
    assert (usual.format_is_open, usual.inputs) == (False, (UPLOAD,))
    assert (usual.is_synchronous, usual.synchronous_endpoint, usual.synchronous_max_output_mp) == (False, None, None)
    assert (usual.factor, usual.factor_parameter, usual.factors) == (1, None, {})


def test_an_endpoint_states_facts_for_its_models() -> None:
    said = model(
        'credits = 0.08\ninput_formats = ["png"]\noutput_formats = ["jpeg", "png"]\nformat_is_open = true\n'
        'inputs = ["link", "upload"]\nsynchronous_path = "now"\nsynchronous_max_output_mp = 16'
    )
    assert (said.credits, said.input_formats) == (Decimal("0.08"), (ImageFormat.PNG,))
    assert (said.output_formats, said.format_is_open) == ((ImageFormat.JPEG, ImageFormat.PNG), True)
    assert (said.inputs, said.synchronous_endpoint, said.synchronous_max_output_mp) == ((LINK, UPLOAD), "now", 16)


def test_a_model_restates_what_its_endpoint_says() -> None:
    said = model(
        'credits = 1\ninputs = ["link"]\nfactor = 2',
        own='credits = 2\ninputs = ["upload"]\nfactor = 4\nis_synchronous = true',
    )
    assert (said.credits, said.inputs, said.factor, said.is_synchronous) == (2, (UPLOAD,), 4, True)


def test_a_factor_parameters_choices_are_numbers() -> None:
    said = model('factor_parameter = "zoom"', zoom='kind = "choice"\nchoices = ["1.5x", "2x", "16x"]\ndefault = "2x"')
    assert said.factors == {"1.5x": Decimal("1.5"), "2x": Decimal(2), "16x": Decimal(16)}
    assert said.factor == 2


def test_a_factor_parameter_without_a_default_enlarges_nothing_by_itself() -> None:
    assert model('factor_parameter = "zoom"', zoom='kind = "choice"\nchoices = ["2x"]').factor == 1


def test_a_factor_that_is_set_wins_over_the_parameters_default() -> None:
    zoom = 'kind = "choice"\nchoices = ["2x", "4x"]\ndefault = "2x"'
    assert model('factor_parameter = "zoom"\nfactor = 4', zoom=zoom).factor == 4


def test_a_parameter_may_be_required_and_have_words_of_its_own_on_the_wire() -> None:
    table = 'kind = "choice"\nchoices = ["soft", "hard"]\nrequired = true\nwire_values = { soft = "SOFT_1" }'
    said = model(texture=table).parameters["texture"]
    assert (said.required, dict(said.wire_values)) == (True, {"soft": "SOFT_1"})


def test_a_parameter_is_neither_unless_it_says_so() -> None:
    said = model(texture='kind = "text"').parameters["texture"]
    assert (said.required, dict(said.wire_values)) == (False, {})


def test_a_vendor_that_fetches_says_how_long_a_link_must_be_good() -> None:
    assert book().link_seconds == 900


def test_prices_and_limits_may_be_known_from_elsewhere_than_the_model() -> None:
    said = model()
    assert said.source == said.price_source == said.limits_source == "a page, 2026-11"


@each_row(
    "facts",
    ['input_formats = ["bmp"]', 'output_formats = ["webp"]', 'output_formats = ["JPG"]', 'factor_parameter = "zoom"'],
)
def test_words_that_nobody_knows_are_refused(facts: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        book(facts)
