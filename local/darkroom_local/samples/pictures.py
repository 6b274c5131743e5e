"""The sample pictures, one for each case to try: how each is drawn and saved, and the settings of its upload.

Every call makes the same files. This module must not draw pictures or judge results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom_local.samples import drawings


@dataclass(frozen=True)
class Sample:
    """A sample picture: how it is drawn and saved, the settings of its upload, and what to look for in the result."""

    name: str
    draw: Callable[[], drawings.Picture]
    settings: Mapping[str, str]
    look_for: str
    save: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provider(self) -> str:
        """The provider that enhances the picture."""
        return self.settings.get("provider", "topaz")

    def write(self, folder: Path) -> Path:
        """Draw the picture, save it in `folder`, and return its path."""
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.draw().save(path, **self.save)
        return path


SAMPLES = (
    Sample(
        "lettering.png", drawings.lettering, {"model": "Text Refine", "scale": "2", "label": "demo"},
        "small letters stay letters, hairlines stay one line",
    ),
    Sample(
        "edges/zone-plate.tiff", drawings.zone_plate, {"model": "High Fidelity V2", "scale": "2"},
        "rings stay rings to the rim, no coarse ghosts", {"compression": "tiff_lzw"},
    ),
    Sample(
        "gradients.jpg", drawings.gradients, {"scale": "3", "output_format": "png"},
        "ramps stay smooth, no bands; a jpeg in, a png out", {"quality": 90},
    ),
    Sample(
        "street.jpg", drawings.blurred_street, {"model": "Lens Blur V2", "strength": "0.8"},
        "signs and window frames come into focus at the same size", {"quality": 92},
    ),
    Sample(
        "portraits/tiny-face.png", drawings.tiny_face, {"model": "Redefine", "scale": "4", "creativity": "2"},
        "the face stays the same face, eyes and mouth keep clean edges",
    ),
    Sample(
        "catalog/jumper.jpg", drawings.jumper, {"provider": "uwear", "model": "topaz", "scale": "2"},
        "every stitch stays one, at twice the size; fetched by a link", {"quality": 92},
    ),
    Sample(
        "catalog/badge.png", drawings.badge, {"provider": "uwear", "model": "recraft"},
        "flat colours and crisp edges, as much larger as the model chooses",
    ),
    Sample(
        "planets.png", drawings.planets,
        {"provider": "oxen", "enhance_model": "CGI", "scale": "2", "output_format": "jpg"},
        "rims stay hard, shading stays smooth; a png in, a jpeg out",
    ),
    Sample(
        "at-once/planets.png", drawings.planets, {"provider": "oxen", "enhance_model": "CGI", "synchronous": "true"},
        "the same by a call that is held until its result is there",
    ),
    Sample(
        "clock.jpg", drawings.blurred_clock,
        {"provider": "aimlapi", "model": "topaz-labs/sharpen", "mode": "Strong"},
        "numerals and ticks come into focus at the same size", {"quality": 92},
    ),
    Sample(
        "typo.jpg", drawings.gradients, {"sclae": "2"},
        "rejected before any credit is spent: the tag is misspelt", {"quality": 90},
    ),
)  # fmt: skip
