"""Keeps the data of an embedded cloud on disk, so that nothing is lost if it is killed: tables in a journal, results in files.

`keep` changes ministack 1.5.33 from inside. A write to a table, and a result, is on the disk before the cloud answers. If it
cannot be written, the cloud ends immediately, so that every paid job is on the disk. This module must not know what rows mean.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darkroom_local.emulator.ledger_journal import Change, Journal, rows_of
from darkroom_local.emulator.version import require

JOURNAL, RESULTS = "DARKROOM_JOURNAL", "DARKROOM_RESULTS"  # environment variables with the paths of a file and a folder
VERSION_HEADER = "x-darkroom-version-id"  # a header of PutObject with the id for the new version
_UNWRITABLE = "The run's saved state cannot be written: {}. Make room on the disk, or make the folder writable."
_SEED = "lasting"  # the seed for the physical names of buckets, which would otherwise differ in each cloud
_RESULT_BUCKET = "outputbucket"  # is in the physical name of the bucket whose objects are kept


def keep(journal: Path, results: Path) -> None:
    """Keep the tables in `journal`, and the objects of the result bucket below `results`. Call this once, before the cloud
    serves."""
    from ministack.services import dynamodb, s3

    require(dynamodb, {"handle_request": "headers", "_set_item": "item", "_remove_item": "sk_val"}, ("_tables",))
    require(
        s3,
        {
            "_persist_object": "obj",
            "_persist_displaced_version": "prior_obj",
            "_version_file_exists": "version_id",
            "_load_persisted_bucket": "bucket_path",
        },
        ("handle_request", "DATA_DIR", "S3_PERSIST", "_buckets", "_object_versions"),
    )
    name_buckets_alike()
    _Tables(dynamodb, journal).attach()
    _keep_results(s3, results)


def name_versions() -> None:
    """Let a PutObject choose the id of its version, so that one upload has the same version id in each cloud."""
    from ministack.services import s3

    require(s3, {"_put_object": "headers", "_record_object_version": "obj"}, ("new_uuid", "_object_versions"))
    wanted: contextvars.ContextVar[str] = contextvars.ContextVar("wanted", default="")
    put, record, new_id = s3._put_object, s3._record_object_version, s3.new_uuid
    naming: contextvars.ContextVar[str] = contextvars.ContextVar("naming", default="")

    def put_object(bucket_name: str, key: str, body: bytes, headers: dict[str, str]) -> Any:
        token = wanted.set(headers.get(VERSION_HEADER, ""))
        try:
            return put(bucket_name, key, body, headers)
        finally:
            wanted.reset(token)

    def record_version(bucket_name: str, key: str, prior: Any, obj: Any, data: Any) -> Any:
        version = wanted.get()
        known = s3._object_versions.get((bucket_name, key), []) if version else []
        known[:] = [one for one in known if one["version_id"] != version]  # a repeated request replaces its version
        token = naming.set(version)
        try:
            return record(bucket_name, key, prior, obj, data)
        finally:
            naming.reset(token)

    s3._put_object, s3._record_object_version = put_object, record_version
    s3.new_uuid = lambda: naming.get() or new_id()


def name_buckets_alike() -> None:
    """Give the buckets of a stack the same physical names in each cloud, because a job's id is computed from its bucket's
    name."""
    from ministack.services.cloudformation import provisioners

    require(provisioners, attributes=("_RESOURCE_HANDLERS", "_NAME_SEED"))
    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create = handlers["create"]

    def create_bucket(logical_id: str, props: Any, stack_name: str) -> Any:
        provisioners._NAME_SEED.set(_SEED)
        return create(logical_id, props, stack_name)

    handlers["create"] = create_bucket


class _Tables:
    """Writes each change of an item to the journal, and fills the tables from the journal before the first request."""

    def __init__(self, dynamodb: Any, path: Path) -> None:
        self._dynamodb, self._rows, self._journal = dynamodb, rows_of(path), Journal(path)
        self._handle, self._set, self._remove = dynamodb.handle_request, dynamodb._set_item, dynamodb._remove_item
        self._changes: list[Change] | None = None  # the changes of the present request; requests come one by one

    def attach(self) -> None:
        self._dynamodb.handle_request = self.handle_request
        self._dynamodb._set_item, self._dynamodb._remove_item = self.set_item, self.remove_item

    def close(self) -> None:
        self._journal.close()

    async def handle_request(self, *request: Any) -> Any:
        """Handle a request as ministack does, but write its changes to the disk before the answer."""
        self._fill()
        with self._as_one():
            return await self._handle(*request)

    def set_item(self, table: Any, pk: str, sk: str, item: Any) -> Any:
        with self._as_one():
            self._note(Change((pk, sk), item))
            return self._set(table, pk, sk, item)

    def remove_item(self, table: Any, pk: str, sk: str) -> Any:
        with self._as_one():
            self._note(Change((pk, sk), None))
            return self._remove(table, pk, sk)

    def _note(self, change: Change) -> None:
        if self._changes is not None:
            self._changes.append(change)

    @contextlib.contextmanager
    def _as_one(self) -> Iterator[None]:
        """Write all changes of the block as one line of the journal. An inner block adds its changes to the outer block."""
        if self._changes is not None:
            yield
            return
        self._changes = []
        try:
            yield
        finally:
            changes, self._changes = self._changes, None
            if changes:
                self._write(changes)

    def _write(self, changes: list[Change]) -> None:
        try:
            self._journal.append(changes)
        except OSError as error:
            _end_unwritable(error)

    def _fill(self) -> None:
        if not self._rows:
            return
        for _, table in list(self._dynamodb._tables.all_items()):
            rows, self._rows = self._rows, {}
            for (pk, sk), row in rows.items():
                self._set(table, pk, sk, row)


def _end_unwritable(why: object) -> None:
    """End the cloud immediately, so that it acknowledges nothing that a next run would not find."""
    print(_UNWRITABLE.format(why), file=sys.stderr, flush=True)
    os._exit(1)


def _keep_results(s3: Any, results: Path) -> None:
    """Keep the objects of the result bucket as files, and load them into the bucket before its first request."""
    persist, displaced, handle = s3._persist_object, s3._persist_displaced_version, s3.handle_request
    # Not by environment variables, because then the buckets would exist before the stack.
    s3.DATA_DIR, s3.S3_PERSIST = str(results), True
    waiting = {path.name: path for path in results.glob("*/*") if path.is_dir()}

    def persist_object(bucket: str, key: str, obj: Any) -> None:
        if _RESULT_BUCKET in bucket:
            if not results.exists():  # a result that is written to the folder's earlier place is lost to the account
                _end_unwritable("the folder was moved, renamed or removed")
            persist(bucket, key, obj)
            if (
                obj["body"] is not None
            ):  # ministack only logs the error, and takes the body away once the file is written
                _end_unwritable(f"the result {key!r} was not written")
            for version in s3._object_versions.get((bucket, key), []):
                if version["version_id"] == obj.get("version_id"):
                    version["data"] = None  # its readers take the file then; otherwise memory would hold each result

    def persist_displaced(bucket: str, key: str, prior: Any, versioning: str) -> None:
        if _RESULT_BUCKET in bucket:
            displaced(bucket, key, prior, versioning)
            version = prior and prior.get("version_id")
            if version and not s3._version_file_exists(bucket, key, version):
                _end_unwritable(f"an earlier result {key!r} was not written")

    async def handle_request(*request: Any, **more: Any) -> Any:
        for name in [name for name in waiting if name in s3._buckets]:
            path = waiting.pop(name)
            s3._load_persisted_bucket(path.parent.name, name, str(path))
        return await handle(*request, **more)

    s3._persist_object, s3._persist_displaced_version, s3.handle_request = (
        persist_object,
        persist_displaced,
        handle_request,
    )
