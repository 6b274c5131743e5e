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
    """Damerau-Levenshtein, optimal string alignment: insertions, deletions, substitutions, swaps of neighbours."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for row, left_letter in enumerate(left, 1):
        current = [row]
        for column, right_letter in enumerate(right, 1):
            cost = min(
                previous[column] + 1,
                current[column - 1] + 1,
                previous[column - 1] + (left_letter != right_letter),
            )
            swapped = row > 1 and column > 1 and left_letter == right[column - 2] and left[row - 2] == right_letter
            current.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, previous = previous, current
    return previous[-1]


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
