"""Opens pages in a real Chromium. `make browser` runs these tests, and fails where there is no Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from darkroom.model import Job
from darkroom_cli.html_report import page_contents, page_file
from darkroom_cli.html_report.report_source import Picture, ReportSource
from tests.browser.chromium import NoChromium, executable, started
from tests.unit import report_support

Opened = Callable[..., Page]


def pytest_sessionstart() -> None:
    try:
        executable()
    except NoChromium as missing:
        pytest.exit(str(missing), returncode=2)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with started() as running:
        yield running


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports as files: a month, the same with its images beside it, hostile texts, and 5,000 jobs."""
    folder = tmp_path_factory.mktemp("pages")
    sources: dict[str, ReportSource] = {
        "month": report_support.a_month(),
        "linked": _of_files(report_support.a_month(), folder / "pictures"),
        "hostile": report_support.hostile(),
        "many": report_support.many(5000),
    }
    for name, source in sources.items():
        contents = page_contents.gather(source, 0 if name == "many" else 200)
        page_file.save(contents, folder / f"{name}.html", link=name == "linked")
    return {name: folder / f"{name}.html" for name in sources}


def _of_files(source: ReportSource, folder: Path) -> ReportSource:
    """Return the source with its pictures as files of this machine."""
    folder.mkdir()

    def saved(job: Job, picture: Picture, suffix: str) -> Path:
        path = folder / f"{job.job_id}{suffix}"
        path.write_bytes(bytes(picture))  # type: ignore[arg-type]
        return path

    return replace(
        source,
        original=lambda job: saved(job, source.original(job), " before.jpg"),
        result=lambda job: saved(job, source.result(job), " after.png"),
    )


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Opened]:
    """Return a function that opens a page. At the end, no script has failed, no policy was broken, and nothing was asked of a
    network."""
    contexts, wrong = [], []

    def open_page(name: str, width: int = 1280, height: int = 900, **media: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **media)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
        page.goto(pages[name].as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
