"""A folder that is watched: each picture in it once it has stopped growing, and again when it has changed.

It looks at sizes and times of change only. It must not judge a picture, nor send it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from darkroom_local.folder.uploads import Item, Source, UnusableSetting, source_of

SETTLE_SECONDS = 2.0  # a file that has kept its size and time of change for so long has stopped growing
_LOOK_SECONDS = 1.0
_PAUSE_SHARE = (
    4  # after a look nothing is looked at for four times the seconds that it took: a folder may hold 40,000 files
)


def arrivals(
    find: Callable[[], Iterable[Item]],
    clock: Callable[[], float] = time.monotonic,
    settle_seconds: float = SETTLE_SECONDS,
) -> Iterator[list[Item]]:
    """Without end, the pictures that have stopped growing since the last step, often none. `find` lists those that there are."""
    taken: dict[str, Source] = {}
    growing: dict[str, tuple[Source, float]] = {}  # as the file was, and since when
    look_at = clock()
    while True:
        ready: list[Item] = []
        began = clock()
        if began >= look_at:
            for item in find():
                source = _source_of(item)
                if source is None or taken.get(item.key) == source:
                    continue
                before, since = growing.get(item.key, (None, began))
                if before != source:
                    growing[item.key] = (source, began)
                elif began - since >= settle_seconds:
                    taken[item.key] = source
                    del growing[item.key]
                    ready.append(item)
            ended = clock()
            look_at = ended + max(_LOOK_SECONDS, _PAUSE_SHARE * (ended - began))
        yield ready


def patient(find: Callable[[], list[Item]], say: Callable[[str], None]) -> Callable[[], list[Item]]:
    """Return a `find` that finds nothing while a `darkroom.toml` is wrong or unreadable, and says so once for each fault."""
    said: list[str] = []

    def find_or_wait() -> list[Item]:
        try:
            return find()
        except UnusableSetting as wrong:
            if said[-1:] != [str(wrong)]:
                said.append(str(wrong))
                say(f"{wrong}. No picture is sent until the file is mended.")
            return []

    return find_or_wait


def _source_of(item: Item) -> Source | None:
    """The file as it is now; None if it is gone."""
    try:
        return source_of(item.path.stat())
    except OSError:
        return None
