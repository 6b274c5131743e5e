"""The environment's values: read as the template writes them, refused with the parameter's name when malformed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from darkroom.configuration import BadConfiguration, Configuration, per_provider

KNOWN = ("aimlapi", "topaz")


def test_a_variable_is_given_as_it_is() -> None:
    assert Configuration({"NAME": " a b "}).text("NAME") == " a b "


def test_a_missing_variable_is_named_unless_there_is_a_default() -> None:
    assert Configuration({}).text("NAME", "") == ""
    with pytest.raises(BadConfiguration, match="no environment variable NAME; deploy the template again"):
        Configuration({}).text("NAME")


def test_the_text_form_shows_no_value() -> None:
    assert "secret" not in repr(Configuration({"NAME": "secret"}))


@pytest.mark.parametrize(("environment", "provider"), [({}, "topaz"), ({"PROVIDER": "aimlapi"}, "aimlapi")])
def test_uploads_that_name_no_provider_get_the_stacks(environment: dict[str, str], provider: str) -> None:
    assert Configuration(environment).provider == provider


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("", KNOWN), ("topaz", ("topaz",)), ("topaz,aimlapi", ("topaz", "aimlapi")), (" topaz , aimlapi ", ("topaz", "aimlapi")),
     ("topaz,unheard", ("topaz",)), ("Topaz", ("topaz",)), (",topaz,", ("topaz",)), (" , ", KNOWN)],
)  # fmt: skip
def test_the_providers_that_uploads_may_name(text: str, allowed: tuple[str, ...]) -> None:
    assert Configuration({"ALLOWED_PROVIDERS": text}).allowed_providers(KNOWN) == allowed


@pytest.mark.parametrize("text", ["nobody", "topazz,unheard"])
def test_naming_no_known_provider_allows_none(text: str) -> None:
    with pytest.raises(BadConfiguration, match="AllowedProviders names none of"):
        Configuration({"ALLOWED_PROVIDERS": text}).allowed_providers(KNOWN)


def test_without_the_variable_every_known_provider_is_allowed() -> None:
    assert Configuration({}).allowed_providers(KNOWN) == KNOWN


@pytest.mark.parametrize(
    ("environment", "suffixes"),
    [({}, ()), ({"INPUT_SUFFIXES": ""}, ()), ({"INPUT_SUFFIXES": ".jpg"}, (".jpg",)),
     ({"INPUT_SUFFIXES": ".jpg,.PNG,"}, (".jpg", ".PNG"))],
)  # fmt: skip
def test_suffixes_are_a_list_and_none_means_any(environment: dict[str, str], suffixes: tuple[str, ...]) -> None:
    assert Configuration(environment).suffixes == suffixes


@pytest.mark.parametrize(
    ("environment", "deadline"),
    [({}, timedelta(hours=24)), ({"JOB_DEADLINE_HOURS": "6"}, timedelta(hours=6)),
     ({"JOB_DEADLINE_HOURS": "0.5"}, timedelta(minutes=30))],
)  # fmt: skip
def test_the_deadline_is_a_number_of_hours(environment: dict[str, str], deadline: timedelta) -> None:
    assert Configuration(environment).deadline == deadline


@pytest.mark.parametrize("text", ["soon", "-1", "NaN", "Infinity", "1h"])
def test_a_malformed_deadline_names_its_parameter(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"JobDeadlineHours: .*correct it and deploy again"):
        _ = Configuration({"JOB_DEADLINE_HOURS": text}).deadline


@pytest.mark.parametrize(
    ("text", "amounts"),
    [("", {}), ("500", {"topaz": "500"}), ("topaz=500, AIMLAPI = 20000000", {"topaz": "500", "aimlapi": "20000000"}),
     ("0", {}), ("topaz=0,aimlapi=7.5", {"aimlapi": "7.5"}), (" , 5 ,", {"topaz": "5"})],
)  # fmt: skip
def test_amounts_are_the_default_providers_or_named(text: str, amounts: dict[str, str]) -> None:
    assert per_provider("MonthlyCreditLimit", text, "topaz") == {name: Decimal(n) for name, n in amounts.items()}


@pytest.mark.parametrize(
    "text", ["many", "topaz=x", "-1", "topaz=NaN", "1,Infinity", "topaz=5=6x", "1e", "topaz=", "5,topaz="]
)
def test_a_malformed_amount_names_its_parameter(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"MaxCreditsPerJob: .*correct it and deploy again"):
        per_provider("MaxCreditsPerJob", text, "topaz")


def test_limits_come_from_their_four_variables() -> None:
    limits = Configuration({
        "MONTHLY_CREDIT_LIMIT": "500", "MONTHLY_BUDGET_USD": "50.5", "MAX_CREDITS_PER_JOB": "topaz=10",
        "CREDIT_PRICE_USD": "aimlapi=0.01", "PROVIDER": "aimlapi",
    }).limits  # fmt: skip
    assert limits.monthly_credits == {"aimlapi": 500}
    assert limits.monthly_usd == Decimal("50.5")
    assert limits.credits_per_job == {"topaz": 10}
    assert limits.credit_price_usd == {"aimlapi": Decimal("0.01")}


def test_without_variables_there_is_no_limit() -> None:
    limits = Configuration({}).limits
    assert (limits.monthly_credits, limits.monthly_usd, limits.credits_per_job) == ({}, 0, {})
