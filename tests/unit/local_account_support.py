"""A folder of pictures, its folder of results and its account, as local runs leave them. `Runs.command` runs `darkroom local run`
with a real key in the environment; what stands in for the stack sends nothing and keeps what it was given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from darkroom.model import JobStatus, job_id_of
from darkroom_cli.html_report import make_page
from darkroom_cli.local import run as local_run
from darkroom_cli.main import app
from darkroom_local.emulator.ledger_journal import Change, Journal
from darkroom_local.folder.uploads import Item, digest_of, source_of
from darkroom_local.results import accounts
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.job_views import JobView
from darkroom_local.results.saved_files import SavedFiles
from darkroom_local.run.credits_csv import adding, ended_jobs
from darkroom_local.run.leaving import Leaving
from darkroom_local.run.screening import Screened
from darkroom_local.run.upload_identity import version_of

BUCKET = "uploads"
Sends = Callable[[Screened], list[Outcome]]


def sends_nothing(files: Screened) -> list[Outcome]:
    return list(files.unusable)


@dataclass
class Runs:
    """Runs over `folder` into `out`. `signal_number` is that of the signal that came while the stack started; `sent` has what the
    last command sent, and `commands` the command that its page names."""

    folder: Path
    out: Path
    monkeypatch: pytest.MonkeyPatch
    signal_number: int = 0
    sent: list[Item] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    @property
    def kept(self) -> Path:
        """The folder of paid results that are not in the folder of results yet."""
        return self.out / accounts.ACCOUNT / accounts.REAL / "results"

    def picture(self, name: str = "a.jpg", colour: str = "red", folder: Path | None = None) -> Path:
        """Draw a picture. Two colours make files of one size."""
        path = (folder or self.folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), colour).save(path)
        return path

    def item(self, name: str = "a.jpg", folder: Path | None = None, **settings: str) -> Item:
        return Item((folder or self.folder) / name, name, settings)

    def job(self, item: Item, status: JobStatus, ended: Collection[str] | None = None) -> JobView:
        """Write the job of the item into the account's journal, as a run does that is then killed. Return the job. `ended` has
        the ids of jobs that are not continued, if these are not just those that have ended."""
        with accounts.opened(self.out, (), is_real=True) as account:
            over = ended_jobs(self.out) if ended is None else ended
            version = version_of(item, digest_of(item.path), BUCKET, over, account.account_id)
            job_id = job_id_of(BUCKET, item.key, version)
            row = {"job_id": job_id, "status": status.value, "provider": "topaz", "source_bucket": BUCKET,
                   "source_key": item.key, "source_version": version}  # fmt: skip
            with contextlib.closing(Journal(account.journal)) as journal:
                journal.append([Change((f"JOB#{job_id}", "JOB"), {name: {"S": text} for name, text in row.items()})])
        return JobView(job_id, status, "topaz")

    def waits(self, item: Item) -> Path:
        """Let the item be paid, and its result wait in the account. Return the result's file there."""
        self.job(item, JobStatus.COMPLETED)
        result = self.kept / "000000000000" / "outputbucket" / item.key
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_bytes(b"paid")
        return result

    def done(self, item: Item, ended: Collection[str] | None = None, is_noted: bool = True) -> Path:
        """Let the item be paid, and its result and its row be in the folder of results. Return the result's file. Versions that
        did not note their files are `is_noted=False`."""
        job = self.job(item, JobStatus.COMPLETED, ended)
        target = self.out.resolve() / item.key
        target.write_bytes(b"better")
        if is_noted:
            SavedFiles(self.out).add(target, target)
        source = replace(source_of(item.path.stat()), digest=digest_of(item.path))
        with adding(self.out, {"topaz"}) as rows:
            rows.add(Outcome(item, job, None, target, source=source))
        return target

    def row(self, item: Item, job: JobView) -> None:
        """Write a row of a job without a result in the folder: of one that is under way, or whose result could not be saved."""
        source = replace(source_of(item.path.stat()), digest=digest_of(item.path))
        with adding(self.out, {"topaz"}) as rows:
            rows.add(Outcome(item, job, None, source=source))

    def command(self, *options: str, folder: Path | None = None, sends: Sends = sends_nothing) -> str:
        """Run the command, and return what it says."""
        self.sent = []

        def run_over(stack: object, files: Screened, *_: object) -> list[Outcome]:
            self.sent = list(files.to_do)
            return sends(files)

        @contextlib.contextmanager
        def no_stack(**_: object) -> Iterator[None]:
            yield

        # The stack and the page are stand-ins: these tests are about what a command says and sends.
        with self.monkeypatch.context() as patch:
            patch.setenv("TOPAZ_API_KEY", "k")
            patch.setattr(local_run.leaving, "heeded", lambda: contextlib.nullcontext(Leaving(self.signal_number)))
            patch.setattr(local_run, "local_stack", no_stack)
            patch.setattr(local_run, "run_over", run_over)
            patch.setattr(make_page, "of_run", lambda *given, **_: self.commands.append(given[3]))
            words = ["local", "run", str(folder or self.folder), "--out", str(self.out), "--yes", *options]
            patch.setattr("sys.argv", ["darkroom", *words])
            ended = CliRunner().invoke(app, words)
        assert isinstance(ended.exception, SystemExit | None), ended.exc_info
        return " ".join(ended.output.split())


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs(tmp_path / "in", tmp_path / "out", monkeypatch)
    made.picture()
    return made
