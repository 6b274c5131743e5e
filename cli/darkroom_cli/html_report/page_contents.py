"""Gathers everything that a report's page shows, from its source: all that the template and the script need, and no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from darkroom.model import Job
from darkroom_cli.console.errors import visible
from darkroom_cli.console.terminal import moment
from darkroom_cli.costs.totals import By
from darkroom_cli.html_report import failures, job_entries, pictures, spend_figures
from darkroom_cli.html_report.spend_figures import Bar, Budget, MonthSoFar

if TYPE_CHECKING:
    from darkroom_cli.html_report.failures import Failure
    from darkroom_cli.html_report.pictures import Shown
    from darkroom_cli.html_report.report_source import ReportSource

MOST_JOBS = 5_000  # in the page's table; the sums count all
PAGE_BYTES = 39_000_000  # what jobs and pictures may take together, so that the page stays below 40 MB
BASE64_GROWTH = Decimal("1.34")
TITLES = {
    By.DAY: "By day of the upload",
    By.MODEL: "By model",
    By.PROVIDER: "By provider",
    By.LABEL: "By label",
    By.FOLDER: "By folder",
}


@dataclass(frozen=True)
class Chart:
    """One chart, and the same figures as a table."""

    by: By
    title: str
    bars: Sequence[Bar]

    @property
    def summary(self) -> str:
        """A sentence for people who do not see the chart."""
        total = spend_figures.dollars(spend_figures.total(self.bars))
        return f"{self.title}: {total} USD in all. The table below has the figures."


@dataclass(frozen=True)
class PageContents:
    """All that the page says. Texts are shortened and made visible; they are not escaped for HTML."""

    name: str
    note: str
    at: str
    first: str
    last: str
    uploads: int
    left_out: int  # older uploads that are in no sum
    counts: Mapping[str, int]
    usd: Decimal
    reserved: bool  # whether an open job has a reservation, which is in no sum
    charts: Sequence[Chart]
    providers: Sequence[str]  # in the order of their colours
    budgets: Sequence[Budget]
    so_far: MonthSoFar | None
    failures: Sequence[Failure]
    entries: Sequence[Mapping[str, object]]
    shown: Sequence[Shown]

    @property
    def previews(self) -> int:
        """How many pictures have a preview."""
        return sum(one.preview is not None for one in self.shown)


def gather(
    source: ReportSource, most_pictures: int, progress: Callable[[int], None] = lambda done: None
) -> PageContents:
    """Read what the page needs, pictures too. Raises what the source raises, except NotShown."""
    sums = spend_figures.sums(source)
    entries = {job.job_id: _entry(source, job) for job in source.jobs[:MOST_JOBS]}
    candidates = pictures.chosen((job for job in source.jobs if job.job_id in entries), most_pictures)
    shown = pictures.shown(source, candidates, bytes_for_pictures(list(entries.values())), progress)
    for number, one in enumerate(shown):
        entries[one.job.job_id] = _with_picture(entries[one.job.job_id], one, number)
    return PageContents(
        name=visible(source.name),
        note=source.note,
        at=moment(source.at),
        first=moment(source.first),
        last=moment(min(source.last, source.at)),
        uploads=len(source.jobs),
        left_out=source.left_out,
        counts=job_entries.statuses(source.jobs),
        usd=spend_figures.total(sums[By.DAY]),
        reserved=any(job.reservation and not job.is_terminal for job in source.jobs),
        charts=[Chart(by, TITLES[by], bars) for by, bars in sums.items() if bars],
        providers=_providers(sums[By.DAY]),
        budgets=spend_figures.budgets(source.months),
        so_far=spend_figures.month_so_far(sums[By.DAY], source.months),
        failures=failures.grouped(source),
        entries=list(entries.values()),
        shown=shown,
    )


def _entry(source: ReportSource, job: Job) -> job_entries.Entry:
    shown = job_entries.entry(job)
    return job_entries.with_advice(shown, source.advice(job)) if failures.needs_somebody(job) else shown


def _with_picture(entry: job_entries.Entry, one: Shown, number: int) -> job_entries.Entry:
    entry = job_entries.with_origins(entry, one.job, one.origins)
    if one.preview is None:
        return {**entry, "noPicture": visible(one.why_not)}
    after = one.preview.after
    return {
        **entry,
        "picture": number,
        "changes": job_entries.changes(one.preview, one.job),
        "size": [after.width, after.height],
        "crop": list(one.preview.crop_size),
    }


def bytes_for_pictures(entries: Sequence[Mapping[str, object]]) -> int:
    """Return how many bytes the images of all pictures may take beside these entries."""
    taken = len(json.dumps(entries, ensure_ascii=False).encode()) * 5 // 4  # escapes, and what pictures add
    return int(Decimal(PAGE_BYTES - taken) / BASE64_GROWTH)


def _providers(bars: Sequence[Bar]) -> list[str]:
    cost: dict[str, Decimal] = {}
    for bar in bars:
        cost[bar.provider] = cost.get(bar.provider, Decimal(0)) + bar.usd
    return sorted(cost, key=lambda name: (name == spend_figures.NO_PROVIDER, -cost[name], name))
