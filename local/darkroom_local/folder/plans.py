"""The plan that submit will make of a picture on this machine, for questions before anything is sent.

It reads the picture's header only, and takes a suffix for the format. So it is an estimate: submit looks at the bytes themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from darkroom import folder_files, output_keys, output_templates, planning, setting_layers
from darkroom.catalog import providers
from darkroom.errors import Refusal
from darkroom.model import ImageFacts, ImageFormat, Limits, Plan
from darkroom_local.folder import picture_sizes, rules
from darkroom_local.folder.uploads import Item

_FORMATS = {
    ".png": ImageFormat.PNG, ".tif": ImageFormat.TIFF, ".tiff": ImageFormat.TIFF, ".webp": ImageFormat.WEBP,
    ".gif": ImageFormat.GIF,
}  # fmt: skip # any other suffix is JPEG's


def plan_of(item: Item, parameters: Mapping[str, str], allowed: Sequence[str], limits: Limits) -> Plan | None:
    """Return the plan for an item, None if its file has no size that can be read. Raises Refusal."""
    size = picture_sizes.size_of(item.path)
    if size is None:
        return None
    facts = ImageFacts(_FORMATS.get(item.path.suffix.lower(), ImageFormat.JPEG), size.width, size.height)
    files = rules.parsed(item.files)
    layers = [
        setting_layers.tag_layer(item.settings),
        *(layer for file in files for layer in file.layers(item.key)),
        setting_layers.parse_defaults(parameters.get("DefaultSettings", "")),
    ]
    settings = setting_layers.resolve(
        layers,
        default_provider=parameters.get("Provider", "topaz"),
        allowed_providers=allowed,
        presets=folder_files.presets_of(files),
    )
    settings = replace(settings, output=folder_files.output_of(files))
    return planning.plan(settings, facts, size.file_bytes, limits, datetime.now(UTC).date())


def result_keys(item: Item) -> tuple[str, ...]:
    """Return all keys that the item's result may get, as far as that is known before submit looks at the bytes."""
    if not folder_files.output_of(rules.parsed(item.files)).changes_key:
        return output_keys.result_keys(item.key)
    return _planned_keys(item)


def likeliest_key(item: Item) -> str:
    """Return the key that the item's result will get, as far as that is known before submit looks at the bytes."""
    return next(iter(_planned_keys(item)), item.key)


def _planned_keys(item: Item) -> tuple[str, ...]:
    with suppress(Refusal):
        plan = plan_of(item, item.parameters, providers(), Limits({}, Decimal(0), {}, {}))
        if plan is not None:
            return tuple(output_templates.result_keys(item.key, plan))
    return ()
