"""Tests that docs/costs.md gives the right costs of a picture. The requests are counted again on a deployed stack."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import cost
from benchmarks.counting import SCENARIOS, Counted
from benchmarks.support.reporting import Table, said

from tests.e2e.deployed_application import Darkroom

PAGE = (Path(__file__).parents[2] / "docs/costs.md").read_text()


@pytest.fixture(scope="module")
def found(darkroom: Darkroom) -> dict[str, Counted]:
    return cost.counted_on(darkroom)


def lines(table: Table) -> list[str]:
    """Return the table's rows in the Markdown form of the page."""
    return ["| " + " | ".join(said(cell) for cell in row) + " |" for row in [table.columns, *table.rows]]


@pytest.mark.parametrize("number", [0, 1, 2], ids=["prices", "sizes", "amounts"])
def test_the_page_shows_what_is_counted(found: dict[str, Counted], number: int) -> None:
    table = cost.result_of(found).tables[number]
    missing = [line for line in lines(table) if line not in PAGE]
    counted = "\n".join(lines(table))
    assert not missing, f"docs/costs.md differs from what `python -m benchmarks.cost` counts: {table.title}\n{counted}"


def test_transitions_and_lambda_stay_within_a_quarter_dollar_for_a_thousand_pictures(found: dict[str, Counted]) -> None:
    assert cost.result_of(found).missed() == []


def test_a_job_that_is_polled_again_asks_for_one_read_and_one_write_more(found: dict[str, Counted]) -> None:
    once, thrice = (found[scenario.name].requests for scenario in SCENARIOS[:2])
    assert thrice - once == {"dynamodb:GetItem": 2, "dynamodb:UpdateItem": 2}
    assert not once - thrice


def test_no_job_asks_for_more_than_is_known(found: dict[str, Counted]) -> None:
    """The cost benchmark has a price for these services only. If a job uses another service, add its price there."""
    priced = {"dynamodb", "s3", "stepfunctions", "events", "sqs"}
    for counted in found.values():
        assert {name.split(":")[0] for name in counted.requests} <= priced
        assert {name.split(":")[0] for name in counted.once_a_container} <= {"secretsmanager", "sts"}
