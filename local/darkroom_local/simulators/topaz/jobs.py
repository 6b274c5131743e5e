"""Jobs: their states, their clock, their money, and the store that runs them.

A job is Pending, then Processing, then Completed, Cancelled or Failed. Its pictures are made in a
worker thread while its clock runs; it ends when both are done. All state changes happen on the
server's event loop, so none of it needs a lock. HTTP is no business of this module.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.imaging import DECODE_ERRORS, NotAPicture, ResultFile
from darkroom_local.simulators.framework.job_workers import Workshop, sleep_until
from darkroom_local.simulators.topaz.form_reader import Upload
from darkroom_local.simulators.topaz.pictures import is_retouched, make_picture, strengths
from darkroom_local.simulators.topaz.published_facts import LIST_WINDOW_SECONDS, RESULT_LIFETIME_SECONDS
from darkroom_local.simulators.topaz.request_checks import Order

RUNNING = ("Pending", "Processing")
_PENDING_SHARE = 0.15
_CANCELLED_SHARE = 0.5
_ETA_SLACK_SECONDS = 0.05
_WORK_SECONDS_PER_INPUT_MP = 0.04
_WORK_SECONDS_PER_MP = 0.08
_PNG_SECONDS_PER_MP = 0.1
_SHARPEN_SECONDS_PER_MP = 0.08
_DENOISE_SECONDS_PER_MP = 0.35
_RETOUCH_SECONDS_PER_MP = 0.4


@dataclass(frozen=True)
class Traits:
    """Misbehaviour a job carries for life."""

    late_seconds: float | None = None
    ending: str = "Completed"
    wrong_size: bool = False
    unknown_status: bool = False
    list_lag_seconds: float = 0.0


def duration_seconds(order: Order, speed: float) -> float:
    """Simulated time, or the time the real work takes where a high speed would undercut it."""
    sharpen, denoise = strengths(order.wishes)
    per_mp = _WORK_SECONDS_PER_MP
    per_mp += _RETOUCH_SECONDS_PER_MP if is_retouched(order.wishes) else 0.0
    per_mp += _PNG_SECONDS_PER_MP if order.output_format == "png" else 0.0
    per_mp += _SHARPEN_SECONDS_PER_MP if sharpen > 0 else 0.0
    per_mp += _DENOISE_SECONDS_PER_MP if denoise > 0 else 0.0
    work_seconds = per_mp * order.output_mp + _WORK_SECONDS_PER_INPUT_MP * order.input_mp
    return max((1.0 + order.output_mp) / speed, work_seconds)


@dataclass
class Job:
    """One accepted order and how far it has come; times are Unix seconds."""

    process_id: str
    order: Order
    upload: Upload
    input_format: str
    sync: bool
    traits: Traits
    created: float
    ends: float
    eta: int
    status: str = "Pending"
    modified: float = 0.0
    progress: int = 0
    result: ResultFile | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def result_name(self) -> str:
        """The file name in the result link."""
        return f"{self.process_id}.{self.order.output_format}"

    def move(self, status: str, progress: int | None = None) -> None:
        """Enter a state."""
        self.status, self.modified = status, time.time()
        self.progress = self.progress if progress is None else progress

    def reported_progress(self, now: float) -> int:
        """Percent done, never 100 before the end."""
        if self.status != "Processing":
            return self.progress
        share = (now - self.created) / max(self.ends - self.created, 1e-6)
        return max(1, min(99, int(share * 100)))

    def answer(self, word: str | None = None, wrong_size: bool = False) -> dict[str, Any]:
        """The published status body; `word` and `wrong_size` are for faults."""
        now = time.time()
        order, lie = self.order, 16 if wrong_size or self.traits.wrong_size else 0
        if word is None:
            odd = self.traits.unknown_status and self.status in RUNNING
            word = "Queued2" if odd else self.status
        return {
            "process_id": self.process_id,
            "filename": self.upload.filename,
            "input_format": self.input_format,
            "input_height": order.input_height,
            "input_width": order.input_width,
            "output_format": order.output_format,
            "output_height": order.output_height + lie,
            "output_width": order.output_width + lie,
            "model": order.wishes.model.name,
            "face_enhancement": order.switch("face_enhancement", True),
            "crop_to_fill": order.switch("crop_to_fill", False),
            "options_json": json.dumps(dict(order.wishes.settings)),
            "sync": self.sync,
            "status": word,
            "progress": self.reported_progress(now),
            "eta": self.reported_eta(now),
            "creation_time": int(self.created),
            "modification_time": int(self.modified),
            "credits": order.credits,
        }

    def reported_eta(self, now: float) -> int:
        """The promised second; moved along only if the real work has overrun it."""
        if self.traits.late_seconds is None and self.status in RUNNING and now > self.ends:
            return max(self.eta, math.ceil(now))
        return self.eta


class JobStore:
    """Every job the account knows of, newest last."""

    def __init__(self, account: Account, workshop: Workshop, speed: float) -> None:
        self._account = account
        self._workshop = workshop
        self._speed = speed
        self._jobs: dict[str, Job] = {}
        self._results: dict[str, Job] = {}  # of deleted entries

    def accept(
        self,
        order: Order,
        upload: Upload,
        input_format: str,
        sync: bool,
        traits: Traits,
    ) -> Job:
        """Start a job whose credits are already reserved."""
        now = time.time()
        ends = now + duration_seconds(order, self._speed)
        eta = math.ceil(ends + _ETA_SLACK_SECONDS)
        if traits.late_seconds is not None:
            eta, ends = int(now) + 1, ends + traits.late_seconds
        process_id = str(uuid.uuid4())
        job = Job(process_id, order, upload, input_format, sync, traits, now, ends, eta)
        job.move("Pending")
        self._jobs[process_id] = job
        self._workshop.start(self._run(job))
        return job

    def find(self, process_id: str) -> Job | None:
        """The job of that id, if it is known and not deleted."""
        return self._jobs.get(process_id)

    def find_result(self, process_id: str) -> Job | None:
        """The job of that id whose result may be had: also a deleted one's that was kept."""
        return self._jobs.get(process_id) or self._results.get(process_id)

    def listed(self) -> list[Job]:
        """The jobs the list shows, newest first."""
        now = time.time()
        return [
            job
            for job in reversed(self._jobs.values())
            if job.created + job.traits.list_lag_seconds <= now and now - job.created < LIST_WINDOW_SECONDS
        ]

    def has_result(self, job: Job) -> bool:
        """Whether the result exists and is still kept."""
        kept = time.time() - job.modified < RESULT_LIFETIME_SECONDS
        return job.status == "Completed" and job.result is not None and kept

    def cancel(self, job: Job) -> bool:
        """Stop a running job and give the credits back; False when it is not running."""
        if job.status not in RUNNING:
            return False
        self._end(job, "Cancelled")
        return True

    def delete(self, job: Job, keeps_result: bool = False) -> None:
        """Forget a job. Whether its picture goes with its status is not published."""
        self._jobs.pop(job.process_id, None)
        if keeps_result:
            self._results[job.process_id] = job

    def delete_all(self) -> None:
        """Forget every job; running ones go on unseen and are charged."""
        self._jobs.clear()

    async def _run(self, job: Job) -> None:
        work = asyncio.ensure_future(self._work(job))
        span = job.ends - job.created
        await sleep_until(job.created + span * _PENDING_SHARE)
        if job.status == "Pending":
            job.move("Processing", 1)
        if job.traits.ending == "Cancelled":
            await sleep_until(job.created + span * _CANCELLED_SHARE)
            self._end(job, "Cancelled")
        await sleep_until(job.ends)
        job.result = await work
        done = job.result is not None and job.traits.ending == "Completed"
        self._end(job, "Completed" if done else "Failed")

    async def _work(self, job: Job) -> ResultFile | None:
        """The finished picture, or None when the upload turns out to be broken."""
        target = self._workshop.directory / job.result_name
        call = partial(make_picture, job.upload.path, target, job.order)
        try:
            return await self._workshop.make(call)
        except (NotAPicture, *DECODE_ERRORS):
            return None
        finally:
            job.upload.path.unlink(missing_ok=True)

    def _end(self, job: Job, status: str) -> None:
        if job.status not in RUNNING:
            return
        done = status == "Completed"
        self._account.settle(job.order.credits, delivered=done)
        job.move(status, 100 if done else job.reported_progress(time.time()))
        job.finished.set()


def page(jobs: list[Job], limit: int, after: str | None) -> tuple[list[Job], str | None, Mapping[str, Any]]:
    """One page after the given process id: the jobs, the next id to continue after, the facts."""
    start = 0
    if after is not None:
        start = next((i + 1 for i, job in enumerate(jobs) if job.process_id == after), len(jobs))
    part = jobs[start : start + limit]
    more = start + limit < len(jobs)
    following = part[-1].process_id if more and part else None
    return part, following, {"limit": limit, "has_next_page": more}
