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

_HEAD_BYTES = 16
_HIDDEN, _UNREADABLE, _EMPTY, _OTHER, _RESULT = "hidden", "unreadable", "empty", "no picture", "of earlier runs"
_NOT_TAKEN = "Darkroom does not take this format. Convert the files first."
_WHY = {
    "JPEG": "", "PNG": "", "TIFF": "", "HEIC": _NOT_TAKEN, "AVIF": _NOT_TAKEN, "WebP": "", "GIF": "", "BMP": _NOT_TAKEN,
    _HIDDEN: "Files and folders whose names begin with a dot are not sent.", _UNREADABLE: "The files cannot be read.",
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
    files = sorted(folder.rglob("*"))
    results = earlier_results.among(files, folder)
    for path in files:
        if (
            path.is_file()
            and path.name != FOLDER_FILE
            and path not in known
            and not (base and path.parent.resolve().is_relative_to(base))
        ):
            name = path.relative_to(folder)
            is_hidden = any(part.startswith(".") for part in name.parts)
            kind = _RESULT if path in results else _HIDDEN if is_hidden else kind_of(path)
            kinds[kind].append(name.as_posix())
    return _lines(kinds, suffixes)


def lines_of(files: Iterable[tuple[str, Path]], suffixes: Collection[str]) -> list[str]:
    """Return a line for each kind of the files, which are given with their names, as `lines` does."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for name, path in files:
        kinds[kind_of(path)].append(name)
    return _lines(kinds, suffixes)


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
