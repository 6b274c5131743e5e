"""One run of `darkroom local run` or of the demo: uploads files, follows each job to its end, and saves each result immediately.

It works on a stack that runs already. It must not start or stop a stack.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from darkroom import folder_files
from darkroom_local.folder import uploads
from darkroom_local.folder.uploads import Item, Sent
from darkroom_local.results import cloud_copies, downloads
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.job_views import JobView, read_jobs
from darkroom_local.results.saved_files import SavedFiles
from darkroom_local.run import closing_report, credits_csv, intake, progress_display
from darkroom_local.run.credits_csv import CREDITS_FILE, Receipts
from darkroom_local.run.open_uploads import OpenUploads
from darkroom_local.run.screening import Screened
from darkroom_local.run.upload_identity import version_of
from darkroom_local.stack.local_stack import LocalStack

_LOOK_SECONDS = 0.25
_PAUSE_SHARE = 4  # the pause after a look is four times as long as the look, so that uploads and functions get CPU time
_SAVE_SECONDS = 1.0  # after a look, results are saved for so long, so that the display stays up to date
_LAST_SAVES_SECONDS = (
    10.0  # a run that ends early saves for so long; the account keeps the other results for the next run
)
_STALL_SECONDS = 1800.0  # the run ends if no job changes for so long; polls come at least every 600 s
_INTAKE_SECONDS = 120.0  # the run ends if no upload is taken in for so long, because then the intake does not work
_SUBMIT_SECONDS = (
    2.5  # after a second Ctrl-C, the longest wait for answers of submits; the next run looks up the others
)


Arrival = Item | Outcome | None


class Stalled(Exception):
    """No job changed for half an hour, or no upload was taken in within two minutes."""


def run(
    stack: LocalStack,
    items: Iterable[Arrival],
    out: Path,
    show: progress_display.Progress,
    wait: Callable[[float], None] = time.sleep,
    stall_seconds: float = _STALL_SECONDS,
    again: bool = False,
    is_leaving: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Upload the items and follow their jobs. Soon after a job's end, its result is in `out` and its row in `credits.csv`.
    An outcome among the items is that of a file that cannot be uploaded. A None means that no item is there now.

    Once `is_leaving` returns True, the run sends no more, and follows only jobs that a provider has. With `again`, results that
    an earlier run paid for and could not save are made again. If the run ends early, paid results that are ready are saved
    first, and the exception has a note about the others. Raises Stalled, Unwritable.
    """
    real = set(stack.providers) - set(stack.simulator_urls)
    with credits_csv.adding(out, real) as rows:
        jobs = _Jobs(stack, out, rows, show, wait, credits_csv.ended_jobs(out, again))
        try:
            for item in items:
                jobs.make_room(stall_seconds, is_leaving)
                if is_leaving():
                    break
                jobs.take(item, stall_seconds)
            jobs.follow(stall_seconds, is_leaving)
        except BaseException as error:
            with contextlib.suppress(Exception, KeyboardInterrupt):  # the stack may be gone, or Ctrl-C come again
                jobs.save_what_is_there()
            error.add_note(jobs.left_behind(again))
            raise
    return jobs.outcomes


def run_over(
    stack: AbstractContextManager[LocalStack],
    files: Screened,
    out: Path,
    show: progress_display.Progress,
    again: bool = False,
    is_leaving: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Do the same as `run`, but start the stack only if there are files to send, and end it afterwards. Files that cannot be
    uploaded are also among the outcomes."""
    with credits_csv.adding(out) as rows:
        for outcome in files.unusable:
            rows.add(outcome)
    if not files.to_do:
        return files.unusable
    with stack as standing, show:
        return [*run(standing, files.to_do, out, show, again=again, is_leaving=is_leaving), *files.unusable]


def watch(
    stack: AbstractContextManager[LocalStack],
    arrivals: Iterable[Arrival],
    out: Path,
    show: progress_display.Progress,
    is_leaving: Callable[[], bool],
) -> list[Outcome]:
    """As `run`, on a stack that stands as long, with items that come without end. It ends after `is_leaving` is true."""
    with stack as standing, show:
        return run(standing, arrivals, out, show, is_leaving=is_leaving)


class _Jobs:
    """Keeps the uploads of one run: their jobs, the state of each job, and which results are saved."""

    def __init__(
        self,
        stack: LocalStack,
        out: Path,
        rows: Receipts,
        show: progress_display.Progress,
        wait: Callable[[float], None],
        ended: Collection[str],
    ) -> None:
        self._ended, self._ours, self._files = ended, set(credits_csv.named_results(out)), SavedFiles(out)
        self._stack, self._out, self._rows, self._show, self._wait = stack, out, rows, show, wait
        self._s3: Any = stack.endpoint.client("s3")
        self._dynamodb: Any = stack.endpoint.client("dynamodb")
        self._sent: dict[str, Sent] = {}
        self._views: dict[str, JobView] = {}
        self._saved: dict[str, Outcome] = {}  # the id of a job, or the key of an item without one → its outcome
        self._open = OpenUploads()
        self._order: dict[str, None] = {}  # the same ids and keys, in the order of the items
        self._sending: Item | None = None
        self._content = ""  # the digest of the item's file that is sent
        self._folder_files: dict[str, bytes] = {}  # what the input bucket has of them, by key
        self._has_lost = False
        self._look_at = self._changed_at = time.monotonic()

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes that are saved, in the order of the items."""
        return [self._saved[one] for one in self._order if one in self._saved]

    def take(self, arrival: Arrival, stall_seconds: float) -> None:
        """Upload an item, keep the outcome of one that cannot be uploaded, or look at the jobs. Raises Stalled."""
        if isinstance(arrival, Item):
            self.send(arrival)
        elif arrival is not None:
            self._keep(arrival)
        else:
            self._follow_a_while(stall_seconds)
            self._wait(_LOOK_SECONDS)

    def make_room(self, stall_seconds: float, is_leaving: Callable[[], bool]) -> None:
        """Wait until another item may be sent, or the run is leaving, or nothing that is open ends by itself. Raises Stalled."""
        while self._must_wait() and not is_leaving():
            self._follow_a_while(stall_seconds)
            if self._must_wait():
                self._wait(_LOOK_SECONDS)

    def _must_wait(self) -> bool:
        return self._open.is_full() and not self._open.are_all_in(self._saved)

    def _follow_a_while(self, stall_seconds: float) -> None:
        self._look_when_due()
        self._check_for_a_stall([job for job in self._views.values() if not job.is_over], stall_seconds)

    def send(self, item: Item) -> None:
        """Upload one item. If it is time, also look at the other jobs. Once a result could not be written, nothing more is sent,
        because the next result would most likely be lost too. Nor is it if there is no room."""
        if self._has_lost:
            why = "An earlier result could not be written, so nothing more was sent."
            return self._keep(downloads.not_sent(item, why, "Make that result's place writable, then run again."))
        if self._open.is_full():
            why = "All pictures that may be open at once are in doubt or wait for you, so nothing more was sent."
            return self._keep(downloads.not_sent(item, why, "Do what is said about those. Then run again."))
        self._sending = item
        try:
            self._put_folder_files(item)
            self._content = uploads.digest_of(item.path)
            stack, content = self._stack, self._content
            version = version_of(item, content, stack.input_bucket, self._ended, stack.account_id, stack.earlier_jobs)
            self._note(uploads.upload(self._s3, stack.input_bucket, item, version))
        except OSError as error:
            self._keep(downloads.unreadable(item, error))
        self._sending = None
        self._look_when_due()
        return None

    def _put_folder_files(self, item: Item) -> None:
        """Upload the `darkroom.toml` files that count for the item, unless the bucket has them already. Remove those that the
        folder no longer has."""
        for key in set(folder_files.keys_for(item.key)) & set(self._folder_files) - {key for key, _ in item.files}:
            self._s3.delete_object(Bucket=self._stack.input_bucket, Key=key)
            del self._folder_files[key]
        for key, body in item.files:
            if self._folder_files.get(key) != body:
                self._s3.put_object(Bucket=self._stack.input_bucket, Key=key, Body=body)
                self._folder_files[key] = body

    def follow(self, stall_seconds: float, is_leaving: Callable[[], bool]) -> None:
        """Wait until each job is over and saved. When the run is leaving, wait only for jobs that were submitted. Raises
        Stalled."""
        is_draining = False
        while True:
            if is_leaving() and not is_draining:
                is_draining = True
                intake.end(self._stack)
                self._show.draining()
            # This is read before the look, which then sees their jobs.
            in_work = is_draining and intake.messages_in_work(self._stack)
            self._look(_SAVE_SECONDS)
            awaited = [
                job for job in self._views.values() if not job.is_over and (job.may_be_charged or not is_draining)
            ]
            if not awaited and not in_work and not self._unsaved():
                return
            self._check_for_a_stall(awaited, stall_seconds)
            if not self._unsaved():
                self._wait(max(0.0, self._look_at - time.monotonic()))

    def _check_for_a_stall(self, awaited: Sequence[JobView], stall_seconds: float) -> None:
        is_taken_in = any(job.status for job in self._views.values())
        limit = stall_seconds if is_taken_in else min(_INTAKE_SECONDS, stall_seconds)
        if awaited and time.monotonic() - self._changed_at > limit:
            what = f"Nothing has changed for {limit:.0f} s with {len(awaited)} jobs open."
            raise Stalled(_why_stalled(self._stack, what))

    def save_what_is_there(self) -> None:
        """Stop submits and save the results of jobs that are over, for ten seconds. Use this for a run that ends early."""
        with contextlib.suppress(Exception):  # results are saved even if the submits cannot be stopped
            intake.end(self._stack)
        if self._sending and (sent := uploads.uploaded(self._s3, self._stack.input_bucket, self._sending)):
            self._note(sent)
        began = time.monotonic()
        until = began + _SUBMIT_SECONDS
        while True:
            in_work = intake.messages_in_work(self._stack)  # read before the look, which then sees their jobs
            self._look(began + _LAST_SAVES_SECONDS - time.monotonic())
            is_submitting = in_work > 0 or any(job.is_submitting for job in self._views.values())
            if not is_submitting or time.monotonic() > until:
                return
            self._wait(_LOOK_SECONDS)

    def left_behind(self, again: bool) -> str:
        """Return the message about a run that ended early; `again` as in `run`. Each job that may be charged gets its row in
        `credits.csv`."""
        lost = [outcome for outcome in self._saved.values() if outcome.is_lost]
        unsaved = [job for job in self._views.values() if job.may_be_charged and not self._is_saved(job)]
        sent = [self._sent[job.job_id] for job in unsaved]
        left = [Outcome(of.item, job, None, source=of.source) for of, job in zip(sent, unsaved, strict=True)]
        with contextlib.suppress(credits_csv.Unwritable):
            for outcome in left:
                self._rows.add(outcome)
        done = [outcome for outcome in self._saved.values() if outcome.is_completed]
        return closing_report.left_behind(done, lost + left, self._out, again)

    def _look_when_due(self) -> None:
        if time.monotonic() >= self._look_at:
            self._look(_SAVE_SECONDS)

    def _look(self, save_seconds: float) -> None:
        """Read the rows of the open jobs, show them, and save results of jobs that are over for `save_seconds`, at least one."""
        began = time.monotonic()
        open_jobs = [job_id for job_id, job in self._views.items() if not job.is_over]
        fresh = read_jobs(self._dynamodb, self._stack.outputs["LedgerTable"], open_jobs)
        has_news = any(self._views[job_id] != job for job_id, job in fresh.items())
        self._views |= fresh
        self._show.update({job_id: (self._sent[job_id].item, job) for job_id, job in self._views.items()})
        looked = time.monotonic()
        for job in self._unsaved():
            self._save(job)
            has_news = True
            if time.monotonic() - looked > save_seconds:
                break
        ended = time.monotonic()
        self._changed_at = ended if has_news else self._changed_at
        self._look_at = ended + max(_LOOK_SECONDS, _PAUSE_SHARE * (looked - began))

    def _save(self, job: JobView) -> None:
        """Bring the job's result home and write its row. Then the cloud need not hold the picture any longer."""
        sent, stack = self._sent[job.job_id], self._stack
        outcome = downloads.fetch(self._s3, stack.output_bucket, sent, job, self._files, self._ours)
        self._keep(outcome)
        if cloud_copies.may_go(outcome):
            cloud_copies.remove(self._s3, stack.input_bucket, stack.output_bucket, sent, outcome)
            self._open.remove(job.job_id)

    def _note(self, sent: Sent) -> None:
        if sent.job_id in self._views and self._views[sent.job_id].is_over:
            return  # the same content was sent before, and has its result
        sent = replace(sent, source=replace(sent.source, digest=self._content))
        self._open.add(sent)
        self._order[sent.job_id] = None
        self._sent[sent.job_id], self._views[sent.job_id] = sent, JobView(sent.job_id)
        self._changed_at = time.monotonic()

    def _unsaved(self) -> list[JobView]:
        return [job for job in self._views.values() if job.is_over and not self._is_saved(job)]

    def _is_saved(self, job: JobView) -> bool:
        return job.job_id in self._saved

    def _keep(self, outcome: Outcome) -> None:
        self._rows.add(outcome)
        one = outcome.job.job_id or outcome.item.key
        self._order.setdefault(one)
        self._saved[one] = outcome
        if outcome.result:
            self._ours.add(outcome.result.relative_to(self._out.resolve()).as_posix())
        self._has_lost |= outcome.is_lost


def _why_stalled(stack: LocalStack, what: str) -> str:
    """Return the message `what`, with the end of the embedded cloud's log if this process has the log."""
    log = stack.cloud.child.log_text()[-2000:] if stack.cloud else ""
    return f"{what} The end of the embedded cloud's log:\n{log}" if log else what


def close(outcomes: Iterable[Outcome], out: Path, to: Console) -> int:
    """Print the closing table, or the sums if there is no terminal, then the reasons of failures. Return their number."""
    done = list(outcomes)
    if to.is_terminal:
        to.print(closing_report.closing_table(done, to.width))
    else:  # there each picture has its line
        to.print(*closing_report.sums(done), sep="\n", markup=False, soft_wrap=True)
    for text in closing_report.failures(done):
        to.print(text, soft_wrap=True)
    to.print(f"\nResults and {CREDITS_FILE} are in ", progress_display.visible(out), sep="", markup=False)
    return sum(outcome.is_failure for outcome in done)
