"""Sends a claimed job to the provider, so that it is paid for only once.

Dispatch checks everything that can be checked before money is spent, reserves the credits, calls the provider, and binds the
process that the provider answers with. However the call ends, the job is left in a state from which the next worker can
continue.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from darkroom import catalog, output_keys, output_templates
from darkroom.errors import (
    DarkroomError,
    InvalidSetting,
    KeyMissing,
    NothingSent,
    OperatorFault,
    ProviderUnavailable,
    Refusal,
    SourceDenied,
    SourceGone,
    SourceUnreadable,
    SubmitInDoubt,
    Throttled,
    WrongDefaults,
)
from darkroom.model import LEASE_MARGIN, ImageFacts, Job, Plan, SourceObject, Submission
from darkroom.pipeline.callback_request import CallbackRequest
from darkroom.pipeline.circuit_breaker import RETRY_AFTER, Admitted, Blocked, CircuitBreaker
from darkroom.pipeline.foreign_objects import refuse_standing_object
from darkroom.pipeline.in_doubt_lookup import InDoubt
from darkroom.pipeline.message_outcomes import Done, Outcome, RetryLater
from darkroom.pipeline.process_binding import Binding
from darkroom.pipeline.quote import Quote
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.storage_gate import Refused, StorageGate
from darkroom.pipeline.submit_retries import Retries
from darkroom.pipeline.wrong_defaults import HoldForDefaults
from darkroom.ports import Clock, ImageStream, InputBucket, Ledger, OutputBucket, PresignedUrls, Provider, StagedResults

MIN_TIME_TO_SEND = timedelta(seconds=30)  # a call begins only if at least this much of the invocation is left
# The same limit for a synchronous call, which may take 240 s, and whose result must then be staged.
MIN_TIME_FOR_SYNCHRONOUS_CALL = timedelta(seconds=270)
TOO_LATE = "too little time is left in this invocation to send the job; a later one sends it"
TOO_LATE_FOR_SYNCHRONOUS_CALL = (
    "too little time left for a synchronous call: if SubmitTimeoutSeconds is less than 300, whoever runs the stack must raise it "
    "to at least 300 and deploy"
)
THROTTLED_WAIT_SECONDS = 30
UNTOLD_WAIT_SECONDS = 15  # if a provider throttles and names no time
MAX_WAIT_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """Sends jobs to their providers. Only the owner of a `CLAIMED` job may call it, once for each claim."""

    sources: InputBucket
    links: PresignedUrls
    staging: StagedResults
    ledger: Ledger
    providers: Mapping[str, Provider]
    circuit_breaker: CircuitBreaker
    binding: Binding
    settlement: Settlement
    in_doubt: InDoubt
    retries: Retries
    hold: HoldForDefaults
    clock: Clock
    outputs: OutputBucket
    storage_gate: StorageGate
    quote: Quote
    callback_request: CallbackRequest

    def __call__(self, job: Job, source: SourceObject) -> Outcome:
        """Check the job, reserve its credits and send it. Raises LostClaim, LedgerBusy.

        The bucket comes first: while it takes no result, it takes no report of a rejection either.
        """
        if refused := self.storage_gate.refusal():
            return self._await_storage(job, refused)
        try:
            asked = self.quote.settings(source)
            if asked.skip:
                return self.settlement.skip(job)
            # The job gets every fact as soon as it is known, so that a rejection stores it too.
            values = {name: resolved.value for name, resolved in asked.values.items()}
            job = replace(job, provider=asked.provider, settings=values, label=asked.label)
            if self.sources.is_deleted(source):
                return self.settlement.source_gone(job, f"{job.source_uri} was deleted before it was sent")
            plan, facts = self.quote.plan(job, asked, source)
            job = replace(job, model=plan.model, settings=plan.settings)
            return self._admit_and_send(job, plan, facts, source)
        except SourceGone as gone:
            return self.settlement.source_gone(job, str(gone))
        except SourceDenied as denied:
            return self.retries.read_later(job, denied)
        except WrongDefaults as wrong:
            return self.hold(job, wrong)
        except Refusal as refusal:
            return self.settlement.reject(job, refusal)

    def _admit_and_send(self, job: Job, plan: Plan, facts: ImageFacts, source: SourceObject) -> Outcome:
        admission = self.circuit_breaker.admit(plan.provider)
        if isinstance(admission, Blocked):
            return Done(
                self.ledger.postpone(job, admission.until, error_code=admission.error_code, error=admission.why)
            )
        try:
            plan = self._with_price(plan, facts)
            fingerprint = self.providers[plan.provider].key_fingerprint()
        except OperatorFault as fault:
            if refusal := self._refusal_without_key(plan.provider, fault):
                raise refusal from fault
            retry_at = self.circuit_breaker.open(plan.provider, fault)
            return Done(self.ledger.postpone(job, retry_at, error_code=fault.code, error=str(fault)))
        except (Throttled, ProviderUnavailable) as early:
            return self._postpone(job, _wait_seconds(job, early), str(early))
        if late := self._too_late(job, plan):  # checked before the reservation, so that none must be released
            return self._postpone(job, THROTTLED_WAIT_SECONDS, late)
        callback_url = self.callback_request.address(job, plan)  # before the reservation, because this may fail
        return self._send(self._reserve(job, plan, source, fingerprint), plan, source, admission, callback_url)

    def _with_price(self, plan: Plan, facts: ImageFacts) -> Plan:
        """Return the plan with its price. It is the catalog's price, or the vendor's estimate if the catalog has none."""
        if plan.credits is not None:
            return plan
        estimate = self.providers[plan.provider].estimate(plan, facts.width, facts.height)
        if estimate.credits is None:
            raise ProviderUnavailable(f"{plan.provider} does not say what {plan.model} will cost: nothing is sent")
        return self.quote.with_price(plan, estimate.credits)

    def _reserve(self, job: Job, plan: Plan, source: SourceObject, fingerprint: str) -> Job:
        keys = output_templates.result_keys(source.key, plan)
        if plan.send_mode.by_link:
            output_keys.check_key_fits_a_link(source.key)
        # The likeliest key only: where the provider gives another format, a foreign object sends the result to a versioned key.
        refuse_standing_object(self.outputs, self.ledger, job, keys[0])
        for key in keys:
            self.ledger.claim_output(job, self.outputs.bucket, key)
        return self.ledger.reserve(job, plan, self.outputs.bucket, keys[0], fingerprint, self.clock())

    def _send(
        self, job: Job, plan: Plan, source: SourceObject, admission: Admitted, callback_url: str | None
    ) -> Outcome:
        # The row was read after the reservation. Some submit of this run was accepted, so it is looked up and none is sent.
        if job.told:
            return self.in_doubt.begin(job, f"the provider has called back about process {job.told.told_process_id}")
        if late := self._too_late(job, plan):
            return self._wait(job, THROTTLED_WAIT_SECONDS, late)
        try:
            submission = self._submit(job, plan, source, callback_url)
        except (Throttled, NothingSent) as early:
            return self._wait(job, _wait_seconds(job, early), str(early))
        except OperatorFault as fault:
            if refusal := self._refusal_without_key(plan.provider, fault):
                return self.settlement.reject(job, refusal)
            return self._wait_for_operator(job, plan.provider, fault)
        except SourceGone as gone:
            return self.settlement.source_gone(job, str(gone))
        except SourceDenied as denied:
            return self.retries.read_later(job, denied)
        except SourceUnreadable as unreadable:  # this shows nothing about the provider's account
            return self.settlement.reject(job, unreadable)
        except Refusal as refusal:
            self.circuit_breaker.report_success(plan.provider, admission)
            return self.settlement.reject(job, refusal)
        except (SubmitInDoubt, ProviderUnavailable) as doubt:
            return self.in_doubt.begin(job, str(doubt))
        outcome = self.binding.bind(self.providers[plan.provider], job, submission)
        self.circuit_breaker.report_success(plan.provider, admission)
        return outcome

    def _too_late(self, job: Job, plan: Plan) -> str | None:
        """Return the message that this invocation has too little time left for the call; None if it has enough time."""
        needed = MIN_TIME_FOR_SYNCHRONOUS_CALL if plan.send_mode.is_synchronous else MIN_TIME_TO_SEND
        if job.lease_until is not None and job.lease_until - LEASE_MARGIN - self.clock() >= needed:
            return None
        return TOO_LATE_FOR_SYNCHRONOUS_CALL if plan.send_mode.is_synchronous else TOO_LATE

    def _submit(self, job: Job, plan: Plan, source: SourceObject, callback_url: str | None) -> Submission:
        image = ImageStream(
            open=lambda: self.sources.open(source),
            link=lambda: self._link(job, plan, source),
            size_bytes=source.size_bytes,
            content_type=plan.source_format.content_type,
            filename_suffix=_suffix(plan),
        )
        stage_result = partial(self.staging.stage, job.handle)
        return self.providers[plan.provider].submit(plan, image, job.handle, stage_result, callback_url)

    def _link(self, job: Job, plan: Plan, source: SourceObject) -> str:
        valid_seconds = catalog.load(plan.provider).link_seconds
        return self.links.sign(source, f"{job.handle}{_suffix(plan)}", plan.source_format.content_type, valid_seconds)

    def _postpone(self, job: Job, seconds: int, why: str) -> Outcome:
        """Let the job wait for its next attempt. Use this if nothing was reserved."""
        self.ledger.postpone(job, self.clock() + timedelta(seconds=seconds), error=why)
        return RetryLater(seconds, why)

    def _await_storage(self, job: Job, refused: Refused) -> Outcome:
        """Let the job wait until results can be stored. The sweep sends it again, unless the wait is short."""
        waiting = self.ledger.postpone(job, refused.until, error=refused.why)
        return RetryLater.until(refused.until, self.clock(), refused.why) if refused.is_soon else Done(waiting)

    def _wait(self, job: Job, seconds: int, why: str) -> Outcome:
        """Release the reservation and let the job wait for its next attempt. Use this if the provider accepted nothing."""
        self.ledger.release(job, self.clock() + timedelta(seconds=seconds), error=why)
        return RetryLater(seconds, why)

    def _refusal_without_key(self, provider: str, fault: OperatorFault) -> Refusal | None:
        """Return the refusal of an upload that names a provider for which the stack has no key. Return None for the stack's
        default provider, because its uploads wait until the operator adds the key."""
        if not isinstance(fault, KeyMissing) or provider == self.quote.default_provider:
            return None
        return InvalidSetting(
            f"provider={provider}: this stack has no API key for {provider}. Name another provider, or ask whoever runs the "
            "stack to put one into its secret (stack output ApiKeysSecretArn)"
        )

    def _wait_for_operator(self, job: Job, provider: str, fault: OperatorFault) -> Outcome:
        """Release the reservation and open the circuit. The sweep sends the job again when a submit may be tried."""
        waiting = self.ledger.release(job, self.clock() + RETRY_AFTER, error_code=fault.code, error=str(fault))
        self.circuit_breaker.open(provider, fault)
        return Done(waiting)


def _suffix(plan: Plan) -> str:
    return output_keys.SUFFIXES[plan.source_format][0]


def _wait_seconds(job: Job, early: DarkroomError) -> int:
    """Return the seconds to wait: the provider's Retry-After or a default, but at most the longest delay of a queue message.

    Up to 30 s are added. They depend on the job's handle, so that jobs that were throttled together do not come back together.
    """
    asked = early.retry_after_seconds if isinstance(early, Throttled) else None
    spread = zlib.crc32(str(job.handle).encode()) % THROTTLED_WAIT_SECONDS
    return min(int(asked or UNTOLD_WAIT_SECONDS) + spread, MAX_WAIT_SECONDS)
