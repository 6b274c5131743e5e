"""Which files of a folder are worth an upload: looked at before the first one, while nothing costs anything.

It must not upload, nor judge pictures and settings: submit does, and charges nothing for what it refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from darkroom import output_keys
from darkroom.output_keys import result_keys
from darkroom_local import result_downloads, taken_formats
from darkroom_local.credits_csv import Done, named_results
from darkroom_local.folder_uploads import Item, UnusableSetting, items_in
from darkroom_local.result_downloads import Outcome, UnsafeKey

_MAX_UPLOAD_BYTES = 5 * 1024**3  # S3 user guide, "Uploading objects": one PutObject
_RENAME = "Rename the file, or move it away. It costs nothing as it is."


@dataclass(frozen=True)
class Screened:
    """The files to upload, those whose results are there already, and those that cannot be uploaded."""

    to_do: list[Item] = field(default_factory=list)
    done_before: list[Item] = field(default_factory=list)
    # Each alone: of 40,000 photos 39,999 are wanted all the same, and a second run brings the one for no more than its own
    # price. To refuse them all for one would only make the operator come back.
    unusable: list[Outcome] = field(default_factory=list)


def pictures(
    folder: Path, out: Path, settings: Mapping[str, str], parameters: Mapping[str, str], may_be_none: bool = False
) -> list[Item]:
    """As `found`. Raises UnusableSetting: there are none, or results would replace them."""
    if out.resolve() == folder.resolve():
        raise UnusableSetting("--out is FOLDER itself: results would replace the originals.")
    items = found(folder, out, settings, parameters)
    if not items and not may_be_none:
        suffixes = taken_formats.suffixes(taken_formats.provider_of(settings, parameters))
        raise UnusableSetting(f"There is no picture in {folder} ({' '.join(sorted(suffixes))}).")
    return items


def found(folder: Path, out: Path, settings: Mapping[str, str], parameters: Mapping[str, str]) -> list[Item]:
    """The pictures below `folder` now, without the results that lie there when `out` does."""
    base = out.resolve()
    return [i for i in items_in(folder, settings, parameters) if not i.path.parent.resolve().is_relative_to(base)]


def is_paid(item: Item, real: Collection[str]) -> bool:
    """Whether a real provider is asked for the item: the one that is named, or the stack's default."""
    return taken_formats.provider_of(item.settings, item.parameters) in real


def screen(
    items: Iterable[Item], out: Path, real: Collection[str], again: bool = False, paid: Collection[str] = ()
) -> Screened:
    """Sorts the items; with `again`, nothing counts as done. `real` are the providers that are no simulators, `paid` the keys
    that a provider has or had: their results may lie in `out` although no row says so yet."""
    done, sorted_out, ours = Done(out), Screened(), named_results(out)
    for item in items:
        why_not = unusable(item, out) or (None if item.key in paid else _in_the_way(item, out, ours))
        if why_not:
            sorted_out.unusable.append(why_not)
        elif not again and done.has(item, real):
            sorted_out.done_before.append(item)
        else:
            sorted_out.to_do.append(item)
    return sorted_out


def _in_the_way(item: Item, out: Path, ours: Collection[str]) -> Outcome | None:
    """Why an item is left out whose result would overwrite a file of the operator's."""
    for key in result_keys(item.key):
        if key not in ours and (out / key).exists():
            why = f"{str(out / key)!r} is in the way: no row of credits.csv names it, so it is no result of Darkroom."
            return result_downloads.not_sent(item, why, "Move that file away, then run again.")
    return None


def unusable(item: Item, out: Path) -> Outcome | None:
    """Why an item cannot be uploaded, or its result not be written below `out`; None when both can."""
    if len(item.key.encode(errors="replace")) > output_keys.S3_KEY_LIMIT_BYTES:
        return result_downloads.not_sent(
            item, f"S3 takes paths of up to {output_keys.S3_KEY_LIMIT_BYTES} bytes.", _RENAME
        )
    if not output_keys.is_upload(item.key):
        return result_downloads.not_sent(item, "Folders of this name are Darkroom's own, and never enhanced.", _RENAME)
    try:
        result_downloads.check_targets(out, item.key)
        with item.path.open("rb") as file:
            file.read(1)
        size_bytes = item.path.stat().st_size
    except UnsafeKey as error:
        return result_downloads.not_sent(item, str(error), _RENAME)
    except OSError as error:
        return result_downloads.unreadable(item, error)
    if not size_bytes:
        return result_downloads.not_sent(item, "It is empty.", "Bring the whole file, then run again.")
    if size_bytes > _MAX_UPLOAD_BYTES:
        why = f"Its {size_bytes} bytes are more than one upload takes."
        return result_downloads.not_sent(item, why, f"At most {_MAX_UPLOAD_BYTES} bytes can go.")
    return None
