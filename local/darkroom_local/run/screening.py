"""Decides which files of a folder are uploaded. It looks at all files before the first upload, when nothing has cost anything.

It must not upload files or check pictures and settings. Submit checks them, and a file that it rejects costs nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from darkroom import output_keys
from darkroom.setting_layers import canonical
from darkroom_local.folder import plans, rules
from darkroom_local.folder.uploads import Item, UnusableSetting, items_in, picture_suffixes
from darkroom_local.results import downloads, files
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.files import UnsafeKey
from darkroom_local.results.saved_files import SavedFiles
from darkroom_local.run import shared_places
from darkroom_local.run.credits_csv import Done, named_results
from darkroom_local.run.earlier_jobs import EarlierJobs

_MAX_UPLOAD_BYTES = 5 * 1024**3  # S3 user guide, "Uploading objects": one PutObject
NO_JOBS = EarlierJobs()
_RENAME = "Rename the file, or move it away. It has cost nothing."


@dataclass(frozen=True)
class Screened:
    """The files to upload, those whose results are there already, and those that cannot be uploaded."""

    to_do: list[Item] = field(default_factory=list)
    done_before: list[Item] = field(default_factory=list)
    # One unusable file does not stop the others. Of 40,000 photos, the operator still wants 39,999, and a second run pays only
    # for the one that was missing.
    unusable: list[Outcome] = field(default_factory=list)
    continued: set[str] = field(default_factory=set)  # the keys of those whose jobs an earlier run submitted


def pictures(
    folder: Path, out: Path, settings: Mapping[str, str], parameters: Mapping[str, str], may_be_none: bool = False
) -> list[Item]:
    """Return the pictures below `folder`. If `out` is below `folder`, the results in it are left out. Raises UnusableSetting if
    there is no picture, or if `out` is `folder` or contains it: results would replace the pictures, or count as such."""
    if out.resolve() == folder.resolve():
        raise UnusableSetting("--out is FOLDER itself, so results would replace the originals. Give another folder.")
    if folder.resolve().is_relative_to(out.resolve()):
        raise UnusableSetting("--out contains FOLDER, so its pictures would count as results. Give another folder.")
    items = found(folder, out, settings, parameters)
    if not items and not may_be_none:
        endings = " ".join(sorted(picture_suffixes(settings, parameters)))
        raise UnusableSetting(f"There is no picture in {folder} ({endings}).")
    return items


def found(folder: Path, out: Path, settings: Mapping[str, str], parameters: Mapping[str, str]) -> list[Item]:
    """Return the pictures below `folder`, without the results in `out`, if `out` is below `folder`. There may be none."""
    base = out.resolve()
    return [i for i in items_in(folder, settings, parameters) if not i.path.parent.resolve().is_relative_to(base)]


def is_paid(item: Item, real: Collection[str]) -> bool:
    """Return whether a real provider may get the item, because the item or a `darkroom.toml` names it, or none is named."""
    if rules.providers_named(item.files, item.key) & set(real):
        return True
    named = next((value.lower() for key, value in item.settings.items() if canonical(key) == "provider"), None)
    return bool(real) and (named is None or named in real)


def screen(
    items: Iterable[Item],
    out: Path,
    real: Collection[str],
    again: bool = False,
    jobs: EarlierJobs = NO_JOBS,
    earlier: Iterable[Item] = (),
) -> Screened:
    """Sort the items. With `again`, no item counts as done. `real` has the providers that are not simulated. `jobs` are those of
    earlier runs: an item whose job is continued is not done, but its result may be in `out` although no row names it yet.
    `earlier` has the items that this run has already."""
    done, sorted_out, ours, usable = Done(out), Screened(), named_results(out), list[Item]()
    saved = SavedFiles(out.resolve())
    for item in items:
        if why_not := unusable(item, out):
            sorted_out.unusable.append(why_not)
        else:
            usable.append(item)
    has_result = {item.key for item in usable if done.has(item, real)}
    sorted_out.continued.update(item.key for item in usable if jobs.continues(item))
    # Of two pictures that share a place, the one stays that has its result or is paid.
    by_claim = sorted(usable, key=lambda item: (item.key not in has_result, not jobs.may_be_charged(item.key)))
    shared = shared_places.shared([*earlier, *by_claim], out)
    for item in usable:
        is_continued = item.key in sorted_out.continued
        if why_not := _of_anothers_place(item, out, shared):
            sorted_out.unusable.append(why_not)
        elif not again and item.key in has_result and not is_continued:
            sorted_out.done_before.append(item)
        elif why_not := _place_taken(item, out, done, saved, None if is_continued else ours):
            sorted_out.unusable.append(why_not)
        else:
            sorted_out.to_do.append(item)
    return sorted_out


def _of_anothers_place(item: Item, out: Path, shared: Mapping[str, str]) -> Outcome | None:
    """Return the outcome of an item whose result would be one file with another item's; None for any other item."""
    if item.key not in shared:
        return None
    why = f"Its result would be the same file as that of {shared[item.key]!r}: the disk of {str(out)!r} has one name for both."
    return downloads.not_sent(item, why, "Rename one of the two, or give an --out on another disk.")


def _place_taken(item: Item, out: Path, done: Done, saved: SavedFiles, ours: Collection[str] | None) -> Outcome | None:
    """Return the outcome of an item whose result would replace a file that must stay; None for any other item. If `ours` is None,
    a file that no row names may be the item's result."""
    keys = plans.result_keys(item)
    found = _of_another_source(item, keys, out, done) or _edited(item, keys, out, saved)
    return found or (None if ours is None else _in_the_way(item, keys, out, ours))


def _of_another_source(item: Item, keys: Collection[str], out: Path, done: Done) -> Outcome | None:
    """Return the outcome of an item whose result would replace that of another file, from another FOLDER; None for any other
    item."""
    with contextlib.suppress(OSError):  # a file that cannot be read any more is told when it would be sent
        if other := done.other_source(item, keys):
            why = f"{str(out / item.key)!r} is in the way: it is the result of {other!r}, which would be replaced."
            return downloads.not_sent(item, why, "Give another --out, or move that file away. Then run again.")
    return None


def _edited(item: Item, keys: Collection[str], out: Path, saved: SavedFiles) -> Outcome | None:
    """Return the outcome of an item whose result would replace one that the operator has edited; None for any other item."""
    edited = [key for key in keys if _looks_edited(saved, key)]
    if edited and (key := plans.likeliest_key(item)) in edited:
        why = f"{str(out / key)!r} is in the way: it was changed since Darkroom saved it."
        return downloads.not_sent(item, why, "Move that file away, then run again.")
    return None


def _looks_edited(saved: SavedFiles, key: str) -> bool:
    with contextlib.suppress(OSError):  # there is no such file
        return saved.looks_edited(saved.folder / key)
    return False


def _in_the_way(item: Item, keys: Collection[str], out: Path, ours: Collection[str]) -> Outcome | None:
    """Return the outcome of an item whose result would overwrite a file of the operator; None for any other item."""
    for key in keys:
        if key not in ours and (out / key).exists():
            why = f"{str(out / key)!r} is in the way: no row of credits.csv names it, so it is no result of Darkroom."
            return downloads.not_sent(item, why, "Move that file away, then run again.")
    return None


def unusable(item: Item, out: Path) -> Outcome | None:
    """Return the outcome of an item that cannot be uploaded, or whose result cannot be written below `out`; None for any other
    item."""
    if len(item.key.encode(errors="replace")) > output_keys.S3_KEY_LIMIT_BYTES:
        return downloads.not_sent(
            item, f"Its path is too long: S3 takes paths of up to {output_keys.S3_KEY_LIMIT_BYTES} bytes.", _RENAME
        )
    if not output_keys.is_upload(item.key):
        return downloads.not_sent(
            item, "Darkroom writes to a folder of this name, so it sends no files from it.", _RENAME
        )
    try:
        files.check_targets(out, item.key)
        with item.path.open("rb") as file:
            file.read(1)
        size_bytes = item.path.stat().st_size
    except UnsafeKey as error:
        return downloads.not_sent(item, str(error), _RENAME)
    except OSError as error:
        return downloads.unreadable(item, error)
    if not size_bytes:
        return downloads.not_sent(item, "The file is empty.", "Copy the whole file here, then run again.")
    if size_bytes > _MAX_UPLOAD_BYTES:
        why = f"The file has {size_bytes} bytes, which is more than one upload to S3 may have ({_MAX_UPLOAD_BYTES})."
        return downloads.not_sent(item, why, "Make the file smaller, then run again.")
    return None
