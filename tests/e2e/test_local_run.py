"""Tests what an operator sees when `darkroom local run` with a folder of pictures is interrupted half-way.

The API key looks real, but a simulator stands in for the vendor, and its journal shows what was paid.
"""

from __future__ import annotations

import csv
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darkroom_local.emulator.ledger_journal import rows_of
from darkroom_local.folder.earlier_results import NOTES
from tests.e2e import local_operator
from tests.e2e.deployed_application import picture, simulators
from tests.e2e.forked_commands import NO_PAGE, Command, Commands

SPEED = 4.0


class Operator(local_operator.Operator):
    """Runs the command for a folder with a large picture, a small one, and one with an unusable name.

    The settings are sent as tags, and the stack reads only tags that have a prefix.
    """

    def starts(self, *options: str) -> Command:
        return super().starts("--parameter", "TagPrefix=app:", "--set", "output_format=png", *options)

    @property
    def known_to_the_ledger(self) -> int:
        """Return how many jobs the ledger in the results folder has as submitted. The next run asks the vendor about them."""
        rows = rows_of(self.journal).values()
        return sum(row.get("status", {}).get("S") in {"SUBMITTING", "PROCESSING", "COMPLETED"} for row in rows)


@pytest.fixture
def operator(commands: Commands, tmp_path: Path) -> Iterator[Operator]:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "large.jpg").write_bytes(picture(600, 500))
    (folder / "small.jpg").write_bytes(picture())
    (folder / "b\\c.jpg").write_bytes(picture())
    with simulators("topaz", speed=SPEED) as made:
        yield Operator(commands, folder, tmp_path / "out", made["topaz"])


def until(is_so: Callable[[], Any], command: Command) -> None:
    """Wait until something is so, while the command runs."""

    def is_so_or_it_ended() -> bool:
        return bool(is_so()) or command.returncode is not None

    local_operator.until(is_so_or_it_ended)
    assert is_so(), command.said


def starts_and_the_large_one_takes_long(operator: Operator) -> Command:
    """Start a run. The vendor says of the large picture that it is not done, until `faults.clear`."""
    faults = operator.vendor.faults
    faults.add("unknown_status", on="status", times=None)  # of both, until it is known which one is large
    command = operator.starts()
    until(lambda: len(operator.vendor.submits) == 2, command)
    large = max(operator.vendor.submits, key=lambda submit: submit["size_bytes"])
    faults.clear()
    faults.add("unknown_status", on="status", times=None, match=large["filename"])
    return command


def leaves_at_once(command: Command) -> str:
    """Send the process two interrupts, as an operator does who presses Ctrl-C twice, and return what it then says.

    The second one follows once the process has heard the first one. The system would otherwise make one of two.
    """
    command.send_signal(signal.SIGINT)
    until(lambda: "Nothing more is sent." in command.said[0], command)
    command.send_signal(signal.SIGINT)
    return command.ends()[1]


@pytest.mark.slow
@pytest.mark.parametrize("asks", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_leave_brings_home_what_is_under_way(operator: Operator, asks: signal.Signals) -> None:
    first = operator.starts()
    until(lambda: operator.vendor.submits, first)
    first.send_signal(asks)
    shown, said = first.ends()
    assert first.returncode == 128 + asks, said
    assert "Nothing more is sent." in shown
    assert [row["status"] for row in operator.rows()].count("COMPLETED") == len(operator.vendor.submits)


@pytest.mark.slow
def test_a_run_that_is_interrupted_keeps_what_is_done_and_the_next_one_pays_only_for_the_rest(
    operator: Operator,
) -> None:
    first = starts_and_the_large_one_takes_long(operator)
    until((operator.out / "small.png").exists, first)
    until(lambda: "small.jpg" in {row["file"] for row in operator.rows()}, first)
    said = leaves_at_once(first)
    assert first.returncode == 130, said
    assert "1 done" in said
    assert "1 submitted and not finished" in said

    rows = {row["file"]: row for row in operator.rows()}
    assert {file: row["status"] for file, row in rows.items()} == {
        "small.jpg": "COMPLETED",
        "large.jpg": "PROCESSING",
        "b\\c.jpg": "NOT SENT",
    }
    assert rows["large.jpg"]["process_id"] in said
    assert {path.name for path in operator.out.iterdir()} == {"small.png", "credits.csv", ".darkroom", NOTES}
    assert len(operator.vendor.submits) == 2
    kept = (operator.out / "small.png").stat()

    operator.vendor.faults.clear()
    second = operator.starts()
    shown, said = second.ends()
    assert second.returncode == 1, said  # one picture was not sent because of its unusable file name
    assert "1 skipped: done before" in shown
    assert "1 picture to the real Topaz API" in shown
    assert len(operator.vendor.submits) == 2
    assert (operator.out / "large.png").exists()
    assert (operator.out / "small.png").stat() == kept


@pytest.mark.slow
def test_whatever_was_paid_before_an_interrupt_is_there_or_is_reported(operator: Operator) -> None:
    """The vendor accepts the first pictures, and its answers do not come before the run has ended."""
    for number in range(10):
        (operator.folder / f"{number:02}.jpg").write_bytes(picture())
    operator.vendor.faults.add("delay", on="submit", times=None, seconds=200)
    first = operator.starts()
    until(lambda: operator.vendor.submits, first)
    paid = len(operator.vendor.submits)
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGTERM)  # at once; of two equal signals, the system might make one
    _, said = first.ends()
    assert first.returncode == 130, said
    statuses = Counter(row["status"] for row in operator.rows())
    under_way = statuses["PROCESSING"] + statuses["SUBMITTING"]
    assert statuses["COMPLETED"] + under_way >= paid
    assert operator.known_to_the_ledger >= len(operator.vendor.submits)  # also those that were paid afterwards
    assert len(operator.vendor.submits) < 12
    assert f"{statuses['COMPLETED']} done" in said
    assert f"{under_way} submitted and not finished" in said


@pytest.mark.slow
def test_webp_and_gif_go_to_the_provider_that_takes_them(commands: Commands, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, form in {"a.webp": "WEBP", "b.gif": "GIF", "c.tif": "TIFF", "d.webp": "JPEG"}.items():
        (folder / name).write_bytes(picture(96, 64, form))
    (folder / "e.webp").write_bytes(picture(96, 64, "WEBP")[:-40])
    options = ["--out", str(out), "--set", "provider=oxen"]
    environment = {**os.environ, **commands.few_roots, NO_PAGE: "1"}
    run = commands.run(["local", "run", str(folder), *options], environment)
    assert "left out: 1 TIFF: c.tif. Use --set provider=" in run.stdout
    with (out / "credits.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.webp": "COMPLETED", "b.gif": "COMPLETED", "d.webp": "COMPLETED", "e.webp": "REJECTED",
    }  # fmt: skip
    assert run.returncode == 1  # for the one that was cut short
    assert rows["e.webp"]["error"] == "UnsupportedFormat"
    sizes = {}
    for name in ("a.webp", "b.gif", "d.webp"):
        with Image.open(out / rows[name]["result"]) as image:
            image.load()
            sizes[name] = (image.format in ("JPEG", "PNG"), image.size)
    assert sizes == dict.fromkeys(("a.webp", "b.gif", "d.webp"), (True, (192, 128)))
