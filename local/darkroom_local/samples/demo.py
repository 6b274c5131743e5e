"""The demo: sends the project's own pictures through the whole application, and keeps the results to look at.

The demo is one run over the samples. It must not know how a stack is made or how a job is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from darkroom.model import JobStatus
from darkroom_local.folder.uploads import Item
from darkroom_local.results.downloads import Outcome
from darkroom_local.run import closing_report, progress_display
from darkroom_local.run.folder_run import close, run
from darkroom_local.samples.pictures import SAMPLES, Sample
from darkroom_local.stack.local_stack import LocalStack

ORIGINALS, ENHANCED, REPORT = "originals", "enhanced", "credits.txt"


def demo(stack: LocalStack, out: Path, to: Console) -> tuple[Sequence[Outcome], bool]:
    """Send the samples of the stack's providers, and save the results in `out`. Return the outcomes, and whether each sample
    ended as expected."""
    samples = [sample for sample in SAMPLES if sample.provider in stack.providers]
    items = draw(samples, out / ORIGINALS)
    with progress_display.progress(to) as show:
        outcomes = run(stack, items, out / ENHANCED, show)
    close(outcomes, out / ENHANCED, to)
    write_report(outcomes, out)
    to.print(f"The pictures before: {out / ORIGINALS}   after: {out / ENHANCED}   the table: {out / REPORT}")
    to.print("What to look for:")
    for sample in samples:
        to.print(f"  {sample.name}: {sample.look_for}")
    return outcomes, as_meant(samples, outcomes)


def draw(samples: Sequence[Sample], folder: Path) -> list[Item]:
    """Draw the samples into `folder`, and return them as items to upload."""
    return [Item(sample.write(folder), sample.name, sample.settings) for sample in samples]


def as_meant(samples: Sequence[Sample], outcomes: Sequence[Outcome]) -> bool:
    """Return whether only the sample with the misspelt tag was rejected, and every other sample was completed by its provider."""
    rejected = {o.item.key for o in outcomes if o.job.status is JobStatus.REJECTED}
    completed = {o.item.key: o.job.provider for o in outcomes if o.is_completed}
    return rejected == {"typo.jpg"} and completed == {s.name: s.provider for s in samples if s.name != "typo.jpg"}


def write_report(outcomes: Sequence[Outcome], out: Path) -> None:
    """Write the closing table and the reasons of failures into `out`, as text."""
    with (out / REPORT).open("w", encoding="utf-8") as file:
        page = Console(file=file, width=170, highlight=False)
        page.print(closing_report.closing_table(outcomes))
        for text in closing_report.failures(outcomes):
            page.print(text, soft_wrap=True)
