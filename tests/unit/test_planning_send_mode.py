"""Tests how a job is sent, which parameters are always sent, under which names, and what the job costs. The models are
not those of Topaz.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes import small_catalogs
from tests.rows import each_row
from tests.unit.planning_support import NO_LIMITS, PHOTO, planned

from darkroom.errors import ImageTooLarge, InvalidSetting, PriceAboveLimit, UnsupportedFormat
from darkroom.model import ImageFacts, ImageFormat, Limits, SendMode

EITHER = 'inputs = ["upload", "link"]\nsynchronous_path = "now"\nsynchronous_max_output_mp = 0.96\ncredits = 1'
LARGE = ImageFacts(ImageFormat.JPEG, 1201, 800)  # PHOTO has exactly 0.96 megapixels


@pytest.fixture
def either(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(EITHER))


@pytest.fixture
def neither(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 1"))


# --- link or bytes, synchronous or not


@pytest.mark.usefixtures("either")
@each_row(
    ("tags", "send_mode"),
    [
        ({}, SendMode.UPLOAD),
        ({"input_by": "upload"}, SendMode.UPLOAD),
        ({"input_by": "LINK"}, SendMode.LINK),
        ({"synchronous": "yes"}, SendMode.SYNCHRONOUS_UPLOAD),
        ({"synchronous": "false"}, SendMode.UPLOAD),
        ({"input_by": "link", "synchronous": "true"}, SendMode.SYNCHRONOUS_LINK),
    ],
)
def test_a_model_that_can_do_either_does_what_is_asked(tags: dict[str, str], send_mode: SendMode) -> None:
    assert planned(tags).send_mode is send_mode


@pytest.mark.usefixtures("either")
def test_the_stack_may_choose_the_send_mode_too() -> None:
    assert planned(defaults="input_by=link,synchronous=on").send_mode is SendMode.SYNCHRONOUS_LINK


@pytest.mark.usefixtures("either")
def test_the_objects_send_mode_wins_over_the_stacks() -> None:
    tags = {"input_by": "upload", "synchronous": "false"}
    assert planned(tags, "input_by=link,synchronous=true").send_mode is SendMode.UPLOAD


@pytest.mark.usefixtures("either")
@each_row(("asked", "path"), [("true", "now"), ("false", "up")])
def test_a_synchronous_call_goes_to_its_own_path(asked: str, path: str) -> None:
    assert planned({"synchronous": asked}).endpoint == path
    assert planned({"synchronous": asked}).queue_endpoint == ("up" if path == "now" else None)


@pytest.mark.usefixtures("either")
def test_the_keys_of_the_send_mode_are_kept_and_never_sent() -> None:
    plan = planned({"input_by": "link", "synchronous": "Yes"})
    assert plan.parameters == {"model": "One"}
    assert {name: plan.settings[name] for name in ("input_by", "synchronous")} == {
        "input_by": "link",
        "synchronous": "true",
    }
    assert plan.layers["synchronous"] == "tags"


@pytest.mark.usefixtures("either")
@each_row(
    ("key", "value", "allowed"),
    [("input_by", "url", "one of upload, link"), ("synchronous", "maybe", "true or false")],
)
def test_another_value_is_refused_with_what_is_allowed(key: str, value: str, allowed: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"{key}='{value}' in tags .* allowed: {allowed}"):
        planned({key: value})


@pytest.mark.usefixtures("neither")
@each_row(("key", "value"), [("input_by", "link"), ("input_by", "upload"), ("synchronous", "true")])
def test_a_model_that_has_no_choice_refuses_the_key_on_an_object(key: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"model One does not take {key}; models that do: none of topaz"):
        planned({key: value})


@pytest.mark.usefixtures("neither")
@each_row(("key", "value"), [("input_by", "link"), ("synchronous", "true")])
def test_a_model_that_has_no_choice_drops_the_stacks_key(key: str, value: str) -> None:
    plan = planned(defaults=f"{key}={value}")
    assert plan.send_mode is SendMode.UPLOAD
    assert plan.notes == (f"{key}='{value}' in stack: model One does not take {key}; dropped",)
    assert key not in plan.settings


@pytest.mark.parametrize(
    ("facts", "send_mode"),
    [
        ('inputs = ["link"]', SendMode.LINK),
        ('inputs = ["link", "upload"]', SendMode.LINK),
        ("is_synchronous = true", SendMode.SYNCHRONOUS_UPLOAD),
        ('inputs = ["link"]\nis_synchronous = true', SendMode.SYNCHRONOUS_LINK),
    ],
)
def test_what_a_model_does_usually_needs_no_key(
    monkeypatch: pytest.MonkeyPatch, facts: str, send_mode: SendMode
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(f"{facts}\ncredits = 1"))
    assert (planned().send_mode, planned().endpoint) == (send_mode, "up")


def test_a_model_that_always_waits_cannot_be_asked_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 1"))
    with pytest.raises(InvalidSetting, match="does not take synchronous"):
        planned({"synchronous": "false"})
    assert planned(defaults="synchronous=false").send_mode is SendMode.SYNCHRONOUS_UPLOAD


# --- too large for a synchronous call


@pytest.mark.usefixtures("either")
def test_a_result_of_exactly_the_limit_may_be_waited_for() -> None:
    assert planned({"synchronous": "true"}).send_mode is SendMode.SYNCHRONOUS_UPLOAD


@pytest.mark.usefixtures("either")
def test_an_object_that_asks_to_wait_for_too_large_a_result_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match=r"synchronous=true in tags: One takes it for up to 0\.96 MP"):
        planned({"synchronous": "true"}, facts=LARGE)


@pytest.mark.usefixtures("either")
def test_the_stacks_synchronous_mode_gives_way_to_a_large_result() -> None:
    plan = planned(defaults="synchronous=true,input_by=link", facts=LARGE)
    assert (plan.send_mode, plan.endpoint) == (SendMode.LINK, "up")
    assert plan.notes == ("synchronous=true in stack: One takes it for up to 0.96 MP; dropped",)
    assert "synchronous" not in plan.settings


# --- what is always sent, and under which names


def test_a_required_parameters_default_is_sent_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 'kind = "choice"\nchoices = ["Soft", "Hard"]\ndefault = "Soft"\nrequired = true'
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 1", texture=needed))
    plan = planned()
    assert plan.parameters == {"model": "One", "texture": "Soft"}
    assert (plan.settings["texture"], plan.layers["texture"]) == ("Soft", "default")


@pytest.mark.parametrize(("tags", "defaults"), [({"texture": "hard"}, ""), ({}, "texture=HARD")])
def test_any_layer_wins_over_a_required_default(
    monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], defaults: str
) -> None:
    needed = 'kind = "choice"\nchoices = ["Soft", "Hard"]\ndefault = "Soft"\nrequired = true'
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 1", texture=needed))
    assert planned(tags, defaults).parameters["texture"] == "Hard"


def test_a_default_that_is_not_required_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 1", texture='kind = "text"\ndefault = "soft"'))
    assert planned().parameters == {"model": "One"}


def test_our_word_is_sent_as_the_vendors_and_kept_as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = 'kind = "choice"\nchoices = ["jpeg", "png", "jpg"]\nwire = "format"\nwire_values = { jpeg = "JPG" }'
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 1", output_format=ours))
    plan = planned({"output_format": "jpg"})
    assert plan.parameters == {"model": "One", "format": "JPG"}
    assert (plan.settings["output_format"], plan.output_format) == ("jpeg", ImageFormat.JPEG)
    assert planned(facts=ImageFacts(ImageFormat.PNG, 30, 20)).parameters["format"] == "png"


# --- formats


def test_a_format_that_the_model_does_not_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book('input_formats = ["png"]\ncredits = 1'))
    with pytest.raises(UnsupportedFormat, match="the image is jpeg; One takes png"):
        planned()
    assert planned(facts=ImageFacts(ImageFormat.PNG, 30, 20)).source_format is ImageFormat.PNG


def test_an_open_format_names_what_else_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(
        monkeypatch, small_catalogs.book('output_formats = ["png", "jpeg"]\nformat_is_open = true\ncredits = 1')
    )
    plan = planned()
    assert (plan.output_format, plan.other_formats) == (ImageFormat.JPEG, (ImageFormat.PNG,))


def test_a_format_that_is_known_beforehand_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book('output_formats = ["png", "jpeg"]\ncredits = 1'))
    assert planned().other_formats == ()


# --- prices


@pytest.mark.parametrize(
    ("facts", "credits"),
    [
        ("credits = 3", "3"), ("credits = 0.1", "0.1"), ("mp_per_credit = 0.5", "2"),
        ("mp_per_credit = 0.5\ncredits = 0.08", "0.16"), ("mp_per_credit = 0.96\ncredits = 0.08", "0.08"),
    ],
)  # fmt: skip
def test_a_job_costs_a_fixed_price_or_so_much_a_begun_step(
    monkeypatch: pytest.MonkeyPatch, facts: str, credits: str
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(facts))
    assert planned().price == Decimal(credits)


def test_without_either_only_the_vendor_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book())
    assert planned().credits is None


@pytest.mark.parametrize(("bound", "allowed"), [("3", True), ("2.99", False)])
def test_a_fixed_price_keeps_to_the_limit_of_a_job(monkeypatch: pytest.MonkeyPatch, bound: str, allowed: bool) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 3"))
    limits = Limits(NO_LIMITS.monthly_credits, Decimal(0), {"topaz": Decimal(bound)}, {})
    if allowed:
        assert planned(limits=limits, facts=PHOTO).price == 3
        return
    with pytest.raises(PriceAboveLimit, match="costs 3 credits"):
        planned(limits=limits)
