"""One run: uploads in, each job followed to its end, results out. The story of `darkroom local run` and of the demo.

It works on a stack that stands. It must not start or stop one.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rich.console import Console

from darkroom_local import display, results
from darkroom_local.following import JobView, read_jobs
from darkroom_local.results import Outcome
from darkroom_local.stack import LocalStack
from darkroom_local.uploads import Item, upload

CREDITS_FILE = "credits.csv"
_LOOK_SECONDS = 0.25
_STALL_SECONDS = 1800.0  # nothing changed for any job: polls come at least every 600 s
_INTAKE_SECONDS = 120.0  # no upload at all was taken in: the intake itself does not work


class Stalled(Exception):
    """No job changed for half an hour, or no upload was taken in within two minutes."""


def run(stack: LocalStack, items: Iterable[Item], out: Path, show: display.Progress) -> list[Outcome]:
    """Uploads the items, follows their jobs and downloads what they left into `out`. Raises Stalled, UnsafeKey."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = dict(upload(stack, items))
    finished = follow(stack, jobs, show)
    return [results.fetch(stack, item, finished[job_id], out) for job_id, item in jobs.items()]


def follow(
    stack: LocalStack,
    items: Mapping[str, Item],
    show: display.Progress,
    wait: Callable[[float], None] = time.sleep,
    stall_seconds: float = _STALL_SECONDS,
) -> dict[str, JobView]:
    """Reads the jobs' rows until each is over. Raises Stalled."""
    views = {job_id: JobView(job_id) for job_id in items}
    changed_at = time.monotonic()
    while True:
        still_open = [job_id for job_id, job in views.items() if not job.is_over]
        fresh = views | read_jobs(stack, still_open)
        if fresh != views:
            views, changed_at = fresh, time.monotonic()
        show.update({job_id: (items[job_id], job) for job_id, job in views.items()})
        if all(job.is_over for job in views.values()):
            return views
        limit = stall_seconds if any(job.status for job in views.values()) else min(_INTAKE_SECONDS, stall_seconds)
        if time.monotonic() - changed_at > limit:
            what = f"Nothing has changed for {limit:.0f} s with {len(still_open)} jobs open."
            raise Stalled(_why_stalled(stack, what))
        wait(_LOOK_SECONDS)


def _why_stalled(stack: LocalStack, what: str) -> str:
    """What stands still, and the end of the embedded cloud's log where this process has it."""
    log = stack.cloud.child.log_text()[-2000:] if stack.cloud else ""
    return f"{what} The end of the embedded cloud's log:\n{log}" if log else what


def write_credits(outcomes: Iterable[Outcome], out: Path) -> Path:
    """The credit table as a CSV file in `out`."""
    target = out / CREDITS_FILE
    with target.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["file", "job_id", "status", "provider", "model", "credits", "unit", "cost_usd", "from", "to", "error"]
        )
        for outcome in outcomes:
            job = outcome.job
            row = [
                outcome.item.key, job.job_id, job.word, job.provider, job.model, job.credits,
                display.unit_of(job.provider), job.cost_usd, outcome.size, outcome.result_size,
                outcome.code,
            ]  # fmt: skip
            rows.writerow([_cell(value) for value in row])
    return target


def close(outcomes: Iterable[Outcome], out: Path, to: Console) -> int:
    """Prints the closing table and the reasons of failures; answers the number of failures."""
    done = list(outcomes)
    to.print(display.closing_table(done))
    for text in display.failures(done):
        to.print(text, soft_wrap=True)
    write_credits(done, out)
    to.print(f"\nResults and {CREDITS_FILE} are in ", display.visible(out), sep="", markup=False)
    return sum(outcome.is_failure for outcome in done)


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else display.visible(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
