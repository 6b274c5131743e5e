"""Reads what a report needs from a deployed stack, with the operator's permissions: the ledger, and pictures."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from darkroom.errors import CURES, ErrorCode
from darkroom.model import Job, JobStatus
from darkroom.output_keys import RECEIPT_JOB
from darkroom.pipeline import circuit_breaker
from darkroom.pipeline.job_lookup import SHORT_ID_DIGITS
from darkroom_cli.html_report.report_source import Advice, NotShown, Origins, Picture, ReportSource
from darkroom_cli.jobs import facts
from darkroom_cli.jobs.wording import what_happens_next

if TYPE_CHECKING:
    from darkroom_cli.stack.deployment import Deployment

MOST_JOBS = 50_000  # that are read; each takes about 3 kB of memory
MOST_PICTURE_BYTES = 64 * 1024 * 1024  # of one object


def of_stack(deployed: Deployment, stack: str, first: datetime, last: datetime) -> ReportSource:
    """Return the source for the uploads from `first` to before `last`. Reads grow with them, but with no more than MOST_JOBS."""
    queries, s3 = deployed.job_queries, deployed.client("s3")
    jobs = list(islice(queries.uploaded(first, last), MOST_JOBS))
    uploads = queries.count_uploaded(first, last) if len(jobs) == MOST_JOBS else len(jobs)
    return ReportSource(
        name=f"the stack {stack}",
        at=deployed.clock(),
        first=first,
        last=last,
        jobs=jobs,
        left_out=max(uploads - len(jobs), 0),
        months=[
            month for unit in _units(deployed) for month in queries.months(unit) if _is_within(month.month, first, last)
        ],
        runs=queries.runs,
        original=partial(_original, s3),
        result=partial(_result, s3),
        origins=lambda job: Origins(*facts.origins(deployed, job)),
        advice=partial(advice, stack),
    )


def _units(deployed: Deployment) -> list[str]:
    from darkroom.providers.registry import ADAPTERS

    return ["usd", *deployed.container.configuration.allowed_providers(ADAPTERS)]


def _is_within(month: str, first: datetime, last: datetime) -> bool:
    return f"{first:%Y-%m}" <= month <= f"{last:%Y-%m}"


def _original(s3: Any, job: Job) -> Picture:
    version = {"VersionId": job.source_version} if job.source_version else {}
    answer = _asked("the original", lambda: s3.get_object(Bucket=job.source_bucket, Key=job.source_key, **version))
    return _body(answer, "the original")


def _result(s3: Any, job: Job) -> Picture:
    to = job.require_dispatch()
    answer = _asked("the result", lambda: s3.get_object(Bucket=to.output_bucket, Key=to.output_key))
    if answer.get("Metadata", {}).get(RECEIPT_JOB) != job.job_id:
        answer["Body"].close()
        raise NotShown("another object stands at the result's key now")
    return _body(answer, "the result")


def _asked(what: str, call: Callable[[], Any]) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        raise NotShown(f"{what} cannot be read ({error.response['Error'].get('Code', 'refused')})") from None
    except BotoCoreError:
        raise NotShown(f"{what} cannot be read, because AWS did not answer") from None


def _body(answer: Any, what: str) -> bytes:
    if answer["ContentLength"] > MOST_PICTURE_BYTES:
        answer["Body"].close()
        raise NotShown(f"{what} has more than {MOST_PICTURE_BYTES // 1024 // 1024} MiB")
    return bytes(_asked(what, answer["Body"].read))


def advice(stack: str, job: Job) -> Advice:
    """Return what to do about a job that has no result, or that waits for a person, with the command for that stack."""
    at = f"--stack {shlex.quote(stack)}"
    code = ErrorCode(job.error_code) if job.error_code in set(ErrorCode) else None
    if job.status is JobStatus.IN_DOUBT:
        return Advice(
            f"Nobody can tell whether {job.provider} charged for it. Look in its account, and then decide with darkroom resolve. "
            "Each job's page says for what to look.",
            f"darkroom job {job.job_id[:SHORT_ID_DIGITS]} {at}",
        )
    if not job.is_terminal:
        return _while_it_waits(job, code, at)
    if code is None:
        return Advice("An operator ended it. To run such a job again, name it.", f"darkroom rerun {job.job_id} {at}")
    is_named = "`darkroom rerun" in CURES[code]  # otherwise the same upload would end in the same way
    return Advice(CURES[code], f"darkroom rerun --code {code} {at}" if is_named else None)


def _while_it_waits(job: Job, code: ErrorCode | None, at: str) -> Advice:
    if not circuit_breaker.holds_back(job.provider or "", job):
        return Advice(" ".join(what_happens_next(job, None)))
    cure = CURES[code].split(" Then run `")[0] if code else "Look at the account."
    return Advice(f"{cure} Then all its jobs go on at once with this command.", f"darkroom resume {job.provider} {at}")
