"""Lists the files of a folder that a run leaves out: how many of each kind, and why. Their first bytes show the kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from darkroom import catalog
from darkroom.model import ImageFormat
from darkroom.output_keys import FOLDER_FILE, SUFFIXES
from darkroom_local.folder import earlier_results
from darkroom_local.folder.uploads import Item
from darkroom_local.folder.walk import Walk, is_hidden, walk

_HEAD_BYTES = 16
_HIDDEN, _UNREADABLE, _LINK, _EMPTY = "hidden", "unreadable", "linked", "empty"
_OTHER, _RESULT = "no picture", "of earlier runs"
_NOT_TAKEN = "Darkroom does not take this format. Convert the files first."
_WHY = {
    "JPEG": "", "PNG": "", "TIFF": "", "HEIC": _NOT_TAKEN, "AVIF": _NOT_TAKEN, "WebP": "", "GIF": "", "BMP": _NOT_TAKEN,
    _HIDDEN: "Files and folders whose names begin with a dot are not sent.", _UNREADABLE: "Your user may not read them.",
    _LINK: "Links to folders are not followed. Name the linked folder itself, or copy it.",
    _EMPTY: "The files have no content.", _OTHER: "",
    _RESULT: "The folders hold results. To enhance results, name their folder itself.",
}  # fmt: skip
_STARTS = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"GIF8": "GIF", b"BM": "BMP",
}  # fmt: skip
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1", b"hevc"), "HEIC")
_NAMES_SHOWN = 3


def lines(folder: Path, out: Path | None, taken: Iterable[Item], suffixes: Collection[str]) -> list[str]:
    """Return a line for each kind of file below `folder` that is not in `taken` and no result in `out`, if there is one. It has
    the number, the kind, examples and the reason. `suffixes` are the endings of the formats that are taken."""
    known, base = {item.path for item in taken}, out.resolve() if out else None
    kinds: dict[str, list[str]] = defaultdict(list)
    found = walk(folder)
    results = earlier_results.among(found.files, folder)
    for path in found.files:
        if path.name == FOLDER_FILE or path in known or (base and path.parent.resolve().is_relative_to(base)):
            continue
        kind = _RESULT if path in results else _HIDDEN if is_hidden(path, folder) else kind_of(path)
        kinds[kind].append(path.relative_to(folder).as_posix())
    _add_unreached(kinds, folder, found)
    return _lines(kinds, suffixes)


def lines_of(files: Iterable[tuple[str, Path]], walks: Mapping[Path, Walk], suffixes: Collection[str]) -> list[str]:
    """Return a line for each kind of the files, which are given with their names, and of what was not reached in folders, as
    `lines` does. `walks` has what was found in each folder."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for name, path in files:
        kinds[kind_of(path)].append(name)
    for folder, found in walks.items():
        _add_unreached(kinds, folder, found)
    return _lines(kinds, suffixes)


def _add_unreached(kinds: dict[str, list[str]], folder: Path, found: Walk) -> None:
    for kind, paths in ((_UNREADABLE, found.unreadable), (_LINK, found.links)):
        names = [path.relative_to(folder).as_posix() for path in paths if not is_hidden(path, folder)]
        if names:
            kinds[kind] += names


def kind_of(path: Path) -> str:
    """Return the kind of a file by its first bytes (the formats' specifications; ISO/IEC 14496-12 for HEIC and AVIF)."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return _UNREADABLE
    if not head:
        return _EMPTY
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _OTHER)
    return next((kind for start, kind in _STARTS.items() if head.startswith(start)), _OTHER)


def _lines(kinds: Mapping[str, Sequence[str]], suffixes: Collection[str]) -> list[str]:
    return [_line(kind, kinds[kind], _why(kind, suffixes)) for kind in _WHY if kind in kinds]


def _why(kind: str, suffixes: Collection[str]) -> str:
    """Why files of that kind are left out, and what to do."""
    form = next((known for known in ImageFormat if known.value == kind.lower()), None)
    if form is None:
        return _WHY[kind]
    if set(SUFFIXES[form]) & set(suffixes):
        return f"Give the name one of these endings: {' '.join(sorted(suffixes))}."
    takers = [name for name in catalog.providers() if _takes(name, form)]
    return f"Use --set provider={' or '.join(takers)}, or convert the files first." if takers else _NOT_TAKEN


def _takes(provider: str, form: ImageFormat) -> bool:
    return any(form in model.input_formats for model in catalog.load(provider).models.values())


def _line(kind: str, names: Sequence[str], why: str) -> str:
    more = ", …" if len(names) > _NAMES_SHOWN else ""
    return f"left out: {len(names)} {kind}: {', '.join(names[:_NAMES_SHOWN])}{more}. {why}".rstrip()
