"""Keeps the saved state ("account") of a folder of results in `.darkroom` below it: what runs submitted, reserved and spent.

Only one run at a time has the account open. An account survives if a process is killed at any moment, because its journal has
every row of the ledger, and it also keeps the results that are not in the folder yet. This module must not decide what a row
means.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from darkroom_local.emulator import ledger_journal, persistence
from darkroom_local.emulator.ledger_journal import JournalJob
from darkroom_local.folder.earlier_results import ACCOUNT
from darkroom_local.folder.uploads import Item
from darkroom_local.machine.disk_sync import sync_folder

# Every process of a run has these environment variables: the path of its account, and where the account is on which disk. The
# latter outlives a new name of the folder; the former is there for disks that give a folder another number now and then.
MARKER, _PLACE = "DARKROOM_ACCOUNT", "DARKROOM_ACCOUNT_PLACE"
REAL, _JOURNAL, _ID = "real", "ledger.jsonl", "account-id"
_WORK = "darkroom-stack-"
_ABOUT = """This folder holds the saved state of the runs that made the results next to it: what was submitted, what it cost,
and what is left of the month's budget. Keep it with the results. Without it, a run cannot know what an earlier run has paid for.

  real/ledger.jsonl       each write of the ledger, one a line, for runs with a real key; simulated/ for all others
  real/account-id         a random text, so that no other folder's jobs at the provider are taken for this one's
  real/results/           results that are paid but not in the folder of results yet
  lock, work              the run that is at work, and its temporary folder
"""


class AccountInUse(Exception):
    """Another run is at work in the folder."""


class AccountUnwritable(Exception):
    """The account cannot be written, so nothing is sent."""


@dataclass(frozen=True)
class FolderAccount:
    """An open account: its journal, and the results that are not in the folder yet. `jobs` are those of earlier runs.

    `account_id` is part of each job's id, so that a lost submit is never taken for one of another account. It is empty for an
    account of a version that had none.
    """

    account_id: str
    root: Path
    journal: Path
    results: Path
    jobs: tuple[JournalJob, ...]

    @property
    def is_real(self) -> bool:
        """Whether its runs had a real key."""
        return self.journal.parent.name == REAL

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which the embedded cloud keeps the account."""
        kept = {persistence.JOURNAL: str(self.journal), persistence.RESULTS: str(self.results)}
        return {**_marks_of(self.root), **kept}

    def in_order(self, items: Iterable[Item]) -> list[Item]:
        """Return the items. Those that a provider may have come first, because a lost submit is resolved best while its picture
        is in the bucket."""
        left_open = {job.key for job in self.jobs if job.is_under_way}
        return sorted(items, key=lambda item: item.key not in left_open)

    def forget_results(self) -> None:
        """Remove the kept results. Call this once all of them are in the folder."""
        shutil.rmtree(self.results, ignore_errors=True)

    def note_work(self, folder: Path) -> None:
        """Note a temporary folder, so that the next run removes it if this run cannot."""
        (self.root / "work").write_text(str(folder))


def id_of(out: Path, *, is_real: bool) -> str:
    """Return the id of the present account of `out`, empty if it has none. Changes nothing."""
    path = _home(out, is_real=is_real) / _ID
    return path.read_text() if path.exists() else ""


def rows(out: Path, *, is_real: bool = True) -> dict[ledger_journal.Key, ledger_journal.Row]:
    """Return the ledger's rows of the runs with a real key, or of all others, from the present account of `out`. Changes
    nothing."""
    return ledger_journal.rows_of(_home(out, is_real=is_real) / _JOURNAL)


@contextlib.contextmanager
def opened(
    out: Path, simulated: Collection[str], *, is_real: bool, deadline: timedelta = ledger_journal.DEADLINE
) -> Iterator[FolderAccount]:
    """Open the saved state of the results folder `out` for the length of the `with` block, and create it if it does not
    exist. First kill the processes that are left over from a run that was killed.

    `deadline` is that of the new run's jobs. Runs with a real key and simulated runs have separate accounts, so that simulated
    money never counts. Raises AccountInUse, AccountUnwritable.
    """
    home = _home(out, is_real=is_real)
    root, journal = home.parent, home / _JOURNAL
    with contextlib.ExitStack() as ends:
        try:
            (home / "results").mkdir(parents=True, exist_ok=True, mode=0o700)
            (root / "README.txt").write_text(_ABOUT)
            ends.enter_context(_locked(root / "lock", out))
            end_survivors(root)
            _remove_work(root / "work")
            account_id = _account_id(home)
            jobs = ledger_journal.prepare(journal, datetime.now(UTC), simulated, deadline)
            sync_folder(out.resolve())
            sync_folder(root)
        except OSError as error:
            why = f"The ledger in {str(root)!r} cannot be written: {error}."
            raise AccountUnwritable(f"{why} Nothing was sent. Mend that, then run again.") from None
        yield FolderAccount(account_id, root, journal, home / "results", jobs)


def end_survivors(root: Path) -> None:
    """Kill every process that has this account in its environment, also under an earlier name of its folder, and return once
    none is left."""
    while pids := _processes_of(root):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _home(out: Path, *, is_real: bool) -> Path:
    return out.resolve() / ACCOUNT / (REAL if is_real else "simulated")


def _account_id(home: Path) -> str:
    """Return the account's id. Make it if the account is new, which it is while it has no journal: so the id is on the disk
    before any job has it. Raises OSError."""
    path = home / _ID
    if not path.exists():
        if (home / _JOURNAL).exists():
            return ""
        fresh = path.with_suffix(".new")
        with fresh.open("w") as file:
            file.write(uuid.uuid4().hex)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        sync_folder(home)
    return path.read_text()


def _marks_of(root: Path) -> dict[str, str]:
    place = root.stat()
    return {MARKER: str(root), _PLACE: f"{place.st_dev}:{place.st_ino}"}


def _processes_of(root: Path) -> list[int]:
    wanted = [f"{name}={value}" for name, value in _marks_of(root).items()]
    if Path("/proc/self/environ").exists():
        found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _has(path, wanted)]
    else:
        shown = subprocess.run(["ps", "-axEww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
        lines = [line.split(maxsplit=1) for line in shown.stdout.splitlines()]
        found = [
            int(line[0]) for line in lines if len(line) == 2 and any(f" {mark} " in f"{line[1]} " for mark in wanted)
        ]
    return [pid for pid in found if pid != os.getpid()]


def _has(process: Path, wanted: Collection[str]) -> bool:
    with contextlib.suppress(OSError):
        given = (process / "environ").read_bytes().split(b"\0")
        return any(mark.encode() in given for mark in wanted)
    return False


@contextlib.contextmanager
def _locked(path: Path, out: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AccountInUse(
                f"Another run is at work in {str(out)!r}. Wait until it ends, or give another --out."
            ) from None
        yield


def _remove_work(note: Path) -> None:
    if note.exists():
        folder = Path(note.read_text())
        if folder.name.startswith(_WORK):
            shutil.rmtree(folder, ignore_errors=True)
        note.unlink()
