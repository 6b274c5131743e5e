"""Tells what became of the pictures of `darkroom enhance`: a line for each, and sums; or one JSON object for each.

The object of `--json` always has these keys; a key without a value is null: file, key, fate (`sent`, `sent before`, `refused`,
`not sent`, `perhaps sent`), job_id, status, credits, cost_usd, output_key, result (the file that was saved), code, message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from darkroom.errors import CURES, ErrorCode
from darkroom.model import JobStatus
from darkroom_cli.batch.screening import Fate, Picture
from darkroom_cli.console.terminal import amount
from darkroom_cli.costs.price_words import dollars, spent

AS_ASKED = (JobStatus.COMPLETED, JobStatus.SKIPPED)
RERUN = "`darkroom rerun {}` runs it again"
SHOWN = 20  # lines of one kind; --json has all


def as_object(picture: Picture) -> Mapping[str, object]:
    """Return one picture in JSON's types, as the docstring above says."""
    job = picture.job
    return {
        "file": str(picture.file.path),
        "key": picture.file.key,
        "fate": picture.fate.value,
        "job_id": picture.job_id,
        "status": job.status if job else None,
        "credits": job.credits if job else None,
        "cost_usd": job.cost_usd if job else None,
        "output_key": job.dispatch.output_key if job and job.dispatch else None,
        "result": str(picture.result) if picture.result else None,
        "code": picture.code or (job.error_code if job else None) or None,
        "message": picture.message or (job.error if job else None) or None,
    }


def one_line(picture: Picture) -> str:
    """Return one line about a picture: what became of it, what it cost, and where its result or its reason is."""
    if picture.job is None or picture.fate is Fate.REFUSED:
        code = f"{picture.code}: " if picture.code else ""
        why = f": {code}{picture.message}" if picture.message else ""
        return f"{picture.file.key}  {picture.fate.value}{why}"
    job = picture.job
    words = [picture.file.key, job.status.value]
    if job.credits is not None:
        words.append(f"{amount(job.credits)} {'credit' if job.credits == 1 else 'credits'}")
    if job.cost_usd is not None:
        words.append(f"{dollars(job.cost_usd)} USD")
    if picture.result:
        words.append(str(picture.result))
    reason = picture.message or (job.error if job.status not in AS_ASKED else None)
    return "  ".join(words) + (f"  {_with_code(job.error_code, reason)}" if reason else "")


def not_sent(pictures: Sequence[Picture]) -> Iterator[str]:
    """Yield a line for each picture that was not sent. A reason that all have alike is told once."""
    left = [picture for picture in pictures if picture.fate in (Fate.REFUSED, Fate.NOT_SENT)]
    reasons = {(picture.code, picture.message) for picture in left}
    if len(left) > 1 and len(reasons) == 1:
        ((code, message),) = reasons
        yield f"{len(left)} pictures were not sent: {_with_code(code, message)}"
        return
    yield from (one_line(picture) for picture in left[:SHOWN])
    if len(left) > SHOWN:
        yield f"… and {len(left) - SHOWN} more were not sent; --json lists all"


def same_bytes(pictures: Sequence[Picture]) -> list[list[str]]:
    """Return the groups of keys whose pictures have the same bytes."""
    keys: dict[str, list[str]] = {}
    for picture in pictures:
        keys.setdefault(picture.mark, []).append(picture.file.key)
    return [sorted(names) for names in keys.values() if len(names) > 1]


def sums(pictures: Sequence[Picture], same_command: str) -> Iterator[str]:
    """Yield what was reached and paid, and what to do about pictures without a result. `same_command` are the words for the
    command that pays for nothing twice."""
    jobs = [picture.job for picture in pictures if picture.job]
    done = [job for job in jobs if job.status is JobStatus.COMPLETED]
    credits: dict[str, Decimal] = {}
    for job in jobs:
        if job.provider and job.credits:
            credits[job.provider] = credits.get(job.provider, Decimal(0)) + job.credits
    paid = spent(credits, sum((job.cost_usd or Decimal(0) for job in jobs), Decimal(0))) if credits else "nothing paid"
    yield f"{len(done)} of {len(pictures)} completed, {paid}"
    if missed := [picture for picture in pictures if not _has_result(picture)]:
        yield f"without a result: {', '.join(map(_missed, missed[:SHOWN]))}" + (
            f", and {len(missed) - SHOWN} more; --json lists all" if len(missed) > SHOWN else ""
        )
    yield from _not_saved(pictures, same_command)
    ended = [
        picture
        for picture in pictures
        if picture.job and picture.job.is_terminal and picture.job.status not in AS_ASKED
    ]
    if ended:
        yield "what ended without a result is not sent again by itself"
        yield from _cures(ended)


def _not_saved(pictures: Sequence[Picture], same_command: str) -> Iterator[str]:
    """Yield a line for each result that is paid and not in the folder, and what brings it."""
    left = [one for one in pictures if one.message and one.job and one.job.status is JobStatus.COMPLETED]
    yield from map(one_line, left[:SHOWN])
    if left:
        yield f"{same_command} brings what was not saved"


def _cures(ended: Sequence[Picture]) -> Iterator[str]:
    """Yield for each code of the jobs what to do, with the command. A job that was cancelled has no code."""
    by_code: dict[str, list[str]] = {}
    for picture in ended:
        by_code.setdefault((picture.job.error_code if picture.job else None) or "", []).append(picture.file.key)
    for code, keys in by_code.items():
        if code in set(ErrorCode):
            yield f"{len(keys)} ended with {code}: {CURES[ErrorCode(code)]}"
        else:
            yield from (RERUN.format(key) for key in keys[:SHOWN])


def _has_result(picture: Picture) -> bool:
    return picture.job is not None and picture.job.status is JobStatus.COMPLETED and not picture.message


def _missed(picture: Picture) -> str:
    job = picture.job
    if job is None or picture.fate is Fate.REFUSED:
        return f"{picture.file.key} ({picture.fate.value})"
    return f"{picture.file.key} ({'not saved' if job.status is JobStatus.COMPLETED else job.status.value})"


def reached(picture: Picture) -> bool:
    """Return whether a picture that was followed got what was asked for: a result, in the folder if it was to be saved."""
    return picture.job is not None and picture.job.status in AS_ASKED and not picture.message


def _with_code(code: str | None, message: str) -> str:
    return f"{code}: {message}" if code else message
