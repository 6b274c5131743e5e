"""What a report is made from, whether it is of a stack or of a folder of results on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from darkroom.model import BudgetMonth, Job

Picture = bytes | Path  # the bytes of an image file, or its place on this machine


class NotShown(Exception):
    """A picture cannot be shown. The message says why, as the end of a sentence."""


@dataclass(frozen=True)
class Origins:
    """Who gave each setting of a job, as words. `note` says why some are unknown."""

    words: Mapping[str, str]
    note: str | None = None


@dataclass(frozen=True)
class Advice:
    """What to do about a job that has no result: sentences, and a command for a shell if there is one."""

    cure: str
    command: str | None = None


@dataclass(frozen=True)
class NotUploaded:
    """A file that has no job, because it was not uploaded: why, and what to do."""

    key: str
    why: str
    cure: str


@dataclass(frozen=True)
class ReportSource:
    """All that a report needs. The functions read from AWS or from the disk, and may be called from several threads."""

    name: str  # of the stack or of the folder, for the page's title
    at: datetime
    first: datetime  # jobs from this time on
    last: datetime  # to before this time
    jobs: Sequence[Job]  # the newest first
    left_out: int  # how many older jobs of that time are not among `jobs`
    months: Sequence[BudgetMonth]
    runs: Callable[[str], Sequence[Job]]  # job id → all runs of the job, the last one last
    original: Callable[[Job], Picture]  # raises NotShown
    result: Callable[[Job], Picture]  # raises NotShown
    origins: Callable[[Job], Origins]
    advice: Callable[[Job], Advice]
    note: str = ""  # a sentence about the whole page
    not_uploaded: Sequence[NotUploaded] = ()
