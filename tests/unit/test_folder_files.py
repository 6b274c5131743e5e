"""Tests the parser of `darkroom.toml`: its bounds, its globs, and the example of the settings page."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row

from darkroom import folder_files, globs
from darkroom.errors import InvalidSetting
from darkroom.folder_files import FolderFile

PAGE = (Path(__file__).parents[2] / "docs/settings.md").read_text(encoding="utf-8")
SOON_SECONDS = 5  # of CPU time, so that a busy machine makes no difference; a slow way would take hours
RULE = '[[rules]]\nmatch = "*{}*"\nscale = 2\n'


def parsed(text: str | bytes, key: str = "shop/darkroom.toml") -> FolderFile:
    return folder_files.parse(key, text.encode() if isinstance(text, str) else text, ("topaz",))


def test_the_pages_example_is_right_and_means_what_the_page_says() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = parsed(example)
    assert [layer.values for layer in file.layers("shop/covers/a.png")] == [
        {"preset": "catalogue"}, {"output_format": "png"}, {"model": "High Fidelity V2", "max_credits": "4"},
    ]  # fmt: skip
    assert file.presets == {"catalogue": {"model": "Redefine", "scale": "2"}}
    assert folder_files.output_of([file]).key == "{folder}/{stem}-{model}.{ext}"


def test_an_empty_file_is_right() -> None:
    assert parsed("").layers("shop/a.jpg") == []


@each_row(
    ("text", "said"),
    [("#" * 65_537, "more than 65536 bytes"), (RULE.format(1) * 201, "there are 201, and at most 200"),
     ("a" + ".a" * 201 + " = 1", "line 1: it has more than 200 dots"), ("x = " + "9" * 5_000, "too large"),
     ("x = " + "[" * 5_000 + "]" * 5_000, "it is not valid TOML"), (b"\xff", "line 1: it is not UTF-8"),
     ("a = 1\nb = = 2", "line 2"), ("rules = 1", "must be a list of tables"), ("output = 1", "must be a table"),
     ("[presets]\nx = 1", "presets.x must be a table"), ("[presets.'a b']\n[presets.a-b]", "given twice"),
     ('[[rules]]\nmatch = ""', "rules[1].match='' is not valid"), ("[presets.x]\npreset = 'web'", "cannot have preset"),
     ("scale = 2\noutput_width = 100", "exclude each other")],
)  # fmt: skip
def test_a_file_out_of_bounds_is_refused_soon(text: str | bytes, said: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidSetting, match=r"shop/darkroom[.]toml") as refused:
        parsed(text)
    assert said in str(refused.value)
    assert time.process_time() - began < SOON_SECONDS


def test_the_largest_file_is_read_soon() -> None:
    began = time.process_time()
    file = parsed("".join(RULE.format(number) for number in range(200)))
    assert len(file.layers("shop/" + "folder/" * 100 + "x7.jpg")) == 1
    assert time.process_time() - began < SOON_SECONDS


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parsed(b"\xef\xbb\xbfscale = 2").top.values == {"scale": "2"}


MATCHES = [
    ("*.png", "a/b.PNG", True), ("*.png", "a/b.jpg", False), ("a/**/b.jpg", "a/b.jpg", True),
    ("a/**/b.jpg", "a/x/y/b.jpg", True), ("a/**/b.jpg", "a/foob.jpg", False), ("a/*.jpg", "a/b/c.jpg", False),
    ("a/**", "a/b/c", True), ("raw/*", "raw/a", True), ("**/x/*.jpg", "x/a.jpg", True), ("/a.jpg", "a.jpg", True),
    ("/a.jpg", "x/a.jpg", False), ("img[0-9].jpg", "img7.jpg", True), ("img[!0-9].jpg", "img7.jpg", False),
    ("?.jpg", "a.jpg", True), ("?.jpg", "ab.jpg", False), ("a.jpg", "axjpg", False),
]  # fmt: skip


@each_row(("pattern", "path", "expected"), MATCHES)
def test_globs_match_as_the_page_says(pattern: str, path: str, expected: bool) -> None:
    assert globs.matches(pattern, path) is expected


@given(st.text(alphabet="*?ab[]!/.", max_size=40), st.text(alphabet="ab/.", max_size=60))
def test_any_pattern_ends_in_an_answer(pattern: str, path: str) -> None:
    assert globs.matches(pattern, path) in (True, False)


def test_a_pattern_full_of_stars_takes_no_time() -> None:
    began = time.process_time()
    assert not globs.matches("*a" * 100 + "b/**" * 10, ("a" * 200 + "/") * 4 + "c")
    assert not globs.matches("*a" * 120 + "b", "a" * 1000)
    assert time.process_time() - began < SOON_SECONDS


@each_row(
    ("key", "places"),
    [("a.jpg", ["darkroom.toml"]), ("x/y/a.jpg", ["x/y/darkroom.toml", "x/darkroom.toml", "darkroom.toml"]),
     ("/a.jpg", ["/darkroom.toml", "darkroom.toml"])],
)  # fmt: skip
def test_the_files_of_a_key_are_its_folders_the_nearest_first(key: str, places: list[str]) -> None:
    assert folder_files.keys_for(key) == places


def test_a_key_with_very_many_folders_asks_for_few_files() -> None:
    places = folder_files.keys_for("x/" * 500 + "a.jpg")
    assert (len(places), places[-1]) == (folder_files.MAX_FOLDERS + 1, "darkroom.toml")


@each_row(
    ("key", "prefix", "counts"),
    [("darkroom.toml", "", True), ("x/darkroom.toml", "", True), ("darkroom.toml", "in/", True),
     ("in/darkroom.toml", "in/", True),
     ("in/x/darkroom.toml", "in/", True), ("out/darkroom.toml", "in/", False), ("in/x/darkroom.toml", "in/xy", False),
     ("in/darkroom.toml", "in", True)],
)  # fmt: skip
def test_a_file_counts_below_and_above_the_prefix(key: str, prefix: str, counts: bool) -> None:
    assert folder_files.governs(key, prefix) is counts
