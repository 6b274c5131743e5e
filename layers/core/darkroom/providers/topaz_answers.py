"""Interprets the answers of Topaz Labs: entries of the status list, process ids and estimates. This module sends no request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from darkroom.errors import ProviderUnavailable
from darkroom.model import Estimate, FoundProcess, ImageFormat, Plan, Progress, UnnamedProcess
from darkroom.providers import parsing
from darkroom.providers.topaz_words import is_process_id, to_state

GENERATIVE = "-gen"  # the names of generative endpoints end with this; they have a separate endpoint for estimates
FORMATS = {
    "jpeg": ImageFormat.JPEG, "jpg": ImageFormat.JPEG, "png": ImageFormat.PNG, "tiff": ImageFormat.TIFF,
    "tif": ImageFormat.TIFF,
}  # fmt: skip


def estimate_fields(plan: Plan, width: int, height: int) -> dict[str, str]:
    """Return the form fields of an estimate. The category is needed because two models have one name, e.g. `Strong` for Sharpen
    and for Denoise.

    assumed: each category is an endpoint's name (OpenAPI 1.2.0 shows only the category Enhance).
    """
    category = plan.endpoint.removesuffix("/async").removesuffix(GENERATIVE).capitalize()
    return {**plan.parameters, "category": category, "input_width": str(width), "input_height": str(height)}


def to_estimate(answer: Mapping[str, Any]) -> Estimate:
    """Return the estimate from an answer. Raises ProviderUnavailable if the answer names no duration."""
    seconds = parsing.read_number(answer.get("duration"))
    if seconds is None:
        raise ProviderUnavailable("the provider's estimate names no duration")
    return Estimate(int(seconds), parsing.read_number(answer.get("credits")))


def parse_page(body: object) -> tuple[list[Any], str | None]:
    """Return the entries of a page and the cursor of the next page, None at the end. The page is an array (OpenAPI 1.0.0) or an
    object with `data` and `pagination` (1.2.0)."""
    match body:
        case list():
            return body, None
        case {"data": list(entries), **rest}:
            pagination = rest.get("pagination")
            pages = pagination if isinstance(pagination, dict) else {}
            cursor = pages.get("next_cursor")
            if pages.get("has_next_page") and not cursor:
                raise ProviderUnavailable("the provider's status list has another page but no cursor to it")
            return entries, str(cursor) if cursor else None
        case _:
            raise ProviderUnavailable("the provider's status list has an unknown shape")


def read_creation(entry: Mapping[str, Any]) -> tuple[str, datetime | None]:
    """Return the id of an entry and the time when its process was made, None if it names none."""
    return str(entry.get("process_id")), parsing.read_unix_time(entry.get("creation_time"))


def to_progress(entry: Mapping[str, Any]) -> Progress:
    """Return the progress that an entry shows. A status word that the vendor's pages do not list counts as running."""
    word = str(entry.get("status", ""))
    return Progress(
        state=to_state(word),
        eta=parsing.read_unix_time(entry.get("eta")),
        credits=parsing.read_number(entry.get("credits")),
        output_width=parsing.read_pixels(entry.get("output_width")),
        output_height=parsing.read_pixels(entry.get("output_height")),
        output_format=FORMATS.get(str(entry.get("output_format", "")).lower()),
        vendor_word=word[:40],
    )


def echoed_settings(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings that an entry repeats in `options_json`; none if it repeats nothing readable."""
    try:
        options = json.loads(str(entry.get("options_json", "")))
    except (ValueError, RecursionError):
        return {}
    return options if isinstance(options, dict) else {}


def to_unnamed_process(entry: Mapping[str, Any]) -> UnnamedProcess:
    """Return an entry that may be one of ours, whatever its filename. Raises ProviderUnavailable if it has no id."""
    progress = to_progress(entry)
    return UnnamedProcess(
        found=to_found_process(entry),
        model=str(entry.get("model", "")),
        settings=echoed_settings(entry),
        output_width=progress.output_width,
        output_height=progress.output_height,
        output_format=progress.output_format,
        is_synchronous=entry.get("sync") is True,
    )


def to_found_process(entry: Mapping[str, Any]) -> FoundProcess:
    """Return one of our entries as a FoundProcess. Raises ProviderUnavailable if the entry has no id."""
    process_id = entry.get("process_id")
    if not is_process_id(process_id):
        raise ProviderUnavailable("the provider's status list shows our process without its id")
    return FoundProcess(
        process_id=str(process_id),
        handle=str(entry.get("filename", "")),
        state=to_progress(entry).state,
        eta=parsing.read_unix_time(entry.get("eta")),
        created_at=parsing.read_unix_time(entry.get("creation_time")),
    )
