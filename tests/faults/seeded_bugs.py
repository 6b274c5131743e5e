"""Slips for the simulation to catch: each a small patch of the real runtime, of the kind that a hurried change makes."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from darkroom import messages
from darkroom.aws import budgets, interventions, items, job_transitions, ledger, output_claims
from darkroom.aws.expressions import Write
from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import BudgetExceeded, SubmitInDoubt
from darkroom.model import ImageFacts, ImageFormat
from darkroom.pipeline import delivery, dispatch, finalize, in_doubt, submit
from darkroom.pipeline.dispatch import Dispatch
from darkroom.pipeline.in_doubt import InDoubt
from darkroom.pipeline.outcomes import RetryLater
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.sweep import Sweep

Patch = pytest.MonkeyPatch


def _without(patch: Patch, clause: str, *modules: Any) -> None:
    """The clause holds always: as if it were not there, but for the placeholders that it uses."""
    for module in modules:
        patch.setattr(module, clause, f"attribute_exists(pk) OR {getattr(module, clause)}")


def no_same_attempt(patch: Patch) -> None:
    """SAME_ATTEMPT left out: a stale decision changes a job that moved on."""
    _without(patch, "SAME_ATTEMPT", job_transitions)


def no_from_status(patch: Patch) -> None:
    """FROM_STATUS left out: a step is made from a status that it was not meant for."""
    _without(patch, "FROM_STATUS", job_transitions)


def no_lease_over(patch: Patch) -> None:
    """LEASE_OVER left out: a job is taken from a worker that is at it."""
    _without(patch, "LEASE_OVER", ledger)


def lease_too_short(patch: Patch) -> None:
    """The lease ends before the invocation does."""
    patch.setattr(submit, "LEASE_MARGIN", timedelta(seconds=-240))


def no_room_left(patch: Patch) -> None:
    """ROOM_LEFT left out: the limit is only a number."""
    _without(patch, "ROOM_LEFT", budgets)


def room_off_by_the_price(patch: Patch) -> None:
    """The grant compares with the limit, not with what the price leaves of it."""
    grant = budgets._grant

    def off(unit: str, month: str, price: Any, limit: Any) -> Write:
        write = grant(unit, month, price, limit)
        return replace(write, values={"room": limit}) if write.when else write

    patch.setattr(budgets, "_grant", off)


def budget_read_then_written(patch: Patch) -> None:
    """The limit is checked by a read, and the grant has no condition."""
    reserve, grant = DynamoLedger.reserve, budgets._grant

    def checked(self: DynamoLedger, job: Any, plan: Any, *rest: Any) -> Any:
        month, limit = items.stamp(rest[-1])[:7], self.limits.monthly_credits.get(plan.provider)
        item = self._writer.read(items.budget_key(plan.provider, month)) or {}
        if limit and items.number(item, "committed") + plan.price > limit:
            raise BudgetExceeded("no room")
        return reserve(self, job, plan, *rest)

    patch.setattr(DynamoLedger, "reserve", checked)
    patch.setattr(budgets, "_grant", lambda *given: replace(grant(*given), when=(), values={}))


def released_twice(patch: Patch) -> None:
    """A release has neither condition nor token: when its answer is lost it is made again."""
    move = ledger.move

    def unguarded(job: Any, sources: Any, target: Any, **parts: Any) -> Write:
        write = move(job, sources, target, **parts)
        if target is ledger.JobStatus.CLAIMED and job.status is ledger.JobStatus.SUBMITTING:
            return replace(write, when=(), values={})
        return write

    def tokenless(self: LedgerTable, writes: Any) -> None:
        items: Any = [
            {"ConditionCheck": one.check(self.table)} if one.changes_nothing else {"Update": one.request(self.table)}
            for one in writes
        ]
        self._patiently(
            lambda: self.client.transact_write_items(TransactItems=items, ClientRequestToken=str(uuid.uuid4()))
        )

    patch.setattr(ledger, "move", unguarded)
    patch.setattr(LedgerTable, "transact", tokenless)


def reserved_beside_the_job(patch: Patch) -> None:
    """The months first, the job after: two writes instead of one transaction."""

    def apart(self: DynamoLedger, step: Write, money: list[Write]) -> None:
        try:
            if money:
                self._writer.transact(money)
        except ConditionFailed as failed:
            budgets.explain(money[failed.index], failed.item)
        self._updated(step)

    patch.setattr(DynamoLedger, "_with_budgets", apart)


def sent_before_reserved(patch: Patch) -> None:
    """The provider is called first, the reservation follows."""
    reserve = Dispatch._reserve
    answered: dict[str, Any] = {}

    def swapped(self: Dispatch, job: Any, plan: Any, source: Any) -> Any:
        answered[job.job_id] = _call(self, job, plan, source)
        return reserve(self, job, plan, source)

    _call = Dispatch._call
    patch.setattr(Dispatch, "_reserve", swapped)
    patch.setattr(Dispatch, "_call", lambda self, job, plan, source: answered.pop(job.job_id))


def doubt_taken_for_not_sent(patch: Patch) -> None:
    """A lost answer counts as a refusal: it is sent again without a look."""
    patch.setattr(InDoubt, "resolve", lambda self, job: None)


def doubt_released_at_once(patch: Patch) -> None:
    """A lost answer gives the reservation back, like a connection that was never made."""
    original = Dispatch._call

    def calls(self: Dispatch, *given: Any) -> Any:
        try:
            return original(self, *given)
        except SubmitInDoubt as lost:
            raise dispatch.NothingSent(str(lost)) from None

    patch.setattr(Dispatch, "_call", calls)


def no_grace(patch: Patch) -> None:
    """The list is believed before it must show the submit."""
    patch.setattr(in_doubt, "_visibility_grace", lambda job: timedelta(0))


def no_wait_for_the_dead(patch: Patch) -> None:
    """The lease's end is taken for the end of the request's way: no grace after it, and no margin in it."""
    patch.setattr(InDoubt, "provable_at", lambda self, job: job.lease_until or job.next_attempt_at or job.created_at)
    patch.setattr(submit, "LEASE_MARGIN", timedelta(0))


def another_keys_list_believed(patch: Patch) -> None:
    """An empty list proves something, whichever key asked for it."""
    original = InDoubt.resolve

    def settle(self: InDoubt, job: Any) -> Any:
        known = self.providers[job.provider].key_fingerprint()
        return original(self, replace(job, key_fingerprint=known))

    patch.setattr(InDoubt, "resolve", settle)


def nothing_released_when_it_fails(patch: Patch) -> None:
    """What was not charged stays reserved."""
    settlements = budgets.settlements
    patch.setattr(budgets, "settlements", lambda job, credits: settlements(job, credits) if credits else [])


def settled_twice(patch: Patch) -> None:
    """The months are settled again each time finalize finds the job over."""
    announce = Settlement.announce

    def again(self: Settlement, job: Any) -> Any:
        if job.credits is not None:
            self.ledger._writer.transact(budgets.settlements(job, job.credits))  # type: ignore[attr-defined]
        return announce(self, job)

    patch.setattr(Settlement, "announce", again)


def marked_before_sent(patch: Patch) -> None:
    """The event is marked as sent, then sent."""

    def announce(self: Settlement, job: Any) -> Any:
        detail_type = messages.DETAIL_TYPES.get(job.status)
        if detail_type and job.published_at is None:
            self.ledger.published(job, self.clock())
            self.events.publish(detail_type, messages.event_detail(job))
        return job

    patch.setattr(Settlement, "announce", announce)


def sweep_raises_the_run(patch: Patch) -> None:
    """Whoever takes a job over begins a new run."""
    original = DynamoLedger._change

    def change(self: DynamoLedger, job: Any, sources: Any, **parts: Any) -> Any:
        if parts.get("add") == {"attempt": 1}:
            parts["add"] = {"attempt": 1, "run": 1}
        return original(self, job, sources, **parts)

    patch.setattr(DynamoLedger, "_change", change)


def rerun_forgets_the_run(patch: Patch) -> None:
    """A rerun keeps no row of the run before."""
    original = interventions.DynamoInterventions._transact
    patch.setattr(
        interventions.DynamoInterventions,
        "_transact",
        lambda self, *writes: original(self, *(write for write in writes if "RUN#" not in str(write.key))),
    )


def no_not_older(patch: Patch) -> None:
    """NOT_OLDER left out: an old version's late result replaces the new one's."""
    _without(patch, "NOT_OLDER", output_claims)


def no_output_free(patch: Patch) -> None:
    """OUTPUT_FREE and STILL_WRITER left out: two versions write to one key at once."""
    _without(patch, "OUTPUT_FREE", output_claims)
    _without(patch, "STILL_WRITER", output_claims)


def broken_result_believed(patch: Patch) -> None:
    """Whatever the link gives is published."""

    def believed(link: Any, job: Any, progress: Any) -> ImageFacts:
        return ImageFacts(ImageFormat(job.output_format), 1, 1)

    patch.setattr(delivery, "check_result", believed)


def cancelled_by_word(patch: Patch) -> None:
    """A cancellation counts as done when it was asked for."""
    original = finalize.Finalize._cancelled
    patch.setattr(finalize.Finalize, "_cancelled", lambda self, provider, job: original(self, provider, job) or True)


def died_after_wake(patch: Patch) -> None:
    """The sweep forgets to look at submits whose worker died."""
    original = Sweep._each
    patch.setattr(Sweep, "_each", lambda self, word, *rest: 0 if word == "SUBMITTING" else original(self, word, *rest))


def waiting_counts_as_failing(patch: Patch) -> None:
    """What is too early is raised, so that the queue brings it again."""

    def until(*given: Any) -> Any:
        raise dispatch.Throttled("too early")

    patch.setattr(RetryLater, "until", until)
