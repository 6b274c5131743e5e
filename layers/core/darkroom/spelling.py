"""Finds misspelt setting keys among other tags, and the nearest valid names for a message. All functions are pure.

A vendor would ignore a misspelt key and bill the job, so Darkroom rejects it. But objects also carry tags of other programs. So
only few edits are allowed, and common tag keys never count as misspelt. The module difflib is not used, because its ratio takes
`Project` for `prompt`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

SHORT_WORD_CHARACTERS = 7
TINY_WORD_CHARACTERS = 4  # too many foreign words are one letter away from such a key: `ship` from `skip`
COMMON_TAG_KEYS = frozenset(
    {
        "app", "application", "backup", "client", "component", "created_by", "customer", "department", "description",
        "domain", "env", "environment", "group", "id", "level", "managed_by", "module", "name", "namespace", "org",
        "owner", "platform", "product", "project", "purpose", "region", "role", "service", "source", "stack", "stage",
        "state", "status", "style", "table", "team", "tenant", "tier", "title", "type", "user", "version", "workload",
    }
)  # fmt: skip
COMMON_PREFIXES = ("cost", "aws:")


@lru_cache(maxsize=1024)
def distance(left: str, right: str) -> int:
    """Return the unrestricted Damerau-Levenshtein distance: the smallest number of insertions, deletions, substitutions and
    swaps of neighbours. Other letters may be inserted between swapped letters, so `output_wdxith` is two edits from
    `output_width`."""
    infinity = len(left) + len(right)
    # The first row and column hold a value that is never the smallest. The second row and column stand for the empty word.
    table: list[list[int]] = [[infinity] * (len(right) + 2), [infinity, *range(len(right) + 1)]]
    last_row: dict[str, int] = {}  # letter → the last row in which `left` has it
    for row, left_letter in enumerate(left, 1):
        table.append([infinity, row])
        last_column = 0  # the last column of this row in which the letters are the same
        for column, right_letter in enumerate(right, 1):
            swap_row, swap_column = last_row.get(right_letter, 0), last_column
            swapped = table[swap_row][swap_column] + (row - swap_row - 1) + 1 + (column - swap_column - 1)
            same = left_letter == right_letter
            replaced = table[row][column] + (not same)
            table[row + 1].append(min(table[row][column + 1] + 1, table[row + 1][column] + 1, replaced, swapped))
            if same:
                last_column = column
        last_row[left_letter] = row
    return table[-1][-1]


def closest(word: str, candidates: Iterable[str], n: int = 3) -> tuple[str, ...]:
    """Return up to `n` candidates, the nearest first; equally near ones are in alphabetical order. Upper and lower case are
    equal. A candidate is left out if it needs more edits than half the letters of the longer word."""
    ranked = []
    for candidate in set(candidates):
        edits = distance(word.lower(), candidate.lower())
        if edits <= max(len(word), len(candidate)) // 2:
            ranked.append((edits, candidate))
    return tuple(candidate for _, candidate in sorted(ranked)[:n])


def is_near_miss(key: str, known: Iterable[str]) -> bool:
    """Return whether `key` is a misspelt known key. A key of up to 7 characters may have 1 edit, and a longer one 2 edits. Of a
    known key with up to 4 letters, only two swapped neighbours count.

    `key` and `known` are in canonical form (lower case, `_`). Known keys and common tag keys never count as misspelt.
    """
    names = frozenset(known)
    if key in names or key in COMMON_TAG_KEYS or key.startswith(COMMON_PREFIXES):
        return False
    bound = 1 if len(key) <= SHORT_WORD_CHARACTERS else 2
    return any(abs(len(key) - len(name)) <= bound and _is_misspelt(key, name, bound) for name in names)


def _is_misspelt(key: str, name: str, bound: int) -> bool:
    if len(name) <= TINY_WORD_CHARACTERS and sorted(key) != sorted(name):
        return False
    return distance(key, name) <= bound
