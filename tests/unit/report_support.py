"""Sources of reports for tests and benchmarks: a month of jobs with pictures, thousands of jobs, and jobs with hostile texts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from random import Random
from typing import Any

from PIL import Image, ImageFilter
from tests.unit.showcase import MONTH, NOW, bound, job, over, reserved, story

from darkroom.model import BudgetMonth, Job, JobStatus
from darkroom_cli.html_report.report_source import Advice, NotShown, Origins, Picture, ReportSource
from darkroom_cli.html_report.stack_source import advice
from darkroom_local.samples import drawings

MODELS = (("topaz", "Standard V2", 2), ("topaz", "High Fidelity V2", 4), ("uwear", "recraft", 1), ("oxen", "CGI", 900))
LABELS = ("spring", "archive", None, "catalog")
DRAWINGS = (
    drawings.lettering,
    drawings.blurred_street,
    drawings.tiny_face,
    drawings.planets,
)
SCRIPT = "<script>window.ran=true</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror="window.ran=true">',
    "</script><script>window.ran=true</script>",
    "<!--<script>",
    "{{ 7 * 7 }} {% raw %}",
    "javascript:window.ran=true",
    "\u202egnp.exe",
    "\u05e9\u05dc\u05d5\u05dd/\u0645\u0631\u062d\u0628\u0627.jpg",
    "\U0001f469\u200d\U0001f469\u200d\U0001f466 \U0001f5bc\ufe0f 'quote' & <b>bold</b>",
    "\x1b[31m\x00\x7f\u2028\u2029",
    "x" * 4096,
    "\u00fc" * 1024,
    "__proto__",
)


def encoded(image: Image.Image, name: str = "JPEG", **options: Any) -> bytes:
    """Return the image as a file."""
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


@cache
def pair(number: int) -> tuple[bytes, bytes]:
    """Return a picture before and after, the second with twice the width and without metadata."""
    sharp = DRAWINGS[number % len(DRAWINGS)]().convert("RGB")
    after = sharp.resize((sharp.width * 2, sharp.height * 2), Image.Resampling.LANCZOS)
    exif = Image.Exif()
    exif[0x010E] = "a test"
    before = sharp.filter(ImageFilter.GaussianBlur(1.2))
    return encoded(before, quality=80, exif=exif), encoded(after, "PNG")


def completed(number: int, **facts: Any) -> Job:
    """Return a completed job. Days, models and labels take turns."""
    provider, model, credits = MODELS[number % len(MODELS)]
    made = job(f"{('photos', 'scans/1931', '')[number % 3]}/picture {number:05}.jpg".lstrip("/"), JobStatus.COMPLETED,
               60 + number * 2_917 % 38_000)  # fmt: skip
    made = over(bound(reserved(made, str(credits), provider, model, scale="2")), str(credits))
    return replace(made, **{"label": LABELS[number % len(LABELS)], **facts})


def months() -> list[BudgetMonth]:
    """Return months with and without limits, and one over its limit."""
    rows = (
        ("usd", MONTH, 6, "4.97", "0.60", 0),
        ("usd", "2026-10", 6, "6.22", "0", "0.22"),
        ("topaz", MONTH, 400, "286", "11", 0),
        ("oxen", MONTH, 0, "5500", "0", 0),
    )
    return [
        BudgetMonth(
            unit, month, limit=Decimal(limit), reserved=Decimal(held), spent=Decimal(spent), overrun=Decimal(over), jobs=9
        )
        for unit, month, limit, spent, held, over in rows
    ]  # fmt: skip


def source(jobs: Sequence[Job], name: str = "the stack darkroom", **facts: Any) -> ReportSource:
    """Return a source for these jobs. Each completed one has a picture."""

    def original(shown: Job) -> Picture:
        return pair(int(shown.job_id[:4], 16))[0]

    def result(shown: Job) -> Picture:
        return pair(int(shown.job_id[:4], 16))[1]

    given: dict[str, Any] = {
        "name": name,
        "at": NOW,
        "first": NOW - timedelta(days=31),
        "last": NOW,
        "jobs": sorted(jobs, key=lambda one: one.created_at, reverse=True),
        "left_out": 0,
        "months": months(),
        "runs": lambda job_id: [one for one in jobs if one.job_id == job_id],
        "original": original,
        "result": result,
        "origins": lambda one: Origins(dict.fromkeys(one.settings, "the object's tags")),
        "advice": partial(advice, "darkroom"),
    }
    return ReportSource(**{**given, **facts})


def a_month(pictures: int = 12) -> ReportSource:
    """Return a month: jobs in every status, and completed ones with pictures."""
    return source([*story(), *(completed(number) for number in range(pictures))])


def many(number: int) -> ReportSource:
    """Return so many jobs, a twentieth of them without a result, and no pictures."""

    def ended(index: int) -> Job:
        if index % 20:
            return completed(index)
        failed = replace(completed(index), status=JobStatus.FAILED, credits=Decimal(0), cost_usd=Decimal(0))
        return replace(failed, error_code="ProviderFailed", error="topaz ended the process with the status Failed")

    return source([ended(index) for index in range(number)])


def hostile() -> ReportSource:
    """Return jobs whose key, label, model, error, settings and code are each of the hostile texts."""
    made = []
    for number, text in enumerate(HOSTILE):
        done = completed(number, label=text)
        made.append(replace(done, source_key=text[:1024], model=text, settings={text: text, "prompt": text}))
        lost = completed(100 + number, label=text)
        made.append(
            replace(lost, status=JobStatus.FAILED, source_key=f"{text[:1000]}/failed", error_code=text, error=text)
        )

    def result(shown: Job) -> Picture:
        raise NotShown(shown.source_key) if len(shown.source_key) > 200 else NotShown(SCRIPT)

    origins = dict.fromkeys(HOSTILE, HOSTILE[0])
    given = {
        "origins": lambda one: Origins(origins, SCRIPT),
        "advice": lambda one: Advice(SCRIPT, SCRIPT),
        "note": SCRIPT,
    }
    plain = source(made)

    def some_results(shown: Job) -> Picture:
        return result(shown) if int(shown.job_id[:4], 16) % 3 == 0 else plain.result(shown)

    return replace(plain, name=SCRIPT, result=some_results, **given)


@cache
def noise(width: int, height: int) -> bytes:
    """Return a picture that no format compresses."""
    return encoded(Image.frombytes("RGB", (width, height), Random(7).randbytes(width * height * 3)), quality=95)
