"""Makes the previews of a report's newest pictures, so that the whole page stays below its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from darkroom.model import Job, JobStatus
from darkroom_cli.html_report import previews
from darkroom_cli.html_report.previews import Preview
from darkroom_cli.html_report.report_source import NotShown, Origins, ReportSource

AT_ONCE = 2  # a picture of 120 megapixels takes about 360 MB while it is decoded
MOST_BYTES = 130_000  # of the four images of a picture
FEWEST_BYTES = 6_000  # below that, nothing can be seen


@dataclass(frozen=True)
class Shown:
    """A job whose picture is looked at: its preview, or why there is none, and who gave its settings."""

    job: Job
    preview: Preview | None
    why_not: str
    origins: Origins
    files: tuple[Path, ...] = ()  # before and after, if both are files of this machine


def chosen(jobs: Iterable[Job], most: int) -> list[Job]:
    """Return the newest jobs whose result stands at its key."""
    return list(islice(_standing(jobs), most))


def shown(
    source: ReportSource, jobs: Sequence[Job], all_bytes: int, progress: Callable[[int], None] = lambda done: None
) -> list[Shown]:
    """Return the jobs with their previews, in the same order. The images take at most `all_bytes`, unless each would become too
    small to be seen. `progress` is told how many are done."""
    each = max(min(MOST_BYTES, all_bytes // max(len(jobs), 1)), FEWEST_BYTES)
    found: list[Shown] = []
    with previews.quiet(), ThreadPoolExecutor(AT_ONCE) as threads:
        for one in threads.map(lambda job: _shown(source, job, each), jobs):
            found.append(one)
            progress(len(found))
    return found


def _standing(jobs: Iterable[Job]) -> Iterator[Job]:
    """Yield completed jobs. Of several jobs with one output key, only the newest result is there."""
    seen: set[tuple[str, str]] = set()
    for job in jobs:
        if job.status is JobStatus.COMPLETED and job.dispatch and not job.superseded:
            place = (job.dispatch.output_bucket, job.dispatch.output_key)
            if place not in seen:
                seen.add(place)
                yield job


def _shown(source: ReportSource, job: Job, most_bytes: int) -> Shown:
    origins = source.origins(job)
    try:
        before, after = source.original(job), source.result(job)
        files = (before, after) if isinstance(before, Path) and isinstance(after, Path) else ()
        return Shown(job, previews.make(before, after, most_bytes), "", origins, files)
    except NotShown as reason:
        return Shown(job, None, str(reason), origins)
