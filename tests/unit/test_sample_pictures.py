"""Tests that the demo's pictures are small, always the same, and readable by the application's own header reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from darkroom import catalog, images
from darkroom_local.samples.pictures import SAMPLES, Sample

NAMES = [sample.name for sample in SAMPLES]


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_a_sample_is_a_whole_picture_of_at_most_half_a_megapixel(sample: Sample, tmp_path: Path) -> None:
    data = sample.write(tmp_path).read_bytes()
    facts = images.inspect(lambda offset, length: data[offset : offset + length], len(data))
    assert facts.width * facts.height <= 500_000
    with Image.open(tmp_path / sample.name) as picture:
        picture.load()
        assert picture.size == (facts.width, facts.height)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_a_sample_comes_out_the_same_every_time(sample: Sample, tmp_path: Path) -> None:
    assert sample.write(tmp_path / "once").read_bytes() == sample.write(tmp_path / "again").read_bytes()


def test_the_samples_cover_every_provider_every_format_and_a_typo() -> None:
    assert {sample.provider for sample in SAMPLES} == set(catalog.providers())
    assert {Path(name).suffix for name in NAMES} >= {".jpg", ".png", ".tiff"}
    assert [sample.name for sample in SAMPLES if "sclae" in sample.settings] == ["typo.jpg"]
