"""Tests that docs/models.md shows what the catalogs say, and that docs/settings.md names Darkroom's own settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.test_catalog import MINIMAL

from darkroom import catalog
from darkroom.setting_layers import OUR_KEYS
from darkroom_cli.catalogs.models_page import reference

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

SHELF = (
    MINIMAL
    + """
[[models]]
name = "Three"
endpoint = "up"
source = "page"
[[models]]
name = "Four"
endpoint = "up"
source = "page"
[endpoints.down]
path = "down/async"
default_model = "Five"
credits = 3
max_input_mp = 10
max_output_mp = 20
max_side_pixels = 100
parameters = ["how"]
factor_parameter = "how"
[[models]]
name = "Five"
endpoint = "down"
source = "page"
[parameters.how]
kind = "choice"
choices = ["2x", "4x"]
default = "4x"
required = true
source = "page"
"""
)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the catalogs by one of a vendor that does not exist."""
    holding(monkeypatch, SHELF)


def holding(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    book = catalog.parse(text)
    monkeypatch.setattr(catalog, "providers", lambda: (book.provider,))
    monkeypatch.setattr(catalog, "load", {book.provider: book}.__getitem__)


def rows(page: str) -> list[list[str]]:
    """Return the cells of every row of the page's tables."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]


def test_the_page_is_what_the_catalogs_say() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert page == reference(), "docs/models.md is out of date; run `make docs`"


def test_the_page_is_written_where_make_wants_it(tmp_path: Path) -> None:
    target = tmp_path / "models.md"
    paths = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-m", "darkroom_cli.catalogs.models_page", str(target)], env=paths, check=True)
    assert target.read_text(encoding="utf-8") == reference()


@pytest.mark.usefixtures("shelf")
def test_models_that_differ_in_name_only_share_a_row() -> None:
    found = {row[1]: row for row in rows(reference()) if row[0] in ("up", "down")}
    assert list(found) == ["`One` (default), `Three`, `Four`", "`Two`", "`Five`"]
    assert found["`Two`"][2:4] == ["1 credit a 0.5 MP", "unchanged"]
    assert found["`Five`"][2:4] == ["3 credits a job", "2x, 4x (default)"]


@pytest.mark.usefixtures("shelf")
def test_a_parameter_has_a_row_for_each_of_its_ranges() -> None:
    found = [row for row in rows(reference()) if row[0] in ("`creativity`", "`how`")]
    assert [row[:4] for row in found] == [
        ["`creativity`", "integer 1–6", "up except `Two`", ""],
        ["`creativity`", "integer 1–9", "`Two`", ""],
        ["`how`", "`2x`, `4x`; required", "down", "`4x`"],
    ]


@pytest.mark.usefixtures("shelf")
def test_what_all_models_have_in_common_is_said_once() -> None:
    page = reference()
    assert "- Sent by: upload\n" in page
    assert "Sent by" not in page.split("### other: models")[1]
    assert "- Output:" not in page.split("## other\n")[1]


@pytest.mark.usefixtures("shelf")
def test_every_source_is_numbered_and_listed() -> None:
    assert "[1]" not in reference().split("## other\n")[1].split("###")[0]  # the facts about the account have no source
    assert "### other: sources\n\n1. a page\n" in reference()


def test_a_catalogs_text_breaks_no_table_and_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    holding(
        monkeypatch,
        SHELF.replace('name = "Two"', 'name = "T|w`o\\u001b[31m"')
        .replace('page = "a page"', 'page = "a <b>|page\\u202e\\n# top"')
        .replace('unit = "credits"', 'unit = "cred*its|"'),
    )
    page = reference()
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\n# top" not in page
    assert "<b>" not in page.replace("\\<b\\>", "")
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_the_settings_page_names_every_provider_and_every_key_of_our_own() -> None:
    keys = SETTINGS.partition("| `MetadataSettings` |")[0]  # the table about `MetadataSettings` comes last
    named = [line.split("|")[1].strip() for line in keys.splitlines() if line.startswith("| `")]
    assert set(named) == {f"`{key}`" for key in OUR_KEYS}
    (providers,) = [line for line in SETTINGS.splitlines() if line.startswith("| `provider`")]
    assert not [name for name in catalog.providers() if f"`{name}`" not in providers]
    assert "(models.md)" in SETTINGS
