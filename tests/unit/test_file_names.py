"""Tests which names of pictures are refused: those that terminals do not show as they are. Common ones are taken."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from darkroom_local.folder.uploads import why_unusable
from darkroom_local.machine.file_names import refused_characters
from darkroom_local.results.files import UnsafeKey, safe_target

COMMON = (
    "Screenshot at 10.00.00\u202fAM.png", "a\u00a0b.jpg", "👨\u200d👩\u200d👧.jpg", "ü.jpg", "u\u0308.jpg", "a\u200e.jpg",
    "new\U0001fae9.jpg", "\ue000.jpg", "-a.jpg", "'a.jpg", "a#%&+ b.jpg",
)  # fmt: skip
REFUSED = {
    "a\nb.jpg": "U+000A", "a\x7f.jpg": "U+007F", os.fsdecode(b"\xff.jpg"): "U+DCFF", "a\u2028b.jpg": "U+2028",
    "a\u202egpj.exe": "U+202E", "\u2066\u0007.jpg": "U+0007 U+2066",
}  # fmt: skip


@pytest.mark.parametrize("name", COMMON, ids=ascii)
def test_a_common_name_is_taken(tmp_path: Path, name: str) -> None:
    assert refused_characters(name) == why_unusable(f"folder/{name}") == ""
    assert safe_target(tmp_path, f"folder/{name}") == tmp_path / "folder" / name


@pytest.mark.parametrize(("name", "characters"), REFUSED.items(), ids=REFUSED.values())
def test_a_name_that_a_terminal_shows_otherwise_is_refused_and_its_characters_named(
    tmp_path: Path, name: str, characters: str
) -> None:
    assert refused_characters(name) == characters
    assert characters in why_unusable(name)
    with pytest.raises(UnsafeKey, match=re.escape(characters)):
        safe_target(tmp_path, name)


def test_a_key_that_is_too_long_for_s3_is_refused_for_its_length() -> None:
    assert "1,024 bytes" in why_unusable(f"{'ü' * 511}.jpg")
    assert why_unusable(f"{'ü' * 510}.jpg") == ""
