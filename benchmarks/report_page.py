"""Measures the report's page: how large it is, how long it takes to make, and how soon Chromium shows and filters it.

A page is opened anew for each round, in a new context, from the disk. A filter's time ends when the list has its new rows and the
browser has drawn them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Browser, Page
from tests.browser.chromium import started
from tests.unit import report_support

from benchmarks.support.reporting import Result, Table
from darkroom_cli.html_report import page_contents, page_file
from darkroom_cli.html_report.report_source import ReportSource

NAME = "report_page"
QUESTION = "How large is the page of 5,000 jobs and 200 pictures, and how soon does a browser show and filter it?"
JOBS, PICTURES, ROUNDS = 5_000, 200, 7
QUICK_JOBS, QUICK_PICTURES, QUICK_ROUNDS = 500, 20, 2
GOALS = {"first paint, ms": 1_000.0, "search, ms": 100.0, "page, MB": 40.0}
PAINTED = """() => new Promise((done) => {
  new PerformanceObserver((found) => {
    for (const paint of found.getEntriesByName('first-contentful-paint')) done(paint.startTime);
  }).observe({ type: 'paint', buffered: true });
})"""
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
ACT = """async ({ selector, value, event }) => {
  const field = document.querySelector(selector);
  const begin = performance.now();
  if (value !== null) field.value = value;
  field.dispatchEvent(new Event(event, { bubbles: true }));
  document.body.offsetHeight; // the browser lays the new rows out
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begin;
}"""
ACTIONS = {
    "search": ("#filters input[type=search]", "00020", "input"),
    "filter by status": ("#filters select[name=status]", "FAILED", "input"),
    "sort by key": ("#job-table thead button", None, "click"),
}


@dataclass(frozen=True)
class Made:
    """A page on the disk, its size, and the CPU seconds that it took."""

    path: Path
    megabytes: float
    cpu_seconds: float


def run(quick: bool = False) -> Result:
    """Make two pages, one without pictures, and open them in turns. Raises NoChromium."""
    jobs, pictures, rounds = (QUICK_JOBS, QUICK_PICTURES, QUICK_ROUNDS) if quick else (JOBS, PICTURES, ROUNDS)
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        source = report_support.many(jobs)
        pages = {
            f"{jobs:,} jobs": _made(source, 0, Path(folder) / "jobs.html"),
            f"{jobs:,} jobs, {pictures} pictures": _made(_detailed(source), pictures, Path(folder) / "pictures.html"),
        }
        times: dict[str, list[dict[str, float]]] = {name: [] for name in pages}
        for _ in range(rounds):
            for name, made in pages.items():
                times[name].append(_round(browser, made.path))
    return _result(pages, times)


def _detailed(source: ReportSource) -> ReportSource:
    """Return the source with pictures that do not compress, so that each takes all the bytes that it may."""
    before, after = report_support.noise(700, 500), report_support.noise(1400, 1000)
    return replace(source, original=lambda job: before, result=lambda job: after)


def _made(source: ReportSource, pictures: int, target: Path) -> Made:
    begin = time.process_time()
    page_file.save(page_contents.gather(source, pictures), target)
    took = time.process_time() - begin
    return Made(target, target.stat().st_size / 1_000_000, took)


def _round(browser: Browser, path: Path) -> dict[str, float]:
    """Open the page and use it. Return milliseconds by name."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    found = {"first paint": page.evaluate(PAINTED), "loaded": page.evaluate(LOADED)}
    found |= {name: _acted(page, *action) for name, action in ACTIONS.items()}
    context.close()
    return found


def _acted(page: Page, selector: str, value: str | None, event: str) -> float:
    took = float(page.evaluate(ACT, {"selector": selector, "value": value, "event": event}))
    page.locator("#filters button[type=reset]").click()
    return took


def _result(pages: dict[str, Made], times: dict[str, list[dict[str, float]]]) -> Result:
    names = ["first paint", "loaded", *ACTIONS]
    middle = {
        page: {name: statistics.median(one[name] for one in found) for name in names} for page, found in times.items()
    }
    rows: list[list[object]] = [
        [page, made.megabytes, made.cpu_seconds, *(middle[page][name] for name in names)]
        for page, made in pages.items()
    ]
    largest = list(pages)[-1]
    ratios = {
        "first paint, ms": middle[largest]["first paint"],
        "search, ms": middle[largest]["search"],
        "page, MB": pages[largest].megabytes,
    }
    columns = ["page", "MB", "CPU s to make", *(f"{name}, ms" for name in names)]
    return Result(
        NAME, QUESTION, [Table(f"Medians of {len(times[largest])} rounds", columns, rows)], ratios, GOALS,
        ["The pictures are noise, which no format compresses, so that the page is as large as it can become."],
    )  # fmt: skip
