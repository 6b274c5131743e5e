"""Bugs for the simulation to catch. Each is a small patch of the real runtime, like the mistake of a hurried change."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
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
    """Make the clause always true, while it still uses its placeholders."""
    for module in modules:
        patch.setattr(module, clause, f"attribute_exists(pk) OR {getattr(module, clause)}")


def no_same_attempt(patch: Patch) -> None:
    """SAME_ATTEMPT is missing: an outdated decision changes a job that has moved on."""
    _without(patch, "SAME_ATTEMPT", job_transitions)


def no_from_status(patch: Patch) -> None:
    """FROM_STATUS is missing: a step starts from the wrong status."""
    _without(patch, "FROM_STATUS", job_transitions)


def no_lease_over(patch: Patch) -> None:
    """LEASE_OVER is missing: a job is taken from a worker that still works on it."""
    _without(patch, "LEASE_OVER", ledger)


def lease_too_short(patch: Patch) -> None:
    """The lease ends before the invocation does."""
    patch.setattr(submit, "LEASE_MARGIN", timedelta(seconds=-240))


def no_room_left(patch: Patch) -> None:
    """ROOM_LEFT is missing: nothing enforces the limit."""
    _without(patch, "ROOM_LEFT", budgets)


def room_off_by_the_price(patch: Patch) -> None:
    """The grant compares with the whole limit, not with the limit minus the price."""
    grant = budgets._grant

    def off(unit: str, month: str, price: Any, limit: Any) -> Write:
        write = grant(unit, month, price, limit)
        return replace(write, values={"room": limit}) if write.when else write

    patch.setattr(budgets, "_grant", off)


def budget_read_then_written(patch: Patch) -> None:
    """A read checks the limit, and the grant has no condition."""
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
    """A release has neither a condition nor a token, so it is repeated when its answer is lost."""
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
    """The months are written first and the job after them: two writes instead of one transaction."""

    def apart(self: DynamoLedger, step: Write, money: list[Write]) -> None:
        try:
            if money:
                self.table.transact(money)
        except ConditionFailed as failed:
            budgets.explain(money[failed.index], failed.item)
        self._updated(step)

    patch.setattr(DynamoLedger, "_with_budgets", apart)


def sent_before_reserved(patch: Patch) -> None:
    """The provider is called before the reservation."""
    reserve = Dispatch._reserve
    answered: dict[str, Any] = {}

    def swapped(self: Dispatch, job: Any, plan: Any, source: Any) -> Any:
        answered[job.job_id] = _call(self, job, plan, source)
        return reserve(self, job, plan, source)

    _call = Dispatch._submit
    patch.setattr(Dispatch, "_reserve", swapped)
    patch.setattr(Dispatch, "_submit", lambda self, job, plan, source: answered.pop(job.job_id))


def doubt_taken_for_not_sent(patch: Patch) -> None:
    """A lost answer counts as a refusal, so the job is sent again without a lookup."""
    patch.setattr(InDoubt, "resolve", lambda self, job: None)


def doubt_released_at_once(patch: Patch) -> None:
    """A lost answer releases the reservation, as if no connection had been made."""
    original = Dispatch._submit

    def calls(self: Dispatch, *given: Any) -> Any:
        try:
            return original(self, *given)
        except SubmitInDoubt as lost:
            raise dispatch.NothingSent(str(lost)) from None

    patch.setattr(Dispatch, "_submit", calls)


def no_grace(patch: Patch) -> None:
    """The list is trusted although the vendor need not show the submit yet."""
    patch.setattr(in_doubt_lookup, "_visibility_grace", lambda job: timedelta(0))


def no_wait_for_the_dead(patch: Patch) -> None:
    """The end of the lease counts as the end of the request, without grace or margin."""
    patch.setattr(InDoubt, "provable_at", lambda self, job: job.require_lost().lost_at)
    patch.setattr(submit, "LEASE_MARGIN", timedelta(0))


def another_keys_list_believed(patch: Patch) -> None:
    """An empty list counts as proof, whichever key was used."""
    original = InDoubt.resolve

    def settle(self: InDoubt, job: Any) -> Any:
        known = self.providers[job.provider].key_fingerprint()
        return original(self, replace(job, reservation=replace(job.reservation, key_fingerprint=known)))

    patch.setattr(InDoubt, "resolve", settle)


def nothing_released_when_it_fails(patch: Patch) -> None:
    """The reservation of a job that was not charged is not released."""
    settlements = budgets.settlements
    patch.setattr(budgets, "settlements", lambda job, credits: settlements(job, credits) if credits else [])


def settled_twice(patch: Patch) -> None:
    """Finalize settles the months again each time it finds the job over."""
    publish_event = Settlement.publish_event

    def again(self: Settlement, job: Any) -> Any:
        if job.credits is not None:
            self.ledger.table.transact(budgets.settlements(job, job.credits))  # type: ignore[attr-defined]
        return publish_event(self, job)

    patch.setattr(Settlement, "publish_event", again)


def marked_before_sent(patch: Patch) -> None:
    """The event is marked as sent before it is sent."""

    def publish_event(self: Settlement, job: Any) -> Any:
        detail_type = queue_messages.DETAIL_TYPES.get(job.status)
        if detail_type and job.published_at is None:
            self.ledger.mark_published(job, self.clock())
            self.events.publish(detail_type, queue_messages.event_detail(job))
        return job

    patch.setattr(Settlement, "publish_event", publish_event)


def sweep_raises_the_run(patch: Patch) -> None:
    """A takeover starts a new run."""
    original = DynamoLedger._change

    def change(self: DynamoLedger, job: Any, sources: Any, **parts: Any) -> Any:
        if parts.get("add") == {"attempt": 1}:
            parts["add"] = {"attempt": 1, "run": 1}
        return original(self, job, sources, **parts)

    patch.setattr(DynamoLedger, "_change", change)


def rerun_forgets_the_run(patch: Patch) -> None:
    """A rerun keeps no row of the earlier run."""
    original = operator_ledger.DynamoOperatorLedger._transact
    patch.setattr(
        operator_ledger.DynamoOperatorLedger,
        "_transact",
        lambda self, *writes: original(self, *(write for write in writes if "RUN#" not in str(write.key))),
    )


def no_not_older(patch: Patch) -> None:
    """NOT_OLDER is missing: an old version's late result replaces the new one's."""
    _without(patch, "NOT_OLDER", output_claims)


def no_output_free(patch: Patch) -> None:
    """OUTPUT_FREE and STILL_WRITER are missing: two versions write to one key at once."""
    _without(patch, "OUTPUT_FREE", output_claims)
    _without(patch, "STILL_WRITER", output_claims)


def broken_result_believed(patch: Patch) -> None:
    """Whatever the link returns is published."""

    def believed(link: Any, job: Any, progress: Any) -> ImageFacts:
        return ImageFacts(ImageFormat(job.dispatch.output_format), 1, 1)

    patch.setattr(delivery, "check_result", believed)


def cancelled_by_word(patch: Patch) -> None:
    """A cancellation counts as done when it was requested."""
    original = finalize.Finalize._try_to_cancel
    patch.setattr(
        finalize.Finalize,
        "_try_to_cancel",
        lambda self, provider, process_id: original(self, provider, process_id) or True,
    )


def died_after_wake(patch: Patch) -> None:
    """The sweep does not look at submits whose worker died."""
    original = Sweep._for_each_due
    patch.setattr(
        Sweep, "_for_each_due", lambda self, word, *rest: 0 if word == "SUBMITTING" else original(self, word, *rest)
    )


def waiting_counts_as_failing(patch: Patch) -> None:
    """A message that comes too early raises an error, so that the queue sends it again."""

    def until(*given: Any) -> Any:
        raise dispatch.Throttled("too early")

    patch.setattr(RetryLater, "until", until)


def failing_is_due_at_once(patch: Patch) -> None:
    """A failing job is due at once for the sweep too, which adds a message while the last one still goes round."""
    patch.setattr(submit_retries, "next_look_at", lambda since, now, deadline_at: now)
    patch.setattr(sweep, "next_look_at", lambda since, now, deadline_at: now)


def denied_for_ever(patch: Patch) -> None:
    """A denied read is tried again every 15 seconds, with no end but the deadline."""
    patch.setattr(submit_retries, "next_read_at", lambda since, now: now + timedelta(seconds=15))


def dead_workers_are_not_counted(patch: Patch) -> None:
    """A job whose worker died is not known to be failing: the sweep sends it again whenever a lease ends."""
    patch.setattr(ledger, "_after_takeover", lambda job, now, lease_until: (None, lease_until))


def redelivery_taken_for_a_duplicate(patch: Patch) -> None:
    """A message that comes again within its dead worker's lease is acknowledged."""
    original = submit.Submit.__call__
    patch.setattr(
        submit.Submit, "__call__", lambda self, what, ends, is_repeated=False: original(self, what, ends, False)
    )


def failure_acknowledged(patch: Patch) -> None:
    """A failure of an unknown kind is noted, and its message is acknowledged."""
    original = submit.Submit._end_or_dispatch

    def swallowed(self: submit.Submit, job: Any, find: Any) -> Any:
        try:
            return original(self, job, find)
        except Exception:
            return Done(job)

    patch.setattr(submit.Submit, "_end_or_dispatch", swallowed)


def deadline_after_reading(patch: Patch) -> None:
    """The deadline is looked at once the object was found, so that a job whose object cannot be found never ends."""
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
