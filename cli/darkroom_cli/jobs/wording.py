"""Says of a job, in words, why it is where it is, and what happens next and who must act.

All functions are pure. The words about codes come from `errors.CURES`, which docs/errors.md repeats.
"""

from __future__ import annotations

from collections.abc import Iterator

from darkroom.errors import CURES, ErrorCode
from darkroom.model import Circuit, Job, JobStatus
from darkroom.output_keys import incoming_key, report_key
from darkroom.pipeline import circuit_breaker
from darkroom.pipeline.dispatch import TOO_LATE_FOR_SYNCHRONOUS_CALL
from darkroom.pipeline.job_lookup import SHORT_ID_DIGITS
from darkroom.providers.registry import CANCELLING
from darkroom_cli.console.terminal import moment

# What a run again cannot mend as long as the object is the same.
NEED_ANOTHER_UPLOAD = (ErrorCode.UNSUPPORTED_FORMAT, ErrorCode.SOURCE_GONE)
# What a run again mends after somebody has changed tags, parameters, the budget or the object that is in the way.
NEED_A_CHANGE = (
    ErrorCode.INVALID_SETTING, ErrorCode.UNKNOWN_MODEL, ErrorCode.IMAGE_TOO_LARGE, ErrorCode.PRICE_ABOVE_LIMIT,
    ErrorCode.BUDGET_EXCEEDED, ErrorCode.PROVIDER_REJECTED, ErrorCode.OUTPUT_COLLISION,
)  # fmt: skip
KEY_WORDS = ("HTTP 401", "HTTP 403", "the secret holds")  # of a vendor that refused the key, and of `KeyMissing`


def why(job: Job) -> str:
    """Return the reason of the job's status in one line; empty if there is nothing to say."""
    if job.error or job.error_code:
        return ": ".join(filter(None, (_code(job), _with_the_end_of_a_pause(job))))
    if job.cancel_requested_at and not job.is_terminal:
        return "is being cancelled"
    match job.status:
        case JobStatus.CLAIMED:
            return "waits for its turn" if job.next_attempt_at else "is being checked"
        case JobStatus.SUBMITTING:
            return (
                f"{job.provider}'s answer was lost; its list is being asked"
                if job.lost
                else f"is being sent to {job.provider}"
            )
        case JobStatus.PROCESSING:
            return f"{job.provider} works on it{_expected(job)}"
        case JobStatus.COMPLETED if job.superseded:
            return "a newer version's result stands"
        case JobStatus.COMPLETED:
            return job.result_notes or ""
        case JobStatus.SKIPPED:
            return "its settings say skip"
        case _:
            return ""


def _code(job: Job) -> str | None:
    """Return the job's code, for a job that waits for another API key with the command that stores it."""
    new_key = None if job.is_terminal else new_key_command(job.provider or "", job.error_code, job.error)
    return f"{job.error_code} ({new_key})" if new_key else job.error_code


def _with_the_end_of_a_pause(job: Job) -> str:
    """Return the job's error. If the job waits because its provider is paused, put in the command that ends the pause."""
    error, provider = job.error or "", job.provider or ""
    if job.error_code is None and circuit_breaker.holds_back(provider, job):
        return error.replace(" are paused", f" are paused (darkroom resume {provider})", 1)
    return error


def _expected(job: Job) -> str:
    return f", expected {moment(job.process.eta)[11:16]}" if job.process else ""


def what_happens_next(
    job: Job, circuit: Circuit | None, staged: str | None = None, storage_refusal: str | None = None
) -> Iterator[str]:
    """Yield sentences: what Darkroom does next with the job, and what a person must or can do. `circuit` is that of the job's
    provider, None if it is closed. `staged` is the process whose paid result is staged, None if there is none.
    `storage_refusal` says why the output bucket takes no results, None if it does."""
    match job.status:
        case JobStatus.CLAIMED:
            yield from _of_a_waiting_job(job, circuit, storage_refusal)
        case JobStatus.SUBMITTING:
            yield from _of_a_sent_job(job)
        case JobStatus.PROCESSING:
            yield f"Darkroom asks {job.provider} about it, stores the result and settles the credits. Nobody need do anything."
            late = "it is cancelled there"
            if job.provider not in CANCELLING:
                late = f"the job becomes IN_DOUBT, because {job.provider} cannot cancel it"
            yield f"If {job.provider} has not finished it by {moment(job.deadline_at)}, {late}."
        case JobStatus.IN_DOUBT:
            yield from _of_a_job_in_doubt(job, staged)
        case JobStatus.COMPLETED:
            yield "Nothing. The result is in place, and the credits are settled."
        case JobStatus.SKIPPED:
            yield "Nothing. Upload the object again without the setting skip to have it enhanced."
        case _:
            yield from _of_a_job_without_result(job)


def _of_a_waiting_job(job: Job, circuit: Circuit | None, storage_refusal: str | None) -> Iterator[str]:
    deadline = moment(job.deadline_at)
    if circuit is not None and circuit.paused:
        yield f"It waits until somebody runs: darkroom resume {circuit.provider}"
    elif circuit is not None and circuit.error_code == ErrorCode.AUTH_FAILED:
        new_key = new_key_command(circuit.provider, circuit.error_code, circuit.error)
        key = f"store a key that {circuit.provider} accepts: {new_key}"
        yield f"Whoever runs the stack must {key if new_key else f'act: {circuit.error}.'}"
        yield f"Then all jobs go on at once with: darkroom resume {circuit.provider}.{_probe(circuit)}"
    elif circuit is not None:
        cure = CURES[ErrorCode(circuit.error_code)].split(". ")[0] if circuit.error_code else "Look at the account"
        yield f"The owner of the account at {circuit.provider} must act. {cure}."
        yield f"Then all jobs go on at once with: darkroom resume {circuit.provider}.{_probe(circuit)}"
    elif job.error_code == ErrorCode.INVALID_SETTING:
        yield "Whoever runs the stack must correct the parameter and deploy again."
        yield "Within a quarter of an hour after the deployment the job goes on by itself."
    elif job.next_attempt_at and job.error_code == ErrorCode.SOURCE_UNREADABLE:
        yield "Whoever owns the input bucket must let the stack read the object, as the reason says."
        yield f"Darkroom tries it again at {moment(job.next_attempt_at)}, and for a quarter of an hour in all."
        yield "Nothing is paid yet. If no try succeeds, it ends as REJECTED."
        return
    elif job.next_attempt_at:
        if waits_for_the_operator(job, storage_refusal):
            yield "Whoever runs the stack must act, as the reason says."
        yield f"Darkroom tries it again at {moment(max(job.next_attempt_at, job.due_at or job.next_attempt_at))}."
    else:
        yield "A worker has it. If the worker dies, the sweep hands the job on."
    yield f"Nothing is paid yet. If it still waits at {deadline}, it ends as FAILED."


def waits_for_the_operator(job: Job, storage_refusal: str | None) -> bool:
    """Return whether the job waits, without a code, for another parameter or for an output bucket that takes results."""
    return job.error is not None and job.error in (TOO_LATE_FOR_SYNCHRONOUS_CALL, storage_refusal)


def _probe(circuit: Circuit) -> str:
    return f" Darkroom tries one job at {moment(circuit.retry_at)}." if circuit.retry_at else ""


def _of_a_sent_job(job: Job) -> Iterator[str]:
    if job.lost is None:
        yield f"A worker sends it to {job.provider}. If the worker dies, Darkroom finds out whether {job.provider} accepted it."
        return
    yield f"Darkroom looks for the job in {job.provider}'s list. If it is there, its result is awaited and not paid again."
    yield "If the list shows that it was not accepted, it is sent again."
    yield "If the list does not tell, the job becomes IN_DOUBT, and a person must decide."


def _of_a_job_in_doubt(job: Job, staged: str | None) -> Iterator[str]:
    command = f"darkroom resolve {job.job_id[:SHORT_ID_DIGITS]}"  # a short id finds every open job
    abandon = "--abandon [--credits N]"
    if staged is not None:
        yield f"You must decide. The result is paid, and staged in the output bucket as {incoming_key(job.job_id)}"
        yield f"To have it delivered, once the bucket takes results: {command} --adopt {staged}"
        abandon = "--abandon --credits N"
    elif job.process is not None:
        yield f"You must decide. Look in {job.provider}'s account for process {job.process.process_id}, which is this job's."
        yield f"If it is there: {command} --adopt {job.process.process_id}"
    else:
        yield from _of_a_submit_in_doubt(job, command)
    yield f"To end it without a result: {command} {abandon}"
    yield f"N is what {job.provider} charged. Without it, the charge is booked as 0."


def _of_a_submit_in_doubt(job: Job, command: str) -> Iterator[str]:
    """docs/operations.md says where in each provider's account to look. An account without the name proves nothing."""
    if _shows_name(job):
        yield f"You must decide. Look in {job.provider}'s account for a name that begins with {job.handle.prefix}"
        yield f"If it is there: {command} --adopt PROCESS_ID"
    else:
        yield f"You must decide. {job.provider}'s account need not show the name of a picture that was sent in this way."
        yield f"Compare the times: it was sent {_when_sent(job)} UTC, as a job of {job.model}."
        if job.provider != "oxen":  # which keeps no process of a synchronous call
            yield f"If one of its processes is surely this job's: {command} --adopt PROCESS_ID --force"
    yield f"If you are sure that nothing was charged: {command} --resubmit"


def _shows_name(job: Job) -> bool:
    """Whether the provider shows the name of what was sent as this job was. docs/providers.md says why (notes 1 and 2)."""
    if job.dispatch is None:
        return True
    by_link, is_synchronous = job.dispatch.send_mode.by_link, job.dispatch.send_mode.is_synchronous
    return not ((job.provider == "topaz" and by_link) or (job.provider == "oxen" and is_synchronous))


def _when_sent(job: Job) -> str:
    first = moment(job.require_dispatch().reserved_at)
    return f"between {first} and {moment(job.lost.lost_at)}" if job.lost else f"after {first}"


def _of_a_job_without_result(job: Job) -> Iterator[str]:
    if job.error_code in list(ErrorCode):
        yield CURES[ErrorCode(job.error_code or "")]
    else:
        yield "Nothing happens by itself."
    if job.error_code in NEED_ANOTHER_UPLOAD:
        yield "Another run of this upload would end in the same way."
    elif job.error_code in NEED_A_CHANGE:
        yield f"Without a change, another run would end in the same way. After it: darkroom rerun {job.job_id}"
    else:
        yield f"To run this job again: darkroom rerun {job.job_id}"
    if job.dispatch and job.status is not JobStatus.CANCELLED:
        yield f"The report is s3://{job.dispatch.output_bucket}/{report_key(job.source_key)}"


def new_key_command(provider: str, code: str | None, error: str | None) -> str | None:
    """Return the command that stores another key, None if that is not the cure. AuthFailed has other causes, for example a secret
    that may not be read; their messages say what to do."""
    if code == ErrorCode.AUTH_FAILED and any(words in (error or "") for words in KEY_WORDS):
        return f"darkroom keys set {provider}"
    return None
