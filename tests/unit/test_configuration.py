"""Tests that values in the environment are read as the template writes them. The error about a malformed value names
the template's parameter.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.rows import each_row

from darkroom.configuration import BadConfiguration, Configuration, parse_amounts_by_provider

KNOWN = ("aimlapi", "topaz")


def test_a_variable_is_given_as_it_is() -> None:
    assert Configuration({"NAME": " a b "}).text("NAME") == " a b "


def test_a_missing_variable_is_named_unless_there_is_a_default() -> None:
    assert Configuration({}).text("NAME", "") == ""
    with pytest.raises(BadConfiguration, match="no environment variable NAME; deploy the template again"):
        Configuration({}).text("NAME")


def test_the_text_form_shows_no_value() -> None:
    assert "secret" not in repr(Configuration({"NAME": "secret"}))


@each_row(("environment", "provider"), [({}, "topaz"), ({"PROVIDER": "aimlapi"}, "aimlapi")])
def test_uploads_that_name_no_provider_get_the_stacks(environment: dict[str, str], provider: str) -> None:
    assert Configuration(environment).provider == provider


@each_row(
    ("text", "allowed"),
    [("", ("topaz",)), ("topaz", ("topaz",)), ("topaz,aimlapi", ("topaz", "aimlapi")),
     (" topaz , aimlapi ", ("topaz", "aimlapi")), ("topaz,unheard", ("topaz",)),
     ("Topaz", ("topaz",)), (",topaz,", ("topaz",)), (" , ", ("topaz",))],
)  # fmt: skip
def test_the_providers_that_uploads_may_name(text: str, allowed: tuple[str, ...]) -> None:
    assert Configuration({"ALLOWED_PROVIDERS": text}).allowed_providers(KNOWN) == allowed


@each_row(
    ("choice", "tag_prefix", "prefix"),
    [("", "", ""), ("", "app:", "app:"), ("on", "app:", ""), ("On", "", ""), ("prefixed", "app:", "app:"), ("off", "app:", None),
     ("off", "", None)],
)  # fmt: skip
def test_which_metadata_holds_settings(choice: str, tag_prefix: str, prefix: str | None) -> None:
    assert Configuration({"METADATA_SETTINGS": choice, "TAG_PREFIX": tag_prefix}).metadata_prefix == prefix


@each_row("choice", ["prefixed", "yes"])
def test_a_choice_of_metadata_that_means_nothing_is_refused(choice: str) -> None:
    with pytest.raises(BadConfiguration, match="MetadataSettings"):
        _ = Configuration({"METADATA_SETTINGS": choice}).metadata_prefix


@each_row("text", ["nobody", "topazz,unheard"])
def test_naming_no_known_provider_allows_none(text: str) -> None:
    with pytest.raises(BadConfiguration, match="AllowedProviders names none of"):
        Configuration({"ALLOWED_PROVIDERS": text}).allowed_providers(KNOWN)


def test_without_the_variable_the_stacks_own_provider_alone_is_allowed() -> None:
    assert Configuration({}).allowed_providers(KNOWN) == ("topaz",)
    assert Configuration({"PROVIDER": "aimlapi"}).allowed_providers(KNOWN) == ("aimlapi",)


@each_row(
    ("environment", "suffixes"),
    [({}, ()), ({"INPUT_SUFFIXES": ""}, ()), ({"INPUT_SUFFIXES": ".jpg"}, (".jpg",)),
     ({"INPUT_SUFFIXES": ".jpg,.PNG,"}, (".jpg", ".PNG"))],
)  # fmt: skip
def test_suffixes_are_a_list_and_none_means_any(environment: dict[str, str], suffixes: tuple[str, ...]) -> None:
    assert Configuration(environment).suffixes == suffixes


@each_row(
    ("environment", "deadline"),
    [({}, timedelta(hours=24)), ({"JOB_DEADLINE_HOURS": "6"}, timedelta(hours=6)),
     ({"JOB_DEADLINE_HOURS": "0.5"}, timedelta(minutes=30))],
)  # fmt: skip
def test_the_deadline_is_a_number_of_hours(environment: dict[str, str], deadline: timedelta) -> None:
    assert Configuration(environment).deadline == deadline


@each_row("text", ["soon", "-1", "NaN", "Infinity", "1h"])
def test_a_malformed_deadline_names_its_parameter(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"JobDeadlineHours: .*correct it and deploy again"):
        _ = Configuration({"JOB_DEADLINE_HOURS": text}).deadline


@each_row(
    ("text", "amounts"),
    [("", {}), ("500", {"topaz": "500"}), ("topaz=500, AIMLAPI = 20000000", {"topaz": "500", "aimlapi": "20000000"}),
     ("0", {"topaz": "0"}), ("topaz=0,aimlapi=7.5", {"topaz": "0", "aimlapi": "7.5"}), (" , 5 ,", {"topaz": "5"})],
)  # fmt: skip
def test_amounts_are_the_default_providers_or_named(text: str, amounts: dict[str, str]) -> None:
    assert parse_amounts_by_provider("MonthlyCreditLimit", text, "topaz", KNOWN) == {
        name: Decimal(n) for name, n in amounts.items()
    }


@each_row("text", ["many", "topaz=x", "-1", "topaz=NaN", "1,Infinity", "topaz=5=6x", "1e", "topaz=", "5,topaz="])
def test_a_malformed_amount_names_its_parameter(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"MaxCreditsPerJob: .*correct it and deploy again"):
        parse_amounts_by_provider("MaxCreditsPerJob", text, "topaz", KNOWN)


@each_row("text", ["topas=500", "topaz=500,topas=1", "oxen=1", "=5"])
def test_an_amount_of_nobody_is_refused_since_it_would_be_no_limit(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"MonthlyCreditLimit: '.*' is not a provider; allowed: aimlapi, topaz"):
        parse_amounts_by_provider("MonthlyCreditLimit", text, "topaz", KNOWN)


@each_row("text", ["topaz=500,topaz=0", "500,topaz=500", "topaz=1,TOPAZ=2", "1,2"])
def test_an_amount_given_twice_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"MonthlyCreditLimit: topaz is given twice"):
        parse_amounts_by_provider("MonthlyCreditLimit", text, "topaz", KNOWN)


@each_row("text", ["1234567890123456789", "1.000000000000000001", "1e18", "1e400", "0." + "0" * 18 + "1", "1e-100"])
def test_an_amount_of_more_digits_than_the_ledger_can_reckon_with_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match=r"MonthlyBudgetUsd: .* has more than 18 digits"):
        Configuration({"MONTHLY_BUDGET_USD": text}).limits(KNOWN)


@each_row("text", ["123456789012345678", "0.000000000000000001", "1.5" + "0" * 20, "0.0", "0" * 20 + "5", "1e17"])
def test_eighteen_digits_are_enough(text: str) -> None:
    assert Configuration({"MONTHLY_BUDGET_USD": text}).limits(KNOWN).monthly_usd == Decimal(text)


@each_row("variable", ["MONTHLY_CREDIT_LIMIT", "MAX_CREDITS_PER_JOB", "CREDIT_PRICE_USD"])
def test_every_amount_of_a_provider_is_checked(variable: str) -> None:
    for text in ("topas=5", "topaz=5,topaz=6"):
        with pytest.raises(BadConfiguration):
            Configuration({variable: text}).limits(KNOWN)


def test_a_price_of_nothing_is_a_price_and_a_limit_of_nothing_is_none() -> None:
    zero = "topaz=0"
    limits = Configuration(
        {"CREDIT_PRICE_USD": zero, "MONTHLY_CREDIT_LIMIT": zero, "MAX_CREDITS_PER_JOB": zero}
    ).limits(KNOWN)
    assert limits.credit_price_usd == {"topaz": 0}
    assert (limits.monthly_credits, limits.credits_per_job) == ({}, {})


def test_one_bucket_for_uploads_and_results_is_refused() -> None:
    assert Configuration({"INPUT_BUCKET": "in", "OUTPUT_BUCKET": "out"}).output_bucket == "out"
    assert Configuration({"OUTPUT_BUCKET": "out"}).output_bucket == "out"
    with pytest.raises(BadConfiguration, match="each result would be a new upload"):
        _ = Configuration({"INPUT_BUCKET": "same", "OUTPUT_BUCKET": "same"}).output_bucket


def test_limits_come_from_their_four_variables() -> None:
    limits = Configuration(
        {
            "MONTHLY_CREDIT_LIMIT": "500",
            "MONTHLY_BUDGET_USD": "50.5",
            "MAX_CREDITS_PER_JOB": "topaz=10",
            "CREDIT_PRICE_USD": "aimlapi=0.01",
            "PROVIDER": "aimlapi",
        }
    ).limits(KNOWN)
    assert limits.monthly_credits == {"aimlapi": 500}
    assert limits.monthly_usd == Decimal("50.5")
    assert limits.credits_per_job == {"topaz": 10}
    assert limits.credit_price_usd == {"aimlapi": Decimal("0.01")}


def test_without_variables_there_is_no_limit() -> None:
    limits = Configuration({}).limits(KNOWN)
    assert (limits.monthly_credits, limits.monthly_usd, limits.credits_per_job) == ({}, 0, {})
