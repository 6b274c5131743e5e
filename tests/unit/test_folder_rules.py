"""Tests how the `darkroom.toml` files of a folder count in local runs: which pictures they reach, and what a wrong one does."""

from __future__ import annotations

import errno
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from darkroom_cli.main import app
from darkroom_local.folder import left_out, plans
from darkroom_local.folder.hot_folder import patient
from darkroom_local.folder.rules import presets_below
from darkroom_local.folder.uploads import Item, UnusableSetting, items_in
from darkroom_local.run import option_checks, price_estimate, screening
from darkroom_local.run.credits_csv import asked_for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a picture at its root, and one below `shop`."""
    (tmp_path / "shop").mkdir()
    for name in ("a.jpg", "shop/b.jpg"):
        Image.new("RGB", (4000, 3000)).save(tmp_path / name)
    return tmp_path


def items(folder: Path) -> dict[str, Item]:
    return {item.key: item for item in items_in(folder, {})}


def test_the_files_count_for_pictures_below_them_and_for_their_price(folder: Path) -> None:
    (folder / "shop/darkroom.toml").write_text('preset = "upscale-2x"\nprovider = "topaz"')
    found = items(folder)
    assert found.keys() == {"a.jpg", "shop/b.jpg"}
    assert ([key for key, _ in found["shop/b.jpg"].files], found["a.jpg"].files) == (["shop/darkroom.toml"], ())
    prices = {key: price_estimate.estimate([item], {}, ("topaz",)).credits for key, item in found.items()}
    assert prices == {"a.jpg": Decimal(1), "shop/b.jpg": Decimal(2)}


def test_a_wrong_file_ends_the_command_before_anything_starts(folder: Path) -> None:
    (folder / "shop/darkroom.toml").write_text("sclae = 2")
    with pytest.raises(UnusableSetting, match=r"shop/darkroom[.]toml: sclae='2' is not known; did you mean scale"):
        items(folder)


@pytest.fixture
def unreadable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a file whose owner forbids to read it. Opening is a stand-in, because no file is forbidden to root."""
    forbidden, opens = folder / "shop/darkroom.toml", Path.open
    forbidden.write_text("scale = 2")

    def denied(path: Path, *given: Any, **more: Any) -> Any:
        if path == forbidden:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opens(path, *given, **more)

    monkeypatch.setattr(Path, "open", denied)
    return forbidden


@pytest.mark.usefixtures("unreadable")
def test_a_file_that_cannot_be_read_ends_the_command_with_its_name_and_what_to_do(folder: Path) -> None:
    says = r"shop/darkroom[.]toml: it cannot be read \(Permission denied\); make it readable, or move it away"
    with pytest.raises(UnusableSetting, match=says):
        items(folder)
    ended = CliRunner().invoke(app, ["local", "run", str(folder), "--out", str(folder.with_name("out"))])
    assert ended.exit_code == 2
    assert re.search(f"^{says}", ended.output, re.MULTILINE)


@pytest.mark.usefixtures("unreadable")
def test_a_watch_waits_while_a_file_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    find = patient(lambda: items_in(folder, {}), said.append)
    assert [find(), find()] == [[], []]
    assert [line.partition(":")[0] for line in said] == ["shop/darkroom.toml"]
    monkeypatch.undo()
    assert len(find()) == 2


def test_another_file_makes_another_job(folder: Path) -> None:
    before = asked_for(items(folder)["a.jpg"])
    (folder / "darkroom.toml").write_text("scale = 2")
    after = asked_for(items(folder)["a.jpg"])
    (folder / "darkroom.toml").write_text("scale = 3")
    assert len({before, after, asked_for(items(folder)["a.jpg"])}) == 3


def test_a_presets_name_may_be_set_on_the_command_line(folder: Path) -> None:
    (folder / "shop/darkroom.toml").write_text('[presets.catalogue]\nmodel = "CGI"')
    option_checks.check_settings({"preset": "catalogue"}, {}, ("topaz",), presets_below(folder))
    with pytest.raises(UnusableSetting, match="did you mean catalogue"):
        option_checks.check_settings({"preset": "catalog"}, {}, ("topaz",), presets_below(folder))


def test_a_file_of_the_operators_under_the_key_of_the_template_is_in_the_way(folder: Path, tmp_path: Path) -> None:
    (folder / "darkroom.toml").write_text('[output]\nkey = "{folder}/{stem}-{model}.{ext}"')
    item = items(folder)["shop/b.jpg"]
    assert plans.result_keys(item) == ("shop/b-standard-v2.jpg",)
    out = tmp_path / "out"
    (out / "shop").mkdir(parents=True)
    assert screening.screen([item], out, set()).to_do == [item]
    (out / "shop/b-standard-v2.jpg").write_bytes(b"mine")
    (refused,) = screening.screen([item], out, set()).unusable
    assert "in the way" in refused.message


@pytest.mark.parametrize(("text", "is_paid"), [('provider = "topaz"', True), ('provider = "oxen"', False)])
def test_a_provider_in_a_file_counts_when_the_operator_is_asked_to_pay(folder: Path, text: str, is_paid: bool) -> None:
    (folder / "darkroom.toml").write_text(text)
    item = items_in(folder, {"provider": "oxen"})[0]
    assert screening.is_paid(item, {"topaz"}) is is_paid


def test_a_folder_file_is_not_left_out(folder: Path) -> None:
    (folder / "darkroom.toml").write_text("scale = 2")
    assert left_out.lines(folder, folder / "out", items(folder).values(), {".jpg"}) == []
