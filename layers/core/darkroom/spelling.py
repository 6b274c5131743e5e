"""How close two words are, and whether a stranger's tag key looks like one of ours mistyped. Pure.

A typo in a key would be ignored by the vendor and billed, so it is refused; but buckets carry other people's tags, so
the bounds are small and the common tag keys are never suspected. (difflib's ratio takes `Project` for `prompt`.)
"""

from __future__ import annotations

from collections.abc import Iterable

SHORT_WORD_CHARACTERS = 7
COMMON_TAG_KEYS = frozenset(
    {
        "app", "application", "backup", "client", "component", "created_by", "customer", "department", "description",
        "domain", "env", "environment", "group", "id", "level", "managed_by", "module", "name", "namespace", "org",
        "owner", "platform", "product", "project", "purpose", "region", "role", "service", "source", "stack", "stage",
        "state", "status", "style", "table", "team", "tenant", "tier", "title", "type", "user", "version", "workload",
    }
)  # fmt: skip
COMMON_PREFIXES = ("cost", "aws:")


def distance(left: str, right: str) -> int:
    """Damerau-Levenshtein, unrestricted: insertions, deletions, substitutions, and swaps of neighbours, between which other
    letters may have been put or lost (`output_wdxith` is two edits from `output_width`)."""
    far = len(left) + len(right)
    # Two rows and columns ahead of the words' own: the impossible, then the empty word.
    table: list[list[int]] = [[far] * (len(right) + 2), [far, *range(len(right) + 1)]]
    last_row: dict[str, int] = {}  # letter → the last row in which `left` has it
    for row, left_letter in enumerate(left, 1):
        table.append([far, row])
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
    """Up to `n` candidates, nearest first, ties by name, case aside; none that shares less than half its letters."""
    ranked = []
    for candidate in set(candidates):
        apart = distance(word.lower(), candidate.lower())
        if apart <= max(len(word), len(candidate)) // 2:
            ranked.append((apart, candidate))
    return tuple(candidate for _, candidate in sorted(ranked)[:n])


def is_near_miss(key: str, known: Iterable[str]) -> bool:
    """Whether the key is not known but nearly: distance 1 for keys of up to 7 characters, at most 2 above.

    `key` and `known` in canonical form (lower case, `_`). The common tag keys never are.
    """
    names = frozenset(known)
    if key in names or key in COMMON_TAG_KEYS or key.startswith(COMMON_PREFIXES):
        return False
    bound = 1 if len(key) <= SHORT_WORD_CHARACTERS else 2
    return any(abs(len(key) - len(name)) <= bound and distance(key, name) <= bound for name in names)
