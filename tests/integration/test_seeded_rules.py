"""Seeds a bug into each rule about the ledger's owner, expired jobs and long lists, and checks that the rule's own test fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import cloud
from tests.integration import test_forgotten, test_ledger_ownership, test_retention
from tests.rows import each_row

from darkroom.aws import items, ledger_ownership, retention
from darkroom.aws.ledger_ownership import DynamoLedgerOwnership
from darkroom.pipeline import sweep

ALWAYS = "attribute_exists(pk) OR attribute_not_exists(pk)"
CENTURY = timedelta(days=36500)
Story = Callable[[ApplicationUnderTest], None]


def seed(owner: Any, name: str, value: object) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(owner, name, value)


def everybody_claims(patch: pytest.MonkeyPatch) -> None:
    made = DynamoLedgerOwnership.refusal

    def refusal(self: DynamoLedgerOwnership) -> str | None:
        self.may_claim = True
        return made(self)

    patch.setattr(DynamoLedgerOwnership, "refusal", refusal)


def nothing_stays(patch: pytest.MonkeyPatch) -> None:
    made = retention.at_the_end
    patch.setattr(retention, "at_the_end", lambda *arguments: (made(*arguments)[0], []))


BUGS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Story]] = {
    "NO_OWNER left out": (
        seed(ledger_ownership, "NO_OWNER", ALWAYS),
        test_ledger_ownership.test_a_handover_that_comes_second_is_refused,
    ),
    "SAME_OWNER left out": (
        seed(ledger_ownership, "SAME_OWNER", f"#stack = :stack OR #input_bucket = :input_bucket OR {ALWAYS}"),
        test_ledger_ownership.test_a_handover_that_comes_second_is_refused,
    ),
    "the owner is trusted for ever": (
        seed(ledger_ownership, "TRUSTED_FOR", CENTURY),
        test_ledger_ownership.test_the_earlier_owner_stops_within_a_quarter_of_an_hour,
    ),
    "the owner is never trusted": (
        seed(ledger_ownership, "TRUSTED_FOR", timedelta(0)),
        test_ledger_ownership.test_the_check_costs_one_request_a_container_and_none_a_job,
    ),
    "a given ledger is claimed without a person": (
        everybody_claims,
        test_ledger_ownership.test_a_given_ledger_without_an_owner_is_taken_by_nobody,
    ),
    "requests are not guarded": (
        seed(DynamoLedgerOwnership, "require", lambda self: None),
        test_ledger_ownership.test_another_stack_touches_nothing_and_its_uploads_wait_with_one_alarm,
    ),
    "nothing stays of an expired job": (
        nothing_stays,
        test_retention.test_a_message_about_an_expired_job_pays_nothing,
    ),
    "an old upload is not looked for": (
        seed(retention, "YOUNG", CENTURY),
        test_retention.test_a_message_about_an_expired_job_pays_nothing,
    ),
    "every upload is looked for": (
        seed(retention, "YOUNG", timedelta(0)),
        test_retention.test_a_young_upload_costs_no_extra_read,
    ),
    "the row that stays is looked for elsewhere": (
        seed(retention, "ended_key", items.job_key),
        test_retention.test_a_job_that_ends_expires_and_its_id_and_status_stay,
    ),
    "entries are removed without time for the answer": (
        seed(sweep, "TIME_TO_ASK", timedelta(0)),
        lambda application: test_forgotten.test_no_entry_is_removed_without_time_for_the_answer(application.cloud),
    ),
}


@each_row("name", BUGS)
def test_the_rules_test_catches(name: str) -> None:
    seed_it, story = BUGS[name]
    with pytest.MonkeyPatch.context() as patch:
        seed_it(patch)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            _play(story)
    _play(story)


def _play(story: Story) -> None:
    with cloud() as account:
        application = ApplicationUnderTest(account)
        if story.__module__ == test_retention.__name__:
            application = test_retention.retaining(application)
        story(application)
