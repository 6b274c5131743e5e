"""Tests the closed set of error codes and the page that explains them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rows import each_row

from darkroom import errors
from darkroom.errors import (
    CURES,
    DarkroomError,
    ErrorCode,
    OperatorFault,
    ProviderSilent,
    ProviderUnavailable,
    Refusal,
    Throttled,
)
from darkroom.pipeline.circuit_breaker import ACCOUNT_CODES

PAGE = (Path(__file__).parents[2] / "docs/errors.md").read_text(encoding="utf-8")
CONTRACT = {
    "InvalidSetting", "UnknownModel", "UnsupportedFormat", "ImageTooLarge", "PriceAboveLimit", "BudgetExceeded",
    "ProviderRejected", "ProviderFailed", "OutOfCredits", "AuthFailed", "TimedOut", "ResultLost", "SourceGone",
    "OutputCollision", "SourceUnreadable",
}  # fmt: skip


def rows() -> dict[str, list[str]]:
    """Return the rows of the page's table by code. A row says how the job ends, the cause, the cure, and who must act."""
    found = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if match := re.fullmatch(r"`(\w+)`", cells[0]):
            assert match[1] not in found, match[1]
            found[match[1]] = cells[1:]
    return found


def refusals() -> list[type[Refusal]]:
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Refusal)]
    return [kind for kind in kinds if kind is not Refusal]


def test_the_codes_are_those_of_the_contract() -> None:
    assert {code.value for code in ErrorCode} == CONTRACT


def test_every_code_has_a_cure() -> None:
    assert set(CURES) == set(ErrorCode)


def test_every_code_has_one_row_in_the_page_and_no_row_is_left_over() -> None:
    assert set(rows()) == CONTRACT


@each_row("code", ErrorCode)
def test_the_page_repeats_the_cure_of_the_report(code: ErrorCode) -> None:
    ending, cause, cure, actor = rows()[code.value]
    assert cure == CURES[code]
    assert actor in ("uploader", "operator")  # no cure waits for a provider
    assert re.match(r"(REJECTED|FAILED|CANCELLED)\b", ending)
    assert len(cause) > 20


def test_the_page_and_the_tree_agree_on_who_must_act() -> None:
    for refusal in refusals():
        (actor,) = re.findall(rf"── {refusal.__name__} +(\w+)", errors.__doc__ or "")
        assert rows()[refusal.code.value][3] == actor


def test_a_job_that_failed_is_the_operators_to_run_again() -> None:
    failed = {code for code, row in rows().items() if row[0].startswith("FAILED")}
    assert failed == {"OutOfCredits", "AuthFailed", "TimedOut", "ProviderFailed", "ResultLost"}
    assert {rows()[code][3] for code in failed} == {"operator"}


@each_row("code", [ErrorCode.INVALID_SETTING, *ACCOUNT_CODES])
def test_the_page_says_which_codes_an_upload_has_that_waited_until_its_deadline(code: ErrorCode) -> None:
    ending, cause, *_ = rows()[code]
    assert "FAILED at the deadline, unpaid" in ending
    assert "the job waits as CLAIMED with this code" in cause


def test_the_page_says_how_a_charged_job_ends_that_is_abandoned() -> None:
    (abandoned,) = (line for line in PAGE.split("\n- ") if line.startswith("**An operator's cancellation**"))
    assert "`darkroom resolve --abandon --credits N` ends it as `FAILED` with `ResultLost`" in " ".join(
        abandoned.split()
    )


def test_a_cure_reruns_its_own_code_alone() -> None:
    for code, cure in CURES.items():
        assert set(re.findall(r"rerun --code (\w+)", cure)) <= {code.value}


def test_each_refusal_carries_a_code_of_its_own() -> None:
    codes = [refusal.code for refusal in refusals()]
    assert len(codes) == len(set(codes)) >= 8


def test_every_error_is_one_of_ours() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert all(issubclass(kind, DarkroomError) for kind in classes)


def test_an_operators_fault_says_its_code() -> None:
    fault = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401")
    assert (fault.code, str(fault)) == (ErrorCode.AUTH_FAILED, "HTTP 401")


def test_the_tree_in_the_docstring_names_every_class() -> None:
    classes = {n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, Exception)}
    assert classes <= set(re.findall(r"\w+", errors.__doc__ or ""))


def test_a_provider_is_silent_in_three_ways() -> None:
    assert set(ProviderSilent.__subclasses__()) == {OperatorFault, Throttled, ProviderUnavailable}
