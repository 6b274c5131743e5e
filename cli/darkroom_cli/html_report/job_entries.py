"""Turns jobs into what the page's script shows of them: texts and numbers in JSON's types, shortened and made visible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from darkroom.model import Job, JobStatus
from darkroom.pipeline.job_lookup import SHORT_ID_DIGITS
from darkroom_cli.console.errors import visible
from darkroom_cli.console.terminal import amount, counted, moment
from darkroom_cli.html_report.previews import Preview, Side
from darkroom_cli.html_report.report_source import Advice, Origins
from darkroom_cli.html_report.spend_figures import shortened
from darkroom_cli.jobs.wording import why

REASON_LENGTH, VALUE_LENGTH, KEY_LENGTH = 600, 300, 1100  # characters; S3's keys have at most 1,024 bytes
Entry = dict[str, object]


def entry(job: Job) -> Entry:
    """Return what the table shows and searches, and what the details of every job show."""
    return {
        "id": job.job_id,
        "short": job.job_id[:SHORT_ID_DIGITS],
        "key": _text(job.source_key, KEY_LENGTH),
        "status": job.status.value,
        "provider": job.provider or "",
        "model": _text(job.model or "", VALUE_LENGTH),
        "label": _text(job.label or "", VALUE_LENGTH),
        "code": _text(job.error_code or "", VALUE_LENGTH),
        "created": moment(job.created_at),
        "usd": None if job.cost_usd is None else float(job.cost_usd),
        "price": _price(job),
        "why": _text(why(job), REASON_LENGTH),
        "settings": [[_text(name, VALUE_LENGTH), _text(value, VALUE_LENGTH)] for name, value in job.settings.items()],
        "facts": _facts(job),
    }


def with_origins(shown: Entry, job: Job, origins: Origins) -> Entry:
    """Return the entry with who gave each setting."""
    settings = [
        [_text(name, VALUE_LENGTH), _text(value, VALUE_LENGTH), _text(origins.words.get(name, ""), VALUE_LENGTH)]
        for name, value in job.settings.items()
    ]
    return {**shown, "settings": settings, "settingsNote": _text(origins.note or "", REASON_LENGTH)}


def with_advice(shown: Entry, advice: Advice) -> Entry:
    """Return the entry with what to do about a job that has no result."""
    return {**shown, "cure": advice.cure, "command": visible(advice.command) if advice.command else ""}


def changes(preview: Preview, job: Job) -> list[list[str]]:
    """Return rows of what changed: what, before, after."""
    before, after = preview.before, preview.after
    rows = [
        ["Size", f"{before.width} × {before.height} px", f"{after.width} × {after.height} px{_factor(before, after)}"],
        ["File", _bytes(before.size_bytes), _bytes(after.size_bytes)],
        ["Format", before.format, after.format],
    ]
    for name in sorted(before.metadata | after.metadata):
        had, has = name in before.metadata, name in after.metadata
        rows.append([name[0].upper() + name[1:], "there" if had else "none", _kept(had, has)])
    if job.result_notes:
        rows.append(["Notes of the result", "", _text(job.result_notes, REASON_LENGTH)])
    return rows


def _kept(had: bool, has: bool) -> str:
    if had:
        return "kept" if has else "lost"
    return "added"


def _facts(job: Job) -> list[list[str]]:
    rows = [
        ["Source", _text(f"{job.source_bucket}/{job.source_key}", KEY_LENGTH)],
        ["Uploaded", f"{moment(job.created_at)} UTC"],
        ["Ended", f"{moment(job.completed_at)} UTC, {_lasted(job.completed_at - job.created_at)} after the upload"
         if job.completed_at else "not yet"],
        ["Price", _price(job) or "nothing"],
    ]  # fmt: skip
    if job.run > 1:
        rows.append(["Run", str(job.run)])
    if job.process:
        rows.append(["Process at the provider", _text(job.process.process_id, VALUE_LENGTH)])
    if job.dispatch and job.status is JobStatus.COMPLETED:
        rows.append(["Result", _text(f"{job.dispatch.output_bucket}/{job.dispatch.output_key}", KEY_LENGTH)])
    return rows


def _price(job: Job) -> str:
    if job.credits is not None:
        usd = "" if job.cost_usd is None else f", {amount(job.cost_usd)} USD"
        return f"{counted(job.credits)}{usd}"
    if job.reservation and not job.is_terminal:
        return f"{counted(job.reservation.credits_reserved)} reserved"
    return ""


def _factor(before: Side, after: Side) -> str:
    if not before.width or (before.width, before.height) == (after.width, after.height):
        return ""
    return f" ({after.width / before.width:.3g} times as wide)"


def _lasted(span: timedelta) -> str:
    seconds = max(round(span.total_seconds()), 0)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _bytes(size: int) -> str:
    for unit, divisor in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= divisor:
            return f"{size / divisor:,.1f} {unit}"
    return f"{size} bytes"


def _text(value: str, length: int) -> str:
    return shortened(visible(value), length)


def statuses(jobs: Sequence[Job]) -> dict[str, int]:
    """Return how many jobs completed, ended without a result, and are open."""
    done = sum(job.status is JobStatus.COMPLETED for job in jobs)
    is_open = sum(not job.is_terminal for job in jobs)
    skipped = sum(job.status is JobStatus.SKIPPED for job in jobs)
    return {
        "completed": done,
        "without a result": len(jobs) - done - is_open - skipped,
        "skipped": skipped,
        "open": is_open,
    }
