"""Tests the report's page as a file: only its own script runs, its texts are those of the jobs, and its size is bounded."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tests.rows import each_row
from tests.unit import report_support
from tests.unit.showcase import NOW, job

from darkroom.model import JobStatus
from darkroom_cli.console.errors import visible
from darkroom_cli.html_report import page_contents, page_file, spend_figures
from darkroom_cli.html_report.page_contents import MOST_JOBS, PageContents
from darkroom_cli.html_report.page_rendering import write
from darkroom_cli.html_report.pictures import MOST_BYTES, Shown
from darkroom_cli.html_report.previews import Preview, Side
from darkroom_cli.html_report.report_source import Origins

REFERENCES = ("src", "href", "srcset", "action", "formaction", "data", "poster", "xlink:href")


class Page(HTMLParser):
    """A page's elements: their attributes, and the text of style and script elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"style": [], "script": [], "title": [], "h1": []}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in self.texts:
            if tag in self._open:
                self.texts[tag][-1] += data

    @property
    def policy(self) -> str:
        return next(str(a["content"]) for tag, a in self.elements if a.get("http-equiv") == "Content-Security-Policy")

    def json(self, block: str) -> Any:
        scripts = [attributes for tag, attributes in self.elements if tag == "script"]
        place = next(number for number, attributes in enumerate(scripts) if attributes.get("id") == block)
        return json.loads(self.texts["script"][place])


def html(contents: PageContents, **options: Any) -> str:
    file = BytesIO()
    write(contents, file, **options)
    return file.getvalue().decode()


@pytest.fixture(scope="module")
def month() -> PageContents:
    return page_contents.gather(report_support.a_month(4), 200)


@pytest.fixture(scope="module")
def hostile() -> PageContents:
    return page_contents.gather(report_support.hostile(), 200)


@pytest.fixture(scope="module")
def month_html(month: PageContents) -> str:
    return html(month)


@pytest.fixture(scope="module")
def pages(month_html: str, hostile: PageContents) -> dict[str, Page]:
    return {"month": Page(month_html), "hostile": Page(html(hostile))}


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_the_pages_own_style_and_script_by_their_hashes_and_nothing_else(
    pages: dict[str, Page],
) -> None:
    page = pages["month"]
    (style,), scripts = page.texts["style"], page.texts["script"]
    kinds = [attributes.get("type") for tag, attributes in page.elements if tag == "script"]
    (script,) = (text for text, kind in zip(scripts, kinds, strict=True) if kind is None)
    assert page.policy == (
        f"default-src 'none'; script-src {sha256(script)}; style-src {sha256(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert set(kinds) == {None, "application/json"}


@pytest.mark.parametrize("contents", ["month", "hostile"])
def test_the_page_asks_no_network_and_has_no_inline_handler_or_style(contents: str, pages: dict[str, Page]) -> None:
    page = pages[contents]
    attributes = [(tag, name, value or "") for tag, given in page.elements for name, value in given.items()]
    assert [one for one in attributes if one[1].startswith("on") or one[1] == "style"] == []
    assert [one for one in attributes if one[1] in REFERENCES and not one[2].startswith("#")] == []
    assert re.findall(r"@import|url\(", page.texts["style"][0]) == []
    assert (
        re.findall(r"\b(fetch|XMLHttpRequest|WebSocket|eval|innerHTML|insertAdjacentHTML)\b", page.texts["script"][-1])
        == []
    )


def test_hostile_texts_are_texts_and_add_no_element(hostile: PageContents, pages: dict[str, Page]) -> None:
    page = pages["hostile"]
    images = [number for number, one in enumerate(hostile.shown) if one.preview]
    assert sum(tag == "script" for tag, _ in page.elements) == 2 + len(images)
    assert [tag for tag, given in page.elements if tag in ("b", "iframe") or (tag == "img" and "id" not in given)] == []
    assert page.texts["title"][0] == f"Darkroom: {report_support.SCRIPT}"
    assert page.texts["h1"][0] == f"Darkroom: {report_support.SCRIPT}"
    entries = {entry["label"]: entry for entry in page.json("entries")}
    for text in report_support.HOSTILE:
        if len(text) < 100:
            assert entries[visible(text)]["label"] == visible(text)
    assert all(letter.isprintable() for entry in page.json("entries") for letter in _letters(entry))


def _letters(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _letters(one)
    elif isinstance(value, list):
        for one in value:
            yield from _letters(one)


@pytest.mark.parametrize("number_of_jobs", [200, MOST_JOBS])
def test_two_hundred_pictures_and_up_to_five_thousand_jobs_with_long_texts_stay_below_40_mb(
    number_of_jobs: int, tmp_path: Path
) -> None:
    long = "\U0001f5bc" * 250
    jobs = [
        replace(report_support.completed(number), source_key=f"{number}{long}", model=long, label=long, error=long)
        for number in range(50)
    ]
    source = report_support.source(jobs)
    entry = page_contents.gather(source, 0).entries[0]
    entries = [entry] * number_of_jobs
    allowed = page_contents.bytes_for_pictures(entries)
    each = min(MOST_BYTES, allowed // 200)
    side = Side(1, 1, 1, "JPEG", frozenset())
    images = [b"\xff" * (each * share // 100) for share in (32, 32, 18, 18)]
    preview = Preview(side, side, (images[0], images[1]), (images[2], images[3]), (400, 300))
    shown = [Shown(jobs[0], preview, "", Origins({}))] * 200
    target = tmp_path / "page.html"
    page_file.save(replace(page_contents.gather(source, 0), entries=entries, shown=shown), target)
    assert 25_000_000 < target.stat().st_size < 40_000_000


def test_more_jobs_than_the_list_has_are_in_the_sums_and_the_page_says_so() -> None:
    job = report_support.completed(0)
    jobs = [replace(job, job_id=f"{number:032x}") for number in range(MOST_JOBS + 20)]
    contents = page_contents.gather(report_support.source(jobs), 0)
    assert (contents.uploads, len(contents.entries)) == (MOST_JOBS + 20, MOST_JOBS)
    assert "The list has the newest 5,000. The sums above count all." in html(contents)


def test_jobs_that_were_not_read_are_counted() -> None:
    source = replace(report_support.a_month(0), left_out=12_345)
    assert "12,345 older uploads of that time are not in this page." in html(page_contents.gather(source, 0))


def test_a_time_without_uploads_gives_a_page_that_says_so() -> None:
    source = replace(report_support.source([]), months=[])
    assert "There was no upload in that time." in html(page_contents.gather(source, 200))


def test_the_details_of_a_picture_say_what_changed_and_who_gave_its_settings(month: PageContents) -> None:
    entry: Any = next(one for one in month.entries if one.get("picture") is not None and one["provider"] == "topaz")
    changes = {row[0]: row[1:] for row in entry["changes"]}
    assert changes["Size"][1].endswith("(2 times as wide)")
    assert changes["Format"] == ["JPEG", "PNG"]
    assert changes["EXIF"] == ["there", "lost"]
    assert ["scale", "2", "the object's tags"] in entry["settings"]
    facts = dict(entry["facts"])
    assert facts["Ended"].endswith("UTC, 1 min 0 s after the upload")
    assert facts["Price"] in ("1 credit, 0.12 USD", "2 credits, 0.24 USD", "4 credits, 0.48 USD")


def test_failures_are_grouped_by_their_code_with_cure_command_and_reasons(month: PageContents, month_html: str) -> None:
    found = {failure.name: failure for failure in month.failures}
    assert set(found) == {"AuthFailed", "BudgetExceeded", "CANCELLED", "IN_DOUBT", "InvalidSetting", "ProviderFailed"}
    assert (found["AuthFailed"].count, found["AuthFailed"].state) == (2, "waiting")
    assert found["IN_DOUBT"].state == "in doubt"
    assert "darkroom rerun --code InvalidSetting --stack darkroom" in month_html
    assert "the tag sclae=&#39;2&#39; is no setting; did you mean scale?" in month_html


@each_row(("facts", "words"), [
    ({"error_code": "InvalidSetting", "error": "the stack parameter DefaultSettings is wrong"}, "correct the parameter"),
    ({"error_code": "SourceUnreadable", "error": "its KMS key may not be used"}, "let the stack read the object"),
    ({"error_code": "SourceUnreadable", "error": "denied", "provider": "topaz"}, "let the stack read the object"),
], ids=str)  # fmt: skip
def test_nobody_is_told_to_upload_again_or_to_resume_no_provider_for_an_upload_that_waits(
    facts: dict[str, Any], words: str
) -> None:
    later = NOW + timedelta(minutes=9)
    waiting = job("a.jpg", JobStatus.CLAIMED, 20, next_attempt_at=later, due_at=later, **facts)
    (failure,) = page_contents.gather(report_support.source([waiting]), 200).failures
    assert words in failure.cure
    assert "upload the object again" not in failure.cure
    assert "rerun" not in failure.cure
    assert failure.command is None


def test_uploads_that_an_accounts_owner_must_release_have_the_command_that_resumes_the_provider(
    month: PageContents,
) -> None:
    waiting = next(failure for failure in month.failures if failure.state == "waiting")
    assert waiting.name == "AuthFailed"
    assert waiting.cure.startswith("Put a valid API key into the stack's secret. Then all its jobs go on")
    assert waiting.command == "darkroom resume topaz --stack darkroom"


def test_what_stands_between_backticks_in_a_cure_is_code(month: PageContents, month_html: str) -> None:
    cure = next(failure.cure for failure in month.failures if "`" in failure.cure)
    assert f"<code>{cure.split('`')[1]}</code>" in month_html
    assert cure.split("`")[0] + "`" not in month_html.split('id="entries"')[0]


def test_half_a_cent_is_rounded_up_as_the_script_does_it() -> None:
    assert spend_figures.dollars(Decimal("0.105")) == "0.11"


def test_a_page_replaces_an_older_page_but_nobody_elses_file(month: PageContents, tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "page.html"
    for _ in range(2):
        page_file.save(month, target)
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]
    mine = tmp_path / "mine.html"
    mine.write_text("<title>mine</title>")
    with pytest.raises(page_file.NotWritable, match=r"no report of Darkroom. Name another file with --out"):
        page_file.save(month, mine)
    assert mine.read_text() == "<title>mine</title>"
    with pytest.raises(page_file.NotWritable, match="is a folder"):
        page_file.save(month, tmp_path)


def test_linked_images_are_files_beside_the_page_and_those_of_an_older_page_go(
    month: PageContents, tmp_path: Path
) -> None:
    target, folder = tmp_path / "a b.html", tmp_path / "a b_files"
    folder.mkdir()
    (folder / "99-cropAfter.webp").write_bytes(b"old")
    (folder / "notes.txt").write_text("mine")
    page_file.save(month, target, link=True)
    page = Page(target.read_text(encoding="utf-8"))
    assert page.json("picture-0")["wholeAfter"] == "a%20b_files/0-wholeAfter.webp"
    assert (folder / "0-wholeAfter.webp").read_bytes() == month.shown[0].preview.whole[1]  # type: ignore[union-attr]
    assert not (folder / "99-cropAfter.webp").exists()
    assert (folder / "notes.txt").exists()
    assert "img-src data: 'self' file:;" in page.policy
