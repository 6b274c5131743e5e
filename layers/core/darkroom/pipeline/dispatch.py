"""sending: from a claimed job to a process at the provider, paid for once.

Checks everything that costs nothing, reserves the credits, calls the provider, binds what it answers. Whatever the call
ends in, the job is left so that the next worker can tell what happened.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from darkroom import catalog, output_keys
from darkroom.errors import (
    DarkroomError,
    NothingSent,
    OperatorFault,
    ProviderUnavailable,
    Refusal,
    SourceGone,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import LEASE_MARGIN, ImageFacts, ImageFormat, Job, Plan, SourceObject, Submission
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.circuit_breaker import RETRY_AFTER, Admitted, Blocked, CircuitBreaker
from darkroom.pipeline.in_doubt import InDoubt
from darkroom.pipeline.outcomes import Done, Outcome, RetryLater
from darkroom.pipeline.quote import Quote
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, ImageStream, InputBucket, Ledger, PresignedUrls, Provider, Staging

MIN_TIME_TO_SEND = timedelta(seconds=30)  # no first byte leaves with less of the invocation left
MIN_TIME_TO_HOLD = timedelta(seconds=270)  # a synchronous call may be held for 240 s, then its result is staged
TOO_LATE = "too little time left to send"
TOO_LATE_TO_HOLD = "too little time left for a synchronous call: SubmitTimeoutSeconds must be at least 300"
THROTTLED_WAIT_SECONDS = 30
LONGEST_WAIT_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """The heart of submit. Must be called by the owner of a `CLAIMED` job, once a claim."""

    sources: InputBucket
    links: PresignedUrls
    staging: Staging
    ledger: Ledger
    providers: Mapping[str, Provider]
    circuit_breaker: CircuitBreaker
    binding: Binding
    settlement: Settlement
    in_doubt: InDoubt
    clock: Clock
    output_bucket: str
    quote: Quote

    def __call__(self, job: Job, source: SourceObject) -> Outcome:
        """Checks, reserves and sends. Raises LostClaim, LedgerBusy."""
        if job.cancel_requested_at:
            return self.settlement.cancel(job, "cancelled by an operator before it was sent")
        if self.clock() >= job.deadline_at:
            return self.settlement.expire_unsent(job)
        try:
            asked = self.quote.settings(source)
            if asked.skip:
                return self.settlement.skip(job)
            # However it ends, the job says what is known of it by then.
            wishes = {name: wish.value for name, wish in asked.values.items()}
            job = replace(job, provider=asked.provider, settings=wishes, label=asked.label)
            if self.sources.is_deleted(source):
                return self.settlement.source_gone(job, f"{job.source_uri} was deleted before it was sent")
            plan, facts = self.quote.plan(job, asked, source)
            job = replace(job, model=plan.model, settings=plan.settings)
            return self._through_the_gate(job, plan, facts, source)
        except SourceGone as gone:
            return self.settlement.source_gone(job, str(gone))
        except Refusal as refusal:
            return self.settlement.reject(job, refusal)

    def _through_the_gate(self, job: Job, plan: Plan, facts: ImageFacts, source: SourceObject) -> Outcome:
        entered = self.circuit_breaker.admit(plan.provider)
        if isinstance(entered, Blocked):
            return Done(self.ledger.postpone(job, entered.until, error_code=entered.error_code, error=entered.why))
        try:
            plan = self._priced(plan, facts)
        except OperatorFault as fault:
            retry_at = self.circuit_breaker.open(plan.provider, fault)
            return Done(self.ledger.postpone(job, retry_at, error_code=fault.code, error=str(fault)))
        except (Throttled, ProviderUnavailable) as early:
            return self._postpone(job, _wait_seconds(job, early), str(early))
        if late := self._too_late(job, plan):  # before anything is reserved: the next one may have no more time either
            return self._postpone(job, THROTTLED_WAIT_SECONDS, late)
        return self._send(self._reserve(job, plan, source), plan, source, entered)

    def _priced(self, plan: Plan, facts: ImageFacts) -> Plan:
        """The plan with its price: the catalog's, or the vendor's own estimate where the catalog cannot know."""
        if plan.credits is not None:
            return plan
        estimate = self.providers[plan.provider].estimate(plan, facts.width, facts.height)
        if estimate.credits is None:
            raise ProviderUnavailable(f"{plan.provider} does not say what {plan.model} will cost: nothing is sent")
        return self.quote.priced(plan, estimate.credits)

    def _reserve(self, job: Job, plan: Plan, source: SourceObject) -> Job:
        fingerprint = self.providers[plan.provider].key_fingerprint()
        keys = _output_keys(source.key, plan)
        if plan.send_mode.by_link:
            output_keys.check_linkable(source.key)
        for key in keys:
            self.ledger.claim_output(job, self.output_bucket, key)
        return self.ledger.reserve(job, plan, self.output_bucket, keys[0], fingerprint, self.clock())

    def _send(self, job: Job, plan: Plan, source: SourceObject, entered: Admitted) -> Outcome:
        if late := self._too_late(job, plan):
            return self._wait(job, THROTTLED_WAIT_SECONDS, late)
        try:
            submission = self._call(job, plan, source)
        except (Throttled, NothingSent) as early:
            return self._wait(job, _wait_seconds(job, early), str(early))
        except OperatorFault as fault:
            return self._wait_for_operator(job, plan.provider, fault)
        except SourceGone as gone:
            return self.settlement.source_gone(job, str(gone))
        except Refusal as refusal:
            self.circuit_breaker.report_success(plan.provider, entered)
            return self.settlement.reject(job, refusal)
        except (SubmitInDoubt, ProviderUnavailable) as doubt:
            return self.in_doubt.begin(job, str(doubt))
        verdict = self.binding.bind(self.providers[plan.provider], job, submission)
        self.circuit_breaker.report_success(plan.provider, entered)
        return verdict

    def _too_late(self, job: Job, plan: Plan) -> str | None:
        """Why no byte may leave any more in this invocation; None while one may."""
        needed = MIN_TIME_TO_HOLD if plan.send_mode.is_synchronous else MIN_TIME_TO_SEND
        if job.lease_until is not None and job.lease_until - LEASE_MARGIN - self.clock() >= needed:
            return None
        return TOO_LATE_TO_HOLD if plan.send_mode.is_synchronous else TOO_LATE

    def _call(self, job: Job, plan: Plan, source: SourceObject) -> Submission:
        image = ImageStream(
            open=lambda: self.sources.open(source),
            link=lambda: self._link(job, plan, source),
            size_bytes=source.size_bytes,
            content_type=plan.source_format.content_type,
            filename_suffix=_suffix(plan),
        )
        keep = partial(self.staging.keep, job.handle)
        return self.providers[plan.provider].submit(plan, image, job.handle, keep)

    def _link(self, job: Job, plan: Plan, source: SourceObject) -> str:
        valid_seconds = catalog.load(plan.provider).link_seconds
        return self.links.mint(source, f"{job.handle}{_suffix(plan)}", valid_seconds)

    def _postpone(self, job: Job, seconds: int, why: str) -> Outcome:
        """Nothing was reserved: the job waits for its next attempt."""
        self.ledger.postpone(job, self.clock() + timedelta(seconds=seconds), error=why)
        return RetryLater(seconds, why)

    def _wait(self, job: Job, seconds: int, why: str) -> Outcome:
        """Nothing was accepted: the reservation goes back and the job waits for its next attempt."""
        self.ledger.release(job, self.clock() + timedelta(seconds=seconds), error=why)
        return RetryLater(seconds, why)

    def _wait_for_operator(self, job: Job, provider: str, fault: OperatorFault) -> Outcome:
        """The reservation goes back at once; the sweep brings the job again when the provider may be tried again."""
        waiting = self.ledger.release(job, self.clock() + RETRY_AFTER, error_code=fault.code, error=str(fault))
        self.circuit_breaker.open(provider, fault)
        return Done(waiting)


def _suffix(plan: Plan) -> str:
    return output_keys.SUFFIXES[plan.source_format][0]


def _output_keys(source_key: str, plan: Plan) -> list[str]:
    """Where the result goes; where it may go, the likeliest first, when the provider chooses the format: whatever it said
    that it may choose, no result ever goes to a key of another source. Raises InvalidSetting when S3 cannot hold the first;
    a format whose own key it could not hold would go under the source's."""
    if not plan.other_formats:
        return [output_keys.output_key(source_key, plan.source_format, plan.output_format)]
    likeliest = output_keys.right_key(source_key, plan.output_format)
    others = (output_keys.key_in_format(source_key, form) for form in (*plan.other_formats, *ImageFormat))
    return list(dict.fromkeys((likeliest, *others)))


def _wait_seconds(job: Job, early: DarkroomError) -> int:
    """What the provider asked for or a while, as far as a queue can hold a message back; and up to half a minute more, by the
    job's own name, so that those who were refused together do not come back together."""
    asked = early.retry_after_seconds if isinstance(early, Throttled) else None
    spread = zlib.crc32(str(job.handle).encode()) % THROTTLED_WAIT_SECONDS
    return min(int(asked or THROTTLED_WAIT_SECONDS / 2) + spread, LONGEST_WAIT_SECONDS)
