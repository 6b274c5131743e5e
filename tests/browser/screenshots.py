"""Takes the pictures of the report's page for docs: `python -m tests.browser.screenshots docs/screens`. Raises NoChromium."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from darkroom_cli.html_report import page_contents, page_file
from tests.browser.chromium import started
from tests.unit import report_support

NAMES = ("report-light.webp", "report-compare-dark.webp", "report-small.webp")
COMPARED = "picture 00002.jpg"  # the drawing of a face


def take(folder: Path) -> None:
    """Write the pictures into the folder."""
    with tempfile.TemporaryDirectory() as work, started() as browser:
        path = Path(work) / "report.html"
        page_file.save(page_contents.gather(report_support.a_month(18), 200), path)
        page = _opened(browser, path, 1280, 1290)
        _save(page, folder / NAMES[0])
        page = _opened(browser, path, 1280, 900, scheme="dark")
        _compare(page)
        page.locator("#stage").focus()
        page.keyboard.press("+")
        _save(page, folder / NAMES[1])
        page = _opened(browser, path, 390, 760)
        _compare(page)
        _save(page, folder / NAMES[2])


def _opened(browser: Browser, path: Path, width: int, height: int, scheme: str = "light") -> Page:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(path.as_uri())
    return page


def _compare(page: Page) -> None:
    page.locator("#gallery button", has_text=COMPARED).click()
    page.locator("#image-after").evaluate("image => image.decode()")


def _save(page: Page, path: Path) -> None:
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, "WEBP", quality=78, method=6)
    page.context.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
