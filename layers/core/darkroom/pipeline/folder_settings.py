"""Folder settings: finds the `darkroom.toml` files that count for an upload, and checks a file that was uploaded itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from darkroom import folder_files, output_keys, setting_layers
from darkroom.errors import CURES, InvalidSetting, SourceDenied, SourceGone, SourceUnreadable
from darkroom.folder_files import FolderFile
from darkroom.model import SourceObject, Upload
from darkroom.pipeline.message_outcomes import Ignored
from darkroom.ports import FolderFiles, InputBucket, OutputBucket

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """Reads the files of an upload's folders. Repeat safe; it writes nothing."""

    files: FolderFiles
    allowed_providers: Sequence[str]  # the default one first

    def of(self, bucket: str, key: str, as_of: datetime) -> list[FolderFile]:
        """Return the valid files that count for an upload, the nearest folder first, as they were at `as_of` or later.

        Raises InvalidSetting if one is wrong, SourceDenied if one may not be read.
        """
        found: list[FolderFile] = []
        for place in folder_files.keys_for(key):
            text = self.files.read(bucket, place, as_of)
            if text is not None:
                found.append(folder_files.parse(place, text.body, tuple(self.allowed_providers)))
        return found


@dataclass(frozen=True, kw_only=True)
class FolderFileCheck:
    """Checks a `darkroom.toml` as soon as it is uploaded. Repeat safe."""

    sources: InputBucket
    folders: FolderSettings
    outputs: OutputBucket
    default_provider: str
    prefix: str  # the stack's: a file that counts for no upload is not checked

    def __call__(self, upload: Upload) -> Ignored:
        """Write a report if the file is wrong, else remove the report of an earlier one. The file itself is no upload. A file
        that may not be read has no report: the uploads below it wait, and say why."""
        if not folder_files.governs(upload.key, self.prefix):
            return Ignored("a darkroom.toml outside of InputPrefix")
        try:
            return self._report_on(upload)
        except (SourceGone, SourceDenied, SourceUnreadable) as unread:
            log.warning("a darkroom.toml cannot be read", extra={"key": upload.key, "why": str(unread)})
            return Ignored(str(unread))

    def _report_on(self, upload: Upload) -> Ignored:
        source = self.sources.find(Upload(upload.bucket, upload.key, sequencer=upload.sequencer))  # the newest version
        report_key = output_keys.report_key(upload.key)
        try:
            self._check(source)
        except InvalidSetting as fault:
            self.outputs.write_report(report_key, _report(source, fault), source.order)
            log.warning("a darkroom.toml is wrong", extra={"key": upload.key, "why": str(fault)})
            return Ignored(f"a darkroom.toml that is wrong: {fault}")
        self.outputs.remove_report(report_key, source.order)
        log.info("a darkroom.toml counts from now on", extra={"key": upload.key})
        return Ignored("a darkroom.toml that is right")

    def _check(self, source: SourceObject) -> None:
        """Raise InvalidSetting if the file is wrong, or names a preset that neither it, nor its parents, nor a provider has."""
        own = self.folders.files.read(source.bucket, source.key, source.last_modified)
        if own is None:
            return  # deleted meanwhile
        allowed = tuple(self.folders.allowed_providers)
        file = folder_files.parse(source.key, own.body, allowed)
        parents: list[FolderFile] = []
        for place in folder_files.keys_for(source.key)[1:]:
            text = self.folders.files.read(source.bucket, place, source.last_modified)
            if text is not None:
                try:
                    parents.append(folder_files.parse(place, text.body, allowed))
                except InvalidSetting:
                    log.info("a parent's darkroom.toml is wrong, and has its own report", extra={"key": place})
        presets = folder_files.presets_of([file, *parents])
        for layer in (file.top, *(rule.layer for rule in file.rules)):
            setting_layers.resolve(
                [layer], default_provider=self.default_provider, allowed_providers=allowed, presets=presets
            )


def _report(source: SourceObject, fault: InvalidSetting) -> dict[str, object]:
    return {
        "source_bucket": source.bucket,
        "source_key": source.key,
        "source_version": source.version_id,
        "code": fault.code.value,
        "message": str(fault),
        "cure": CURES[fault.code],
    }
