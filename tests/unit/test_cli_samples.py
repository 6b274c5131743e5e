"""Tests that `darkroom samples` writes a picture with everything that its text names."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, IptcImagePlugin
from typer.testing import CliRunner

from darkroom.images import metadata
from darkroom_cli.main import app
from darkroom_local.samples import metadata_sample


def test_the_sample_has_what_the_command_names(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["samples", str(tmp_path / "new")])
    assert (outcome.exit_code, "orientation=assumed" in outcome.output) == (0, True)
    path = tmp_path / "new" / metadata_sample.NAME
    with Image.open(path) as image:
        exif = image.getexif()
        assert (image.size, exif[0x0112], ImageOps.exif_transpose(image).size) == ((480, 320), 6, (320, 480))
        assert (exif[0x8298], exif.get_ifd(0x8825)[1]) == (metadata_sample.RIGHTS, "N")
        assert (IptcImagePlugin.getiptcinfo(image) or {})[2, 80] == metadata_sample.AUTHOR.encode()
        profile = ImageCms.getOpenProfile(io.BytesIO(image.info["icc_profile"]))
        assert ImageCms.getProfileDescription(profile).strip() == "Display P3"
        ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB")


def test_finalize_reads_every_block_of_the_sample(tmp_path: Path) -> None:
    source = metadata.read_source(metadata_sample.write(tmp_path).read_bytes())
    assert source is not None
    blocks = source.blocks
    assert (source.orientation, bool(blocks.exif), bool(blocks.xmp), bool(blocks.iptc)) == (6, True, True, True)
    assert blocks.icc == metadata_sample.display_p3()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = CliRunner().invoke(app, ["samples", str(tmp_path / "file")])
    assert (outcome.exit_code, "Name a folder" in outcome.output) == (2, True)
