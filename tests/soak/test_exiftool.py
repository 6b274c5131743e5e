"""Tests that exiftool reads from published results what belongs to their sources' pictures. Debian's package is
libimage-exiftool-perl."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import tagged_pictures as pictures
from tests.unit.test_metadata_heads import SOURCES, spliced

from darkroom.model import IccRule, KeepMetadata

RIGHTS = {
    "IFD0:Artist": pictures.AUTHOR, "IFD0:Copyright": pictures.RIGHTS, "ExifIFD:DateTimeOriginal": pictures.DATE,
    "XMP-dc:Creator": pictures.AUTHOR, "XMP-dc:Rights": pictures.RIGHTS, "XMP-photoshop:Credit": pictures.CREDIT,
    "IPTC:By-line": pictures.AUTHOR, "IPTC:CopyrightNotice": pictures.RIGHTS, "IPTC:Credit": pictures.CREDIT,
}  # fmt: skip
ALL = RIGHTS | {
    "ExifIFD:SerialNumber": pictures.SERIAL, "ExifIFD:ExifImageWidth": 80, "ExifIFD:ExifImageHeight": 120,
    "XMP-dc:Subject": "tree & sea", "XMP-exif:ExifImageWidth": 80, "XMP-tiff:Orientation": 1, "IPTC:City": pictures.CITY,
}  # fmt: skip
GROUPS = ("IFD0", "ExifIFD", "GPS", "XMP", "IPTC", "IFD1", "MakerNotes", "Photoshop", "JFXX")


def read_tags(path: Path) -> dict[str, Any]:
    """Return exiftool's tags with their groups, and its warnings."""
    assert shutil.which("exiftool"), "exiftool is missing: install it (Debian: libimage-exiftool-perl) and run again"
    ran = subprocess.run(["exiftool", "-j", "-G1", "-n", "-a", str(path)], capture_output=True, check=True, text=True)
    tags: dict[str, Any] = json.loads(ran.stdout)[0]
    return tags


@pytest.mark.parametrize(("source", "form", "keep"), list(itertools.product(SOURCES, ("JPEG", "PNG"), KeepMetadata)))
def test_exiftool_reads_what_belongs_to_the_picture(tmp_path: Path, source: str, form: str, keep: KeepMetadata) -> None:
    path = tmp_path / f"result.{form.lower()}"
    path.write_bytes(spliced(SOURCES[source], pictures.plain(form, (80, 120)), keep, IccRule.AUTO)[0])
    tags = read_tags(path)
    assert [value for name, value in tags.items() if name.endswith((":Warning", ":Error"))] == []
    expected = {KeepMetadata.ALL: ALL, KeepMetadata.COPYRIGHT: RIGHTS, KeepMetadata.NONE: {}}[keep]
    assert {name: tags.get(name) for name in expected} == expected
    if keep is KeepMetadata.NONE:
        assert [name for name in tags if name.startswith(GROUPS)] == []
    assert any(name.startswith("GPS:") for name in tags) == (keep is KeepMetadata.ALL)
    assert all(secret not in json.dumps(tags) for secret in pictures.SECRETS) or keep is KeepMetadata.ALL
    assert "IFD1:ThumbnailImage" not in tags
