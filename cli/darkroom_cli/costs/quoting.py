"""Finds the uploads that `darkroom plan` and `darkroom explain` speak of, and the quote that submit would make of them.

A place is `s3://bucket/key-or-prefix`, which needs a stack, or a path on this machine, which needs neither a stack nor AWS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.options import completion
from darkroom_cli.stack import deployment
from darkroom_cli.stack.batch_reader import jobs_by_id
from darkroom_cli.stack.deployment import Deployment

if TYPE_CHECKING:
    from darkroom.model import Job, SourceObject, Upload
    from darkroom.pipeline.quote import Quote
    from darkroom.setting_layers import Layer

S3 = "s3://"
NO_STACK = "without the limits and the DefaultSettings of a stack, because these are files of this machine"
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting that is stronger than all others; may be repeated.",
        autocompletion=completion.settings,
    ),
]


@dataclass(frozen=True)
class Place:
    """Uploads, with all that is needed to quote them. `deployment` is None for files of this machine."""

    quote: Quote
    uploads: Sequence[Upload]
    sources: Sequence[SourceObject] = ()  # the uploads as the listing shows them
    jobs: Mapping[str, Job] = field(default_factory=dict)  # key → job of the upload, where there is one
    digest: Callable[[SourceObject], str] = lambda source: source.etag
    deployment: Deployment | None = None


def parse_settings(pairs: Sequence[str]) -> list[Layer]:
    """Return `key=value` texts as the strongest layer. Raises BadParameter."""
    from darkroom.setting_layers import COMMAND, Layer

    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = (word.strip() for word in pair.partition("="))
        if not (key and equals):
            raise typer.BadParameter(f"{pair!r} is not key=value, as in scale=2", param_hint="--set")
        if key in values:
            raise typer.BadParameter(f"{key} is given twice; keep one of them", param_hint="--set")
        values[key] = value
    return [Layer(COMMAND, values, carried_by_object=True, closed=True)] if values else []


def one(place: str, stack: str) -> Place:
    """Return the place of one upload. Raises BadParameter, NoDeployment."""
    from darkroom.model import Upload

    if not place.startswith(S3):
        path = Path(place)
        if not path.is_file():
            raise typer.BadParameter(f"{place!r} is no file, and does not begin with {S3}", param_hint="FILE")
        here, file = Path.cwd().resolve(), path.resolve()
        root = here if file.is_relative_to(here) else file.parent
        return Place(_local_quote(root), [Upload("", file.relative_to(root).as_posix())])
    bucket, key = _split(place)
    if not key:
        raise typer.BadParameter(f"{place!r} names no object; `darkroom plan` takes a prefix", param_hint="FILE")
    deployed = deployment.connect(stack)
    return Place(deployed.container.quote, [Upload(bucket, key)], deployment=deployed)


def many(place: str, stack: str) -> Place:
    """Return all uploads below a prefix or a folder. Raises BadParameter, NoDeployment."""
    return _prefix(*_split(place), stack) if place.startswith(S3) else _folder(Path(place))


def _folder(folder: Path) -> Place:
    from darkroom import output_keys
    from darkroom.model import Upload
    from darkroom_local.folder.source import FolderSource

    if not folder.is_dir():
        raise typer.BadParameter(f"{str(folder)!r} is no folder, and does not begin with {S3}", param_hint="FOLDER")
    files = FolderSource(folder)
    uploads = [Upload("", key) for key in files.files() if output_keys.is_upload(key)]

    def digest(source: SourceObject) -> str:
        with files.open(source) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]

    return Place(_local_quote(folder), uploads, [files.find(upload) for upload in uploads], digest=digest)


def _local_quote(root: Path) -> Quote:
    """Return the quote of a stack that allows all providers and has no limits, for files below `root`."""
    from darkroom.container import Container
    from darkroom.providers.registry import ADAPTERS
    from darkroom_local.folder.source import FolderSource

    files = FolderSource(root)
    return Container(
        {"ALLOWED_PROVIDERS": ",".join(ADAPTERS)}, replaced={"sources": files, "folder_files": files}
    ).quote


def _prefix(bucket: str, prefix: str, stack: str) -> Place:
    from darkroom import output_keys
    from darkroom.model import Upload

    deployed = deployment.connect(stack)
    container = deployed.container
    own = bucket == deployed.input_bucket
    begin = container.configuration.prefix if own else ""
    suffixes = container.configuration.suffixes
    newest = {source.key: source for source in _listed(deployed, bucket, prefix) if source.is_latest is not False}
    found = [source for source in newest.values() if output_keys.is_upload(source.key, begin, suffixes)]
    uploads = [Upload(source.bucket, source.key, source.version_id, source.etag) for source in found]
    jobs = _jobs(deployed, found) if own else {}
    return Place(container.quote, uploads, found, jobs, deployment=deployed)


def _listed(deployed: Deployment, bucket: str, prefix: str) -> Iterator[SourceObject]:
    cursor: str | None = None
    while True:
        page, cursor = deployed.container.adapters.sources.page(bucket, prefix, cursor)
        yield from page
        if cursor is None:
            return


def _jobs(deployed: Deployment, sources: Sequence[SourceObject]) -> dict[str, Job]:
    keys = {source.job_id: source.key for source in sources}
    found = jobs_by_id(deployed.operator_ledger, list(keys))
    return {keys[job_id]: job for job_id, job in found.items()}


def _split(place: str) -> tuple[str, str]:
    bucket, _, key = place.removeprefix(S3).partition("/")
    if not bucket:
        raise typer.BadParameter(f"{place!r} names no bucket; write s3://bucket/prefix", param_hint="FOLDER")
    return bucket, key
