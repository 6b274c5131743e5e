"""Forecasts: what submit would do with uploads, and what that would cost, by the quote that submit itself makes.

Only headers of pictures are read. Nothing is written, reserved or sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from darkroom import output_keys, output_templates
from darkroom.errors import ErrorCode, OutputCollision, Refusal, SourceDenied, SourceGone
from darkroom.model import PIXELS_PER_MEGAPIXEL, ImageFacts, JobStatus, Plan, SourceObject, Upload
from darkroom.pipeline.quote import Quote
from darkroom.setting_layers import Layer, Settings

READERS = 24  # pictures whose headers are read at once: each waits for the network
AT_THE_PROVIDER = frozenset({JobStatus.SUBMITTING, JobStatus.PROCESSING, JobStatus.IN_DOUBT})


class Fate(StrEnum):
    """What would become of an upload."""

    PAID = "to pay"
    DONE = "done"  # its job is completed
    UNDER_WAY = "under way"  # the provider has it, or may have it: its price is reserved
    SKIPPED = "skipped"
    REFUSED = "refused"  # it would cost nothing
    UNKNOWN = "unknown"  # it could not be read with this person's credentials or connection; submit may read and pay it


@dataclass(frozen=True)
class Forecast:
    """What would become of one upload. A refused or unknown one has the reason, and as much else as was known before it."""

    key: str
    fate: Fate
    settings: Settings | None = None
    facts: ImageFacts | None = None
    plan: Plan | None = None
    output_key: str | None = None  # the likeliest, if the provider chooses the format
    code: ErrorCode | None = None
    message: str = ""

    @property
    def megapixels(self) -> Decimal:
        """The megapixels of the picture itself."""
        pixels = self.facts.width * self.facts.height if self.facts else 0
        return Decimal(pixels) / PIXELS_PER_MEGAPIXEL

    @property
    def credits(self) -> Decimal | None:
        """What it would cost, in the provider's unit: 0 unless it is to be paid, None if that is unknown or only the vendor
        knows."""
        if self.fate is Fate.UNKNOWN:
            return None
        if self.fate is not Fate.PAID or self.plan is None:
            return Decimal(0)
        return self.plan.credits

    @property
    def usd(self) -> Decimal | None:
        """The same in US dollars."""
        if self.credits is None or self.plan is None:
            return self.credits
        return self.credits * self.plan.credit_price_usd


def of_upload(quote: Quote, upload: Upload, above: Sequence[Layer] = ()) -> Forecast:
    """Return what would become of one upload. Raises WrongDefaults, and errors of the network."""
    settings: Settings | None = None
    facts: ImageFacts | None = None
    plan: Plan | None = None
    try:
        source = quote.sources.find(upload)
        if output_keys.RECEIPT_JOB in source.metadata:
            return Forecast(upload.key, Fate.SKIPPED, message="an output of Darkroom cannot be its input")
        settings = quote.settings(source, above)
        if settings.skip:
            return Forecast(upload.key, Fate.SKIPPED, settings)
        plan, facts = quote.look(settings, source)
        if plan.send_mode.by_link:
            output_keys.check_key_fits_a_link(upload.key)
        likeliest = output_templates.result_keys(upload.key, plan)[0]
        return Forecast(upload.key, Fate.PAID, settings, facts, plan, likeliest)
    except Refusal as refusal:
        return Forecast(upload.key, Fate.REFUSED, settings, facts, plan, None, refusal.code, str(refusal))
    except SourceGone as gone:
        return Forecast(upload.key, Fate.SKIPPED, message=str(gone))
    except (SourceDenied, OSError) as unread:
        return Forecast(upload.key, Fate.UNKNOWN, settings, message=str(unread))


def of_uploads(
    quote: Quote, uploads: Iterable[Upload], above: Sequence[Layer], taken: Mapping[str, str], each: Callable[[], None]
) -> list[Forecast]:
    """Return the forecasts of all uploads, in their order. `each` is called once for every upload that was read.

    A picture whose result would get the key of another's is refused, as it would be after that one was reserved. `taken` are the
    keys of results that jobs have already: output key → key of the upload.
    """

    def read(upload: Upload) -> Forecast:
        found = of_upload(quote, upload, above)
        each()
        return found

    ordered = list(uploads)
    first = [read(upload) for upload in ordered[:1]]  # alone, because what is made at the first use is not made twice
    with ThreadPoolExecutor(READERS) as readers:
        return _without_collisions([*first, *readers.map(read, ordered[1:])], dict(taken))


def _without_collisions(forecasts: Iterable[Forecast], taken: dict[str, str]) -> list[Forecast]:
    found: list[Forecast] = []
    for each in forecasts:
        if each.fate is Fate.PAID and each.plan is not None:
            keys = output_templates.result_keys(each.key, each.plan)
            other = next((taken[key] for key in keys if taken.get(key, each.key) != each.key), None)
            if other is not None:
                message = f"the result's key {keys[0]!r} belongs to {other!r}"
                each = replace(each, fate=Fate.REFUSED, code=OutputCollision.code, message=message)
            else:
                taken |= dict.fromkeys(keys, each.key)
        found.append(each)
    return found


def done_before(status: JobStatus) -> Fate | None:
    """Return what has become of an upload whose job has that status; None if it is still to be paid."""
    if status is JobStatus.COMPLETED:
        return Fate.DONE
    return Fate.UNDER_WAY if status in AT_THE_PROVIDER else None


def same_bytes(sources: Iterable[SourceObject], digest: Callable[[SourceObject], str]) -> list[list[str]]:
    """Return the groups of keys whose objects have the same bytes. `digest` is asked for objects of equal size only."""
    by_size: dict[int, list[SourceObject]] = {}
    for source in sources:
        by_size.setdefault(source.size_bytes, []).append(source)
    by_content: dict[tuple[int, str], list[str]] = {}
    for size, group in by_size.items():
        for source in group if len(group) > 1 and size else ():
            by_content.setdefault((size, digest(source)), []).append(source.key)
    return [keys for keys in by_content.values() if len(keys) > 1]
