"""Reads and writes `credits.csv`. A row says what became of a file, what it cost, and from which source and settings it was made.

A row is written as soon as its file is done, and is never changed, because a later run adds new rows. This module must not decide
which files a run sends.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import functools
import hashlib
import itertools
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import FileIO, StringIO
from pathlib import Path

from darkroom.model import TERMINAL, JobStatus
from darkroom.setting_layers import canonical
from darkroom.timestamps import stamp
from darkroom_local.folder.uploads import Item, Source, digest_of, source_of
from darkroom_local.results.downloads import NOT_SAVED, Outcome
from darkroom_local.results.files import UnsafeKey, safe_target
from darkroom_local.run import progress_display

CREDITS_FILE = "credits.csv"
REAL, SIMULATED = "real", "simulated"
_COLUMNS = (
    "file", "date", "label", "job_id", "status", "provider", "model", "credits_reserved", "credits", "unit", "cost_usd",
    "from", "to", "error", "process_id", "api", "result", "source_bytes", "source_modified_ns", "settings",
    "source", "source_sha256",
)  # fmt: skip
_NEEDED = frozenset(
    {
        "file",
        "job_id",
        "status",
        "provider",
        "credits",
        "api",
        "result",
        "source_bytes",
        "source_modified_ns",
        "settings",
    }
)
# A text that begins so gets a "'" before it. A "'" of its own is passed over, so that "=a" and "'=a" have different cells.
_GUARDED = re.compile("'*[=+@-]")
_ESCAPED = re.compile(r"\\(?:[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_DECIDING_PARAMETERS = ("DefaultSettings", "Provider")  # the stack parameters that change the results


class Unwritable(Exception):
    """The folder for results or its `credits.csv` cannot be written."""


class Receipts:
    """Adds rows to an open `credits.csv`."""

    def __init__(self, file: FileIO, out: Path, real: Collection[str]) -> None:
        self._file, self._out, self._real = file, out.resolve(), real
        self._settled = {row["job_id"] for row in _rows_of(out) if row["credits"]}

    def add(self, outcome: Outcome) -> None:
        """Write a row for an outcome immediately. Raises Unwritable."""
        with _told(self._out):
            _write(self._file, [cell(value) for value in self._row(outcome)])
        if outcome.job.credits is not None:
            self._settled.add(outcome.job.job_id)

    def _row(self, outcome: Outcome) -> tuple[object, ...]:
        job, source = outcome.job, outcome.source
        api = (REAL if job.provider in self._real else SIMULATED) if job.provider else ""
        result = outcome.result.relative_to(self._out).as_posix() if outcome.result else ""
        is_counted = job.job_id in self._settled  # an earlier row has the credits, so that no sum counts them twice
        return (
            outcome.item.key,
            stamp(datetime.now(UTC)),
            outcome.label,
            job.job_id,
            outcome.word,
            job.provider,
            job.model,
            job.credits_reserved,
            None if is_counted else job.credits,
            progress_display.unit_of(job.provider),
            None if is_counted else job.cost_usd,
            outcome.size,
            outcome.result_size,
            outcome.code,
            job.process_id,
            api,
            result,
            source and source.size_bytes,
            source and source.modified_ns,
            asked_for(outcome.item),
            source and outcome.item.path.resolve(),
            source and source.digest,
        )


@contextlib.contextmanager
def adding(out: Path, real: Collection[str] = ()) -> Iterator[Receipts]:
    """Open `credits.csv` of a folder to add rows. The folder and the file are made if they do not exist. `real` has the providers
    that are not simulated. A file with the columns of an older version is renamed and kept. Raises Unwritable."""
    with _told(out):
        file = _opened(out)
    with file:
        with _told(out):
            _begin(file, out / CREDITS_FILE)
        yield Receipts(file, out, real)


def ended_jobs(out: Path, again: bool = False) -> set[str]:
    """Return the ids of jobs that have a row with their end: a result in the folder, or the reason why there is none. A job whose
    result could not be saved has ended once a later job brought it. With `again`, it has ended in any case."""
    words = {status.value for status in TERMINAL} | ({NOT_SAVED} if again else set())
    ended, unsaved = set[str](), dict[tuple[str | None, ...], list[str]]()
    for row in _rows_of(out):
        request = (row["file"], row["settings"], row.get("source_sha256"))
        if row["status"] in words:
            ended.add(row["job_id"])
        if row["status"] == NOT_SAVED:
            unsaved.setdefault(request, []).append(row["job_id"])
        elif row["status"] == JobStatus.COMPLETED.value:
            ended.update(unsaved.pop(request, ()))
    return ended


def named_results(out: Path) -> frozenset[str]:
    """Return the keys of the results that a row names. Any other file in the folder belongs to the operator."""
    return frozenset(name_in(row["result"]) for row in _rows_of(out) if row["result"])


def requests(out: Path) -> dict[str, dict[str, str]]:
    """Return job id → what was asked for, as `asked_for` wrote it. The newest row of a job counts."""
    found: dict[str, dict[str, str]] = {}
    for row in _rows_of(out):
        with contextlib.suppress(ValueError, TypeError, AttributeError):  # a row that is cut has no settings
            found[row["job_id"]] = {str(name): str(value) for name, value in json.loads(row["settings"]).items()}
    return found


class Done:
    """Knows the results of earlier runs in a folder, from the rows of its `credits.csv`."""

    def __init__(self, out: Path) -> None:
        self._out = out
        # If several rows name the same result, the newest row counts.
        rows = (row for row in _rows_of(out) if row["status"] == JobStatus.COMPLETED.value)
        self._by_result = {row["result"] or "": row for row in rows}
        self._results_of: dict[str, list[str]] = {}  # file → its results, under whatever names its settings gave them
        for result, row in self._by_result.items():
            self._results_of.setdefault(row["file"], []).append(result)

    def has(self, item: Item, real: Collection[str] = ()) -> bool:
        """Return whether the result of this unchanged file with the same settings is in the folder. A simulated result does not
        count if a provider in `real` would make it now. Raises OSError if the file cannot be read."""
        return any(self._is_of(item, result, real) for result in self._results_of.get(cell(item.key), ()))

    def _is_of(self, item: Item, result: str, real: Collection[str]) -> bool:
        row = self._by_result[result]
        if row["settings"] != cell(asked_for(item)):
            return False
        if row["api"] == SIMULATED and row["provider"] in real:
            return False
        return _is_source(row, item.path) and self._is_there(result)

    def other_source(self, item: Item, results: Collection[str]) -> str:
        """Return the path of another file whose result is in the folder under the item's key, if it is one of `results`;
        otherwise an empty text. A file that was moved, or copied, is the same one. Rows of older versions name no path. Raises
        OSError if the file cannot be read."""
        for result in self._results_of.get(cell(item.key), ()):
            row = self._by_result[result]
            path = row.get("source") or ""
            if not path or path == cell(item.path.resolve()) or name_in(result) not in results:
                continue
            if self._is_there(result) and not _is_source(row, item.path):
                return name_in(path)
        return ""

    def _is_there(self, result: str) -> bool:
        with contextlib.suppress(UnsafeKey):
            return safe_target(self._out, name_in(result)).is_file()
        return False


def _is_source(row: Mapping[str, str], path: Path) -> bool:
    """Return whether the row's result was made from this content. The file is read only if its size is the same and its time of
    change is not: that changes with a copy, and on some disks with daylight saving. Raises OSError."""
    source, digest = source_of(path.stat()), row.get("source_sha256")
    if row["source_bytes"] != str(source.size_bytes):
        return False
    return row["source_modified_ns"] == str(source.modified_ns) or (bool(digest) and digest == _digest(path, source))


@functools.cache  # because a run looks at its files twice before it sends them
def _digest(path: Path, source: Source) -> str:
    return digest_of(path)


def asked_for(item: Item) -> str:
    """Return the settings and the stack parameters that decide the result, as one line."""
    said = {canonical(key): value for key, value in item.settings.items()}
    stack = {name: item.parameters[name] for name in _DECIDING_PARAMETERS if item.parameters.get(name)}
    files = {place: hashlib.sha256(body).hexdigest()[:16] for place, body in item.files}
    return json.dumps(said | stack | files, sort_keys=True)


def cell(value: object) -> str:
    """Return the value as the text of a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else progress_display.visible(value)
    return f"'{text}" if _GUARDED.match(text) else text


def name_in(written: str) -> str:
    """Return the name of a file from its cell. No name has a backslash, because `safe_target` refuses it, so that each backslash
    belongs to a character that `visible` escaped."""
    name = _ESCAPED.sub(lambda found: found[0].encode().decode("unicode_escape"), written)
    return name[1:] if name.startswith("'") and _GUARDED.match(name[1:]) else name


def _rows_of(out: Path) -> list[dict[str, str]]:
    """Return the rows of `credits.csv` and of its renamed older versions, if they have the columns that identify a picture."""
    rows: list[dict[str, str]] = []
    for path in (*sorted(out.glob("credits.*.csv")), out / CREDITS_FILE):
        if path.exists() and set(_columns(path)) >= _NEEDED:
            with path.open(newline="", encoding="utf-8", errors="replace") as file:
                lines = (line.replace("\0", "") for line in file)  # a machine that stopped may leave zero bytes
                rows += csv.DictReader(lines)
    return rows


def _opened(out: Path) -> FileIO:
    out.mkdir(parents=True, exist_ok=True)
    path = out / CREDITS_FILE
    if path.exists() and path.stat().st_size and not _is_ours(path):
        path.rename(next(p for n in itertools.count(1) if not (p := out / f"credits.{n}.csv").exists()))
    return path.open("ab", buffering=0)  # after a failed write, a buffer would be written again at close


def _begin(file: FileIO, path: Path) -> None:
    if not path.stat().st_size:
        _write(file, _COLUMNS)
    elif not _ends_a_line(path):  # a machine stopped half-way through a row
        file.write(b"\r\n")


def _write(file: FileIO, cells: Sequence[str]) -> None:
    text = StringIO(newline="")
    csv.writer(text).writerow(cells)
    row = text.getvalue().encode()
    if file.write(row) != len(row):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


@contextlib.contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(f"{CREDITS_FILE} in {str(out)!r} cannot be written: {error}") from error


def _is_ours(path: Path) -> bool:
    return _columns(path) == _COLUMNS


def _columns(path: Path) -> tuple[str, ...]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return tuple(next(csv.reader(file), ()))


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
