"""Bugs that the simulation must catch. Each function patches the real runtime with a mistake that a hurried change might make."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom import output_keys, queue_messages, timestamps
from darkroom.aws import budgets, items, job_transitions, ledger, operator_ledger, output_claims
from darkroom.aws.expressions import Write
from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import BudgetExceeded, DarkroomError, SubmitInDoubt
from darkroom.model import ImageFacts, ImageFormat
from darkroom.pipeline import delivery, dispatch, finalize, in_doubt_lookup, submit, submit_retries, sweep
from darkroom.pipeline.dispatch import Dispatch
from darkroom.pipeline.in_doubt_lookup import InDoubt
from darkroom.pipeline.message_outcomes import Done, RetryLater
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.sweep import Sweep

Patch = pytest.MonkeyPatch


def _without(patch: Patch, clause: str, *modules: Any) -> None:
    """Patch a clause of a condition so that it is always true. It must still use its placeholders, or DynamoDB refuses it."""
    for module in modules:
        patch.setattr(module, clause, f"attribute_exists(pk) OR {getattr(module, clause)}")


def no_same_attempt(patch: Patch) -> None:
    """Leave out SAME_ATTEMPT, so that an outdated decision changes a job that has moved on."""
    _without(patch, "SAME_ATTEMPT", job_transitions)


def no_from_status(patch: Patch) -> None:
    """Leave out FROM_STATUS, so that a step starts from the wrong status."""
    _without(patch, "FROM_STATUS", job_transitions)


def no_lease_over(patch: Patch) -> None:
    """Leave out LEASE_OVER, so that a job is taken from a worker that still works on it."""
    _without(patch, "LEASE_OVER", ledger)


def lease_too_short(patch: Patch) -> None:
    """Let the lease end before the invocation ends."""
    patch.setattr(submit, "LEASE_MARGIN", timedelta(seconds=-240))


def no_room_left(patch: Patch) -> None:
    """Leave out ROOM_LEFT, so that nothing enforces the limit."""
    _without(patch, "ROOM_LEFT", budgets)


def room_off_by_the_price(patch: Patch) -> None:
    """Grant a reservation whenever the committed credits are within the limit, even if its price then exceeds the limit."""
    grant = budgets._grant

    def off(unit: str, month: str, price: Any, limit: Any) -> Write:
        write = grant(unit, month, price, limit)
        return replace(write, values={"room": limit}) if write.when else write

    patch.setattr(budgets, "_grant", off)


def budget_read_then_written(patch: Patch) -> None:
    """Check the limit with a read, and write the reservation without a condition."""
    reserve, grant = DynamoLedger.reserve, budgets._grant

    def checked(self: DynamoLedger, job: Any, plan: Any, *rest: Any) -> Any:
        month, limit = timestamps.stamp(rest[-1])[:7], self.limits.monthly_credits.get(plan.provider)
        item = self.table.read(items.budget_key(plan.provider, month)) or {}
        if limit and items.number(item, "committed") + plan.price > limit:
            raise BudgetExceeded("no room")
        return reserve(self, job, plan, *rest)

    patch.setattr(DynamoLedger, "reserve", checked)
    patch.setattr(budgets, "_grant", lambda *given: replace(grant(*given), when=(), values={}))


def released_twice(patch: Patch) -> None:
    """Release the reservation without a condition or a token, so that it is released twice if the first answer is lost."""
    move = ledger.move

    def unguarded(job: Any, sources: Any, target: Any, **parts: Any) -> Write:
        write = move(job, sources, target, **parts)
        if target is ledger.JobStatus.CLAIMED and job.status is ledger.JobStatus.SUBMITTING:
            return replace(write, when=(), values={})
        return write

    def tokenless(self: LedgerTable, writes: Any) -> None:
        items: Any = [
            {"ConditionCheck": one.check(self.name)} if one.changes_nothing else {"Update": one.request(self.name)}
            for one in writes
        ]
        self._with_retries(
            lambda: self.client.transact_write_items(TransactItems=items, ClientRequestToken=str(uuid.uuid4()))
        )

    patch.setattr(ledger, "move", unguarded)
    patch.setattr(LedgerTable, "transact", tokenless)


def reserved_beside_the_job(patch: Patch) -> None:
    """Write the months' rows first and the job's row after them, instead of all in one transaction."""

    def apart(self: DynamoLedger, step: Write, money: list[Write]) -> None:
        try:
            if money:
                self.table.transact(money)
        except ConditionFailed as failed:
            budgets.explain(money[failed.index], failed.item)
        self._updated(step)

    patch.setattr(DynamoLedger, "_with_budgets", apart)


def sent_before_reserved(patch: Patch) -> None:
    """Call the provider before the credits are reserved."""
    reserve = Dispatch._reserve
    answered: dict[str, Any] = {}

    def swapped(self: Dispatch, job: Any, plan: Any, source: Any) -> Any:
        answered[job.job_id] = _call(self, job, plan, source)
        return reserve(self, job, plan, source)

    _call = Dispatch._submit
    patch.setattr(Dispatch, "_reserve", swapped)
    patch.setattr(Dispatch, "_submit", lambda self, job, plan, source: answered.pop(job.job_id))


def doubt_taken_for_not_sent(patch: Patch) -> None:
    """Take a lost answer for a refusal, so that the job is sent again without a lookup."""
    patch.setattr(InDoubt, "resolve", lambda self, job: None)


def doubt_released_at_once(patch: Patch) -> None:
    """Release the reservation after a lost answer, as if no connection had been made."""
    original = Dispatch._submit

    def calls(self: Dispatch, *given: Any) -> Any:
        try:
            return original(self, *given)
        except SubmitInDoubt as lost:
            raise dispatch.NothingSent(str(lost)) from None

    patch.setattr(Dispatch, "_submit", calls)


def no_grace(patch: Patch) -> None:
    """Believe the vendor's list before the time after which it must show the submit."""
    patch.setattr(in_doubt_lookup, "_visibility_grace", lambda job: timedelta(0))


def no_wait_for_the_dead(patch: Patch) -> None:
    """Believe the vendor's list as soon as the answer is lost or the lease ends, without grace or margin."""
    patch.setattr(InDoubt, "provable_at", lambda self, job: job.require_lost().lost_at)
    patch.setattr(submit, "LEASE_MARGIN", timedelta(0))


def another_keys_list_believed(patch: Patch) -> None:
    """Believe an empty list, even if the submit was made with another API key."""
    original = InDoubt.resolve

    def settle(self: InDoubt, job: Any) -> Any:
        known = self.providers[job.provider].key_fingerprint()
        return original(self, replace(job, reservation=replace(job.reservation, key_fingerprint=known)))

    patch.setattr(InDoubt, "resolve", settle)


def nothing_released_when_it_fails(patch: Patch) -> None:
    """Keep the reservation of a job that ended without a charge."""
    settlements = budgets.settlements
    patch.setattr(budgets, "settlements", lambda job, credits: settlements(job, credits) if credits else [])


def settled_twice(patch: Patch) -> None:
    """Book the settlement again each time that finalize finds the job ended."""
    publish_event = Settlement.publish_event

    def again(self: Settlement, job: Any) -> Any:
        if job.credits is not None:
            self.ledger.table.transact(budgets.settlements(job, job.credits))  # type: ignore[attr-defined]
        return publish_event(self, job)

    patch.setattr(Settlement, "publish_event", again)


def overrun_told_after_the_settlement(patch: Patch) -> None:
    """Raise the alarm about a charge above the reservation only when the settlement is written."""
    original = Settlement._settle

    def settle(self: Settlement, job: Any, status: Any, credits: Any, **more: Any) -> Any:
        ended = self.ledger.settle(job, status, credits, self.clock(), **more)
        settled: Any = SimpleNamespace(settle=lambda *_, **__: ended)
        return original(replace(self, ledger=settled), job, status, credits, **more)

    patch.setattr(Settlement, "_settle", settle)


def marked_before_sent(patch: Patch) -> None:
    """Mark the event as sent before it is sent."""

    def publish_event(self: Settlement, job: Any) -> Any:
        detail_type = queue_messages.DETAIL_TYPES.get(job.status)
        if detail_type and job.published_at is None:
            self.ledger.mark_published(job, self.clock())
            self.events.publish(detail_type, queue_messages.event_detail(job))
        return job

    patch.setattr(Settlement, "publish_event", publish_event)


def sweep_raises_the_run(patch: Patch) -> None:
    """Let a takeover start a new run."""
    original = DynamoLedger._change

    def change(self: DynamoLedger, job: Any, sources: Any, **parts: Any) -> Any:
        if parts.get("add") == {"attempt": 1}:
            parts["add"] = {"attempt": 1, "run": 1}
        return original(self, job, sources, **parts)

    patch.setattr(DynamoLedger, "_change", change)


def rerun_forgets_the_run(patch: Patch) -> None:
    """Rerun without keeping a row for the earlier run."""
    original = operator_ledger.DynamoOperatorLedger._transact
    patch.setattr(
        operator_ledger.DynamoOperatorLedger,
        "_transact",
        lambda self, *writes: original(self, *(write for write in writes if "RUN#" not in str(write.key))),
    )


def no_not_older(patch: Patch) -> None:
    """Leave out NOT_OLDER, so that the late result of an old version replaces a newer version's result."""
    _without(patch, "NOT_OLDER", output_claims)


def no_output_free(patch: Patch) -> None:
    """Leave out OUTPUT_FREE and STILL_WRITER, so that two versions write to one key at the same time."""
    _without(patch, "OUTPUT_FREE", output_claims)
    _without(patch, "STILL_WRITER", output_claims)


def broken_result_believed(patch: Patch) -> None:
    """Publish a result without checking it."""

    def believed(link: Any, job: Any, progress: Any) -> ImageFacts:
        return ImageFacts(ImageFormat(job.dispatch.output_format), 1, 1)

    patch.setattr(delivery, "check_result", believed)


def cancelled_by_word(patch: Patch) -> None:
    """Take a cancellation for done as soon as it was requested."""
    original = finalize.Finalize._try_to_cancel
    patch.setattr(
        finalize.Finalize,
        "_try_to_cancel",
        lambda self, provider, process_id: original(self, provider, process_id) or True,
    )


def died_after_wake(patch: Patch) -> None:
    """Let the sweep ignore submits whose worker died."""
    original = Sweep._for_each_due
    patch.setattr(
        Sweep, "_for_each_due", lambda self, word, *rest: 0 if word == "SUBMITTING" else original(self, word, *rest)
    )


def waiting_counts_as_failing(patch: Patch) -> None:
    """Raise an error for a message that comes too early, so that the queue delivers it again."""

    def until(*given: Any) -> Any:
        raise dispatch.Throttled("too early")

    patch.setattr(RetryLater, "until", until)


def failing_is_due_at_once(patch: Patch) -> None:
    """Make a failing job due at once, so that the sweep sends a message while the queue still redelivers the last one."""
    patch.setattr(submit_retries, "next_look_at", lambda since, now, deadline_at: now)
    patch.setattr(sweep, "next_look_at", lambda since, now, deadline_at: now)


def denied_for_ever(patch: Patch) -> None:
    """Try a denied read again every 15 seconds until the deadline."""
    patch.setattr(submit_retries, "next_read_at", lambda since, now: now + timedelta(seconds=15))


def dead_workers_are_not_counted(patch: Patch) -> None:
    """Forget that the worker of a job died, so that the sweep sends the job again whenever a lease ends."""
    patch.setattr(ledger, "after_takeover", lambda job, now, lease_until: (None, lease_until))


def redelivery_taken_for_a_duplicate(patch: Patch) -> None:
    """Acknowledge a message that is redelivered while the lease of its dead worker still holds."""
    original = submit.Submit.__call__
    patch.setattr(
        submit.Submit, "__call__", lambda self, what, ends, is_repeated=False: original(self, what, ends, False)
    )


def failure_acknowledged(patch: Patch) -> None:
    """Acknowledge the message of a job that failed for an unknown reason."""
    original = submit.Submit._end_or_dispatch

    def swallowed(self: submit.Submit, job: Any, find: Any) -> Any:
        try:
            return original(self, job, find)
        except Exception:
            return Done(job)

    patch.setattr(submit.Submit, "_end_or_dispatch", swallowed)


def deadline_after_reading(patch: Patch) -> None:
    """Check the deadline only after the object was found, so that a job whose object cannot be found never ends."""
    original = submit.Submit._end_or_dispatch

    def late(self: submit.Submit, job: Any, find: Any) -> Any:
        try:
            self.sources.find(output_keys.upload_of(job))
        except DarkroomError:
            pass
        except Exception as error:
            self.retries.note_failure(job, error)
            raise
        return original(self, job, find)

    patch.setattr(submit.Submit, "_end_or_dispatch", late)
