"""submit: from an upload to a process at the provider, paid for once.

Check everything that costs nothing, claim the job, reserve its credits, call the provider, bind its id, start the
workflow. Whatever it finds half done it finishes, or asks to be called again later; it never guesses about money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import images, naming, planning, settings
from darkroom.errors import (
    LedgerBusy,
    LostClaim,
    NothingSent,
    OperatorFault,
    ProviderUnavailable,
    Refusal,
    SourceGone,
    SubmitInDoubt,
    Throttled,
)  # fmt: skip
from darkroom.model import Job, JobStatus, Limits, Plan, SourceObject, Upload
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.closing import Closing
from darkroom.pipeline.doubt import Doubt
from darkroom.pipeline.verdicts import Done, Ignored, Later, Verdict
from darkroom.ports import Claim, Clock, ImageStream, Ledger, Provider, Sources

LEASE_MARGIN = timedelta(seconds=60)  # past the invocation's own end, so that clocks may differ
MIN_TIME_TO_SEND = timedelta(seconds=30)  # no first byte leaves with less of the invocation left
THROTTLED_WAIT_SECONDS = 30
CONTENDED_WAIT_SECONDS = 30  # conflicts in the ledger are over within seconds
OPERATOR_WAIT_SECONDS = 900  # an account does not mend itself within minutes


@dataclass(frozen=True)
class Submit:
    """The use case with its dependencies. `__call__` may run any number of times for one upload."""

    sources: Sources
    ledger: Ledger
    providers: Mapping[str, Provider]
    binding: Binding
    closing: Closing
    doubt: Doubt
    clock: Clock
    input_bucket: str
    output_bucket: str
    default_provider: str
    allowed_providers: Sequence[str]
    stack_defaults: str  # the stack parameter, `key=value,key=value`
    tag_prefix: str
    limits: Limits
    deadline: timedelta

    def __call__(self, upload: Upload, invocation_ends: datetime) -> Verdict:
        """Brings the upload as far as it can be brought now. Raises only what a retry may mend."""
        if upload.bucket != self.input_bucket or not naming.is_upload(upload.key):
            return Ignored("not an upload of this stack")
        try:
            return self._begin_or_resume(upload, invocation_ends)
        except (LostClaim, LedgerBusy) as overtaken:
            # Whatever was written says how to go on, a paid submit included: it is SUBMITTING until it is found.
            return Later(CONTENDED_WAIT_SECONDS, str(overtaken))

    def _begin_or_resume(self, upload: Upload, invocation_ends: datetime) -> Verdict:
        try:
            source = self.sources.find(upload)
        except SourceGone as gone:
            return self._without_source(upload, str(gone), invocation_ends)
        if naming.RECEIPT_JOB in source.metadata:
            return Ignored("an output of Darkroom cannot be its input")
        claim = self._claim(source, invocation_ends)
        return self._advance(source, claim.job) if claim.owned else self._resume(claim.job, invocation_ends)

    def _claim(self, source: SourceObject, invocation_ends: datetime) -> Claim:
        now = self.clock()
        return self.ledger.claim(source, now, invocation_ends + LEASE_MARGIN, now + self.deadline)

    def _without_source(self, upload: Upload, why: str, invocation_ends: datetime) -> Verdict:
        """The object is gone. It makes no job, but one that was begun with it is brought to its end."""
        ghost = naming.vanished(upload, self.clock())
        if ghost is None or self.ledger.get(ghost.job_id) is None:
            return Ignored(why)
        claim = self._claim(ghost, invocation_ends)
        return self.closing.source_gone(claim.job, why) if claim.owned else self._resume(claim.job, invocation_ends)

    def _advance(self, source: SourceObject, job: Job) -> Verdict:
        if self.clock() >= job.deadline_at:
            return self.closing.expire_unsent(job)
        try:
            tags = settings.tag_layer(self.sources.tags(source), self.tag_prefix)
            resolved = settings.resolve(
                [tags, settings.parse_defaults(self.stack_defaults)],
                default_provider=self.default_provider,
                allowed_providers=self.allowed_providers,
            )
            if resolved.skip:
                return self.closing.skip(job)
            facts = images.inspect(self.sources.reader(source), source.size_bytes)
            plan = planning.plan(resolved, facts, source.size_bytes, self.limits)
            job = self._reserve(job, plan, source)
        except SourceGone as gone:
            return self.closing.source_gone(job, str(gone))
        except Refusal as refusal:
            return self.closing.reject(job, refusal)
        return self._send(job, plan, source)

    def _reserve(self, job: Job, plan: Plan, source: SourceObject) -> Job:
        output_key = naming.output_key(source.key, plan.source_format, plan.output_format)
        fingerprint = self.providers[plan.provider].key_fingerprint()
        self.ledger.claim_output(job, self.output_bucket, output_key)
        return self.ledger.reserve(job, plan, self.output_bucket, output_key, fingerprint, self.clock())

    def _send(self, job: Job, plan: Plan, source: SourceObject) -> Verdict:
        if job.lease_until is None or job.lease_until - LEASE_MARGIN - self.clock() < MIN_TIME_TO_SEND:
            return self._wait(job, THROTTLED_WAIT_SECONDS, None, "too little time left to send")
        image = ImageStream(
            open=lambda: self.sources.open(source),
            size_bytes=source.size_bytes,
            content_type=plan.source_format.content_type,
            filename_suffix=naming.SUFFIXES[plan.source_format][0],
        )
        provider = self.providers[plan.provider]
        try:
            submission = provider.submit(plan, image, job.handle)
        except Throttled as throttled:
            return self._wait(job, int(throttled.retry_after_seconds or THROTTLED_WAIT_SECONDS), None, str(throttled))
        except NothingSent as unsent:
            return self._wait(job, THROTTLED_WAIT_SECONDS, None, str(unsent))
        except OperatorFault as fault:
            return self._wait(job, OPERATOR_WAIT_SECONDS, fault.code, str(fault))
        except SourceGone as gone:
            return self.closing.source_gone(job, str(gone))
        except Refusal as refusal:
            return self.closing.reject(job, refusal)
        except (SubmitInDoubt, ProviderUnavailable) as doubt:
            return self.doubt.begin(job, str(doubt))
        return self.binding.bind(provider, job, submission)

    def _wait(self, job: Job, seconds: int, code: str | None, why: str) -> Verdict:
        """Nothing was accepted: the reservation goes back and the job waits for its next attempt."""
        seconds = min(seconds, OPERATOR_WAIT_SECONDS)
        self.ledger.release(job, self.clock() + timedelta(seconds=seconds), code, why)
        return Later(seconds, why)

    def _resume(self, job: Job, invocation_ends: datetime) -> Verdict:
        """A duplicate, or the message of a worker that died: go on from what the ledger says."""
        if job.status is JobStatus.PROCESSING:
            return self.binding.start(job)
        if job.is_terminal:
            self.closing.announce(job)
            return Done(job)
        if job.status is JobStatus.IN_DOUBT:
            return Done(job)
        due = max(filter(None, (job.lease_until, job.next_attempt_at)), default=self.clock())
        if due > self.clock():
            return Later.until(due, self.clock(), f"{job.status}: due later")
        if job.status is JobStatus.CLAIMED:
            return Later(0, "due since a moment ago")
        job = self.ledger.retake(job, self.clock(), invocation_ends + LEASE_MARGIN)
        return self.doubt.settle(job) or self._resend(job)

    def _resend(self, job: Job) -> Verdict:
        """The provider's list excludes the lost submit: the job goes back, unpaid, and is sent anew."""
        self.ledger.release(job, self.clock(), None, "the provider never received the earlier submit")
        return Later(0, f"{job.source_key} is sent again")
