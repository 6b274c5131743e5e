"""The jobs of the simulator, with their states, times and charges, and the store that runs them.

A job is Pending, then Processing, then Completed, Cancelled or Failed. A worker thread makes the picture. The job ends
when the picture is ready and the simulated time is over. All state changes happen on the server's event loop, so no
lock is needed. This module must not know HTTP.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from darkroom_local.simulators.framework.account import Account
from darkroom_local.simulators.framework.imaging import DECODE_ERRORS, NotAPicture, ResultFile, Turning
from darkroom_local.simulators.framework.job_workers import JobWorkers, sleep_until
from darkroom_local.simulators.topaz.form_reader import Upload
from darkroom_local.simulators.topaz.pictures import is_retouched, make_picture, strengths
from darkroom_local.simulators.topaz.published_facts import (
    INPUT_LIFETIME_SECONDS,
    LIST_WINDOW_SECONDS,
    RESULT_LIFETIME_SECONDS,
)
from darkroom_local.simulators.topaz.request_checks import PricedRequest

RUNNING = ("Pending", "Processing")
KEPT_INPUTS_BYTES = 1_000_000_000
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
class Misbehaviour:
    """The injected faults of one job. They are decided when the job is accepted."""

    late_seconds: float | None = None
    early_seconds: float = 0.0
    ending: str = "Completed"
    wrong_size: bool = False
    turning: Turning = Turning.TURNED
    unknown_status: bool = False
    list_lag_seconds: float = 0.0


def duration_seconds(request: PricedRequest, speed: float) -> float:
    """Return how long a job takes: the simulated time, but at least as long as the real work will take."""
    sharpen, denoise = strengths(request.checked_fields)
    per_mp = _WORK_SECONDS_PER_MP
    per_mp += _RETOUCH_SECONDS_PER_MP if is_retouched(request.checked_fields) else 0.0
    per_mp += _PNG_SECONDS_PER_MP if request.output_format == "png" else 0.0
    per_mp += _SHARPEN_SECONDS_PER_MP if sharpen > 0 else 0.0
    per_mp += _DENOISE_SECONDS_PER_MP if denoise > 0 else 0.0
    work_seconds = per_mp * request.output_mp + _WORK_SECONDS_PER_INPUT_MP * request.input_mp
    return max((1.0 + request.output_mp) / speed, work_seconds)


@dataclass
class Job:
    """One accepted request and its progress. Times are Unix seconds."""

    process_id: str
    request: PricedRequest
    upload: Upload
    input_format: str
    sync: bool
    misbehaviour: Misbehaviour
    created: float
    ends: float
    eta: int
    status: str = "Pending"
    modified: float = 0.0
    progress: int = 0
    result: ResultFile | None = None
    on_change: Callable[[Job], None] | None = None  # is called after each change of the status
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def result_name(self) -> str:
        """Return the file name of the result, as the result link has it."""
        return f"{self.process_id}.{self.request.output_format}"

    @property
    def input_name(self) -> str:
        """Return the file name in the link to the input."""
        return f"{self.process_id}.input.{self.input_format}"

    def change_status(self, status: str, progress: int | None = None) -> None:
        """Set the status and the time of the change. Set the progress too if it is given."""
        self.status, self.modified = status, time.time()
        self.progress = self.progress if progress is None else progress
        if self.on_change is not None:
            self.on_change(self)

    def reported_progress(self, now: float) -> int:
        """Return how many per cent of the job are done. The number is never 100 before the job has ended."""
        if self.status != "Processing":
            return self.progress
        share = (now - self.created) / max(self.ends - self.created, 1e-6)
        return max(1, min(99, int(share * 100)))

    def status_body(self, word: str | None = None, wrong_size: bool = False) -> dict[str, Any]:
        """Return the published JSON body of a status.

        Injected faults set `word`, which replaces the status, and `wrong_size`, which adds 16 pixels to the output size.
        """
        now = time.time()
        request, extra_pixels = self.request, 16 if wrong_size or self.misbehaviour.wrong_size else 0
        if word is None:
            odd = self.misbehaviour.unknown_status and self.status in RUNNING
            word = "Queued2" if odd else self.status
        return {
            "process_id": self.process_id,
            "filename": self.upload.filename,
            "input_format": self.input_format,
            "input_height": request.input_height,
            "input_width": request.input_width,
            "output_format": request.output_format,
            "output_height": request.output_height + extra_pixels,
            "output_width": request.output_width + extra_pixels,
            "model": request.checked_fields.model.name,
            "face_enhancement": request.switch("face_enhancement", True),
            "crop_to_fill": request.switch("crop_to_fill", False),
            "options_json": json.dumps(dict(request.checked_fields.settings)),
            "sync": self.sync,
            "status": word,
            "progress": self.reported_progress(now),
            "eta": self.reported_eta(now),
            "creation_time": int(self.created),
            "modification_time": int(self.modified),
            "credits": request.credits,
        }

    def reported_eta(self, now: float) -> int:
        """Return the announced end (eta) as a Unix second. It only changes if the real work takes longer than planned."""
        if self.misbehaviour.late_seconds is None and self.status in RUNNING and now > self.ends:
            return max(self.eta, math.ceil(now))
        return self.eta


class JobStore:
    """Holds and runs every job of the account. The newest job comes last."""

    def __init__(self, account: Account, workers: JobWorkers, speed: float) -> None:
        self._account = account
        self._workers = workers
        self._speed = speed
        self._jobs: dict[str, Job] = {}
        self._kept: deque[Job] = deque()  # jobs whose inputs are on the disk, the oldest first
        self._results: dict[str, Job] = {}  # deleted jobs whose result was kept

    def accept(
        self,
        request: PricedRequest,
        upload: Upload,
        input_format: str,
        sync: bool,
        misbehaviour: Misbehaviour,
        on_change: Callable[[Job], None] | None = None,
    ) -> Job:
        """Start a job whose credits are already reserved. `on_change` is called after each change of its status."""
        now = time.time()
        ends = now + duration_seconds(request, self._speed)
        eta = math.ceil(ends + misbehaviour.early_seconds + _ETA_SLACK_SECONDS)
        if misbehaviour.late_seconds is not None:
            eta, ends = int(now) + 1, ends + misbehaviour.late_seconds
        process_id = str(uuid.uuid4())
        job = Job(process_id, request, upload, input_format, sync, misbehaviour, now, ends, eta, on_change=on_change)
        job.change_status("Pending")
        self._jobs[process_id] = job
        self._workers.start(self._run(job))
        return job

    def find(self, process_id: str) -> Job | None:
        """Return the job with the id `process_id`, or None if the id is unknown or the job was deleted."""
        return self._jobs.get(process_id)

    def find_result(self, process_id: str) -> Job | None:
        """Return the job with the id `process_id`, or None. A deleted job is found too if its result was kept."""
        return self._jobs.get(process_id) or self._results.get(process_id)

    def listed(self) -> list[Job]:
        """Return the jobs that the client's list shows now, newest first."""
        now = time.time()
        return [
            job
            for job in reversed(self._jobs.values())
            if job.created + job.misbehaviour.list_lag_seconds <= now and now - job.created < LIST_WINDOW_SECONDS
        ]

    def has_result(self, job: Job) -> bool:
        """Return whether the result of the job exists and has not expired."""
        kept = time.time() - job.modified < RESULT_LIFETIME_SECONDS
        return job.status == "Completed" and job.result is not None and kept

    def kept_input(self, job: Job) -> ResultFile | None:
        """Return the picture as it was received; None once it has expired or was removed to make room."""
        path = job.upload.path
        kept = time.time() - job.created < INPUT_LIFETIME_SECONDS
        return ResultFile(path, job.upload.size_bytes, f'"{job.input_name}"') if kept and path.exists() else None

    def cancel(self, job: Job) -> bool:
        """Stop a running job and refund its credits. Return False and change nothing if it is not running."""
        if job.status not in RUNNING:
            return False
        self._end(job, "Cancelled")
        return True

    def delete(self, job: Job, keeps_result: bool = False) -> None:
        """Delete a job. With `keeps_result`, its picture can still be downloaded.

        The vendor does not publish whether the picture is deleted too.
        """
        self._jobs.pop(job.process_id, None)
        if keeps_result:
            self._results[job.process_id] = job

    def delete_all(self) -> None:
        """Delete every job. Jobs that still run go on to their end and are charged, but no list shows them."""
        self._jobs.clear()

    async def _run(self, job: Job) -> None:
        work = asyncio.ensure_future(self._work(job))
        span = job.ends - job.created
        await sleep_until(job.created + span * _PENDING_SHARE)
        if job.status == "Pending":
            job.change_status("Processing", 1)
        if job.misbehaviour.ending == "Cancelled":
            await sleep_until(job.created + span * _CANCELLED_SHARE)
            self._end(job, "Cancelled")
        await sleep_until(job.ends)
        job.result = await work
        done = job.result is not None and job.misbehaviour.ending == "Completed"
        self._end(job, "Completed" if done else "Failed")

    async def _work(self, job: Job) -> ResultFile | None:
        """Return the finished picture, or None if the upload is broken."""
        target = self._workers.directory / job.result_name
        make = partial(make_picture, job.upload.path, target, job.request, job.misbehaviour.turning)
        try:
            return await self._workers.run_in_thread(make)
        except (NotAPicture, *DECODE_ERRORS):
            return None
        finally:
            self._keep_input(job)

    def _keep_input(self, job: Job) -> None:
        """Keep the picture. The vendor keeps all for a week; the simulator only as many as the disk of a laptop takes."""
        self._kept.append(job)
        kept_bytes = sum(one.upload.size_bytes for one in self._kept)
        while kept_bytes > KEPT_INPUTS_BYTES:
            oldest = self._kept.popleft()
            kept_bytes -= oldest.upload.size_bytes
            oldest.upload.path.unlink(missing_ok=True)

    def _end(self, job: Job, status: str) -> None:
        if job.status not in RUNNING:
            return
        done = status == "Completed"
        self._account.settle(job.request.credits, delivered=done)
        job.change_status(status, 100 if done else job.reported_progress(time.time()))
        job.finished.set()


def page(jobs: list[Job], limit: int, after: str | None) -> tuple[list[Job], str | None, Mapping[str, Any]]:
    """Return one page of `jobs`: those that follow the job with the id `after`, or the first ones if `after` is None.

    Returned are the jobs of the page, the id to give as `after` for the next page (or None), and the pagination fields.
    """
    start = 0
    if after is not None:
        start = next((i + 1 for i, job in enumerate(jobs) if job.process_id == after), len(jobs))
    part = jobs[start : start + limit]
    more = start + limit < len(jobs)
    following = part[-1].process_id if more and part else None
    return part, following, {"limit": limit, "has_next_page": more}
