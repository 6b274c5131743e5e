"""Says which characters no name of a picture may have, because a terminal or a file system would show another name.

Other characters that are not printable are common: macOS puts a narrow no-break space (U+202F) into the names of screenshots, and
emoji of families contain joiners (U+200D).
"""

from __future__ import annotations

import unicodedata

# Control characters, halves of pairs (bytes that are not UTF-8 become such), and separators of lines and paragraphs
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Characters that turn the direction of all that follows (Unicode Standard Annex 9, "Directional Formatting Characters")
_REFUSED = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def refused_characters(name: str) -> str:
    """Return the code points in `name` that no name may have, as `U+000A U+202E`; an empty text if there are none."""
    odd = {letter for letter in name if letter in _REFUSED or unicodedata.category(letter) in _REFUSED_CATEGORIES}
    return " ".join(f"U+{ord(letter):04X}" for letter in sorted(odd))
