"""The demo: the project's own pictures through the whole application, with results to look at.

It is one run over the samples. It must not know how a stack is made or how a job is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from darkroom.model import JobStatus
from darkroom_local import closing_report, progress_display
from darkroom_local.folder_run import close, run
from darkroom_local.folder_uploads import Item
from darkroom_local.local_stack import LocalStack
from darkroom_local.result_downloads import Outcome
from darkroom_local.sample_pictures import SAMPLES, Sample

ORIGINALS, ENHANCED, REPORT = "originals", "enhanced", "credits.txt"


def demo(stack: LocalStack, out: Path, to: Console) -> bool:
    """Run the samples of the stack's providers into `out`. Return whether each came out as it should."""
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
    return as_meant(samples, outcomes)


def draw(samples: Sequence[Sample], folder: Path) -> list[Item]:
    """Draws the samples into `folder`."""
    return [Item(sample.write(folder), sample.name, sample.settings) for sample in samples]


def as_meant(samples: Sequence[Sample], outcomes: Sequence[Outcome]) -> bool:
    """Whether exactly the sample with the misspelt tag was rejected, and each other one completed by its own provider."""
    rejected = {o.item.key for o in outcomes if o.job.status is JobStatus.REJECTED}
    completed = {o.item.key: o.job.provider for o in outcomes if o.is_completed}
    return rejected == {"typo.jpg"} and completed == {s.name: s.provider for s in samples if s.name != "typo.jpg"}


def write_report(outcomes: Sequence[Outcome], out: Path) -> None:
    """The closing table and the reasons of failures, as text."""
    with (out / REPORT).open("w", encoding="utf-8") as file:
        page = Console(file=file, width=170, highlight=False)
        page.print(closing_report.closing_table(outcomes))
        for text in closing_report.failures(outcomes):
            page.print(text, soft_wrap=True)
