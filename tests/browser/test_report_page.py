"""Tests the report's page in Chromium: charts, the comparison of pictures, the list of jobs, accessibility, and hostile texts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened

SMALL = {"width": 390, "height": 800}
DECODED = "async image => { await image.decode(); return image.naturalWidth }"
BOX = "element => { const box = element.getBoundingClientRect(); return [box.left, box.top, box.width, box.height] }"


def style(page: Page, selector: str, name: str) -> str:
    return str(page.eval_on_selector(selector, "(element, name) => getComputedStyle(element)[name]", name))


def open_picture(page: Page, name: str = "picture 00000.jpg") -> None:
    page.locator("#gallery button", has_text=name).click()
    page.locator("#image-after").evaluate(DECODED)


def first_cells(page: Page, column: int) -> list[str]:
    return page.locator(f"#job-table tbody tr > :nth-child({column})").all_inner_texts()


# --- charts


def test_each_chart_draws_bars_in_colours_of_the_page(opened: Opened) -> None:
    page = opened("month")
    assert page.locator("figure.chart").count() == 6
    for figure in page.locator("figure.chart").all():
        bars = figure.locator("path[aria-roledescription=bar]").all()
        drawn = [bar for bar in bars if (box := bar.bounding_box()) and box["width"] > 1 and box["height"] > 1]
        colours = {bar.evaluate("bar => getComputedStyle(bar).fill") for bar in drawn}
        assert drawn
        assert colours <= {"rgb(47, 111, 179)", "rgb(194, 87, 26)", "rgb(44, 138, 99)", "rgb(138, 91, 181)"}


def test_the_charts_are_dark_in_the_dark(opened: Opened) -> None:
    page = opened("month", color_scheme="dark")
    assert style(page, "body", "backgroundColor") == "rgb(20, 23, 26)"
    assert style(page, ".chart-day text", "fill") == "rgb(232, 234, 237)"


def test_the_figures_of_a_chart_are_a_table_too(opened: Opened) -> None:
    page = opened("month")
    figure = page.locator("figure.chart-provider")
    figure.locator("summary").click()
    expect(figure.locator("tbody tr").first).to_contain_text("topaz")


# --- before and after


def test_the_slider_moves_by_mouse(opened: Opened) -> None:
    page = opened("month")
    open_picture(page)
    left, top, width, height = page.eval_on_selector("#stage", BOX)
    page.mouse.move(left + width / 2, top + height / 2)
    page.mouse.down()
    page.mouse.move(left + width / 4, top + height / 2)
    page.mouse.up()
    assert page.locator("#split").input_value() == "25"
    assert style(page, ".pane-after", "clipPath") == "inset(0px 0px 0px 25%)"
    expect(page.locator("#split")).to_have_attribute("aria-valuetext", "25 % before, 75 % after")


def test_the_slider_moves_by_keyboard(opened: Opened) -> None:
    page = opened("month")
    open_picture(page)
    page.locator("#split").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert style(page, ".pane-after", "clipPath") == "inset(0px 0px 0px 52%)"
    page.keyboard.press("Home")
    assert style(page, ".pane-after", "clipPath") == "inset(0px 0px 0px 0%)"


def test_both_pictures_zoom_and_move_together(opened: Opened) -> None:
    page = opened("month")
    open_picture(page)
    left, top, width, height = page.eval_on_selector("#stage", BOX)
    page.mouse.move(left + width * 0.7, top + height * 0.3)
    page.mouse.wheel(0, -300)
    page.mouse.wheel(0, -300)
    expect(page.locator("#zoom-level")).to_have_text("156 %")
    page.mouse.move(left + width * 0.8, top + height / 2)
    page.mouse.down()
    page.mouse.move(left + width * 0.8 + 60, top + height / 2 + 10)
    page.mouse.up()
    before, after = (page.eval_on_selector(f"#image-{one}", BOX) for one in ("before", "after"))
    assert before == after
    assert page.locator("#split").input_value() == "50"  # a drag away from the line moves the picture, not the slider


def test_the_keyboard_zooms_moves_and_fits(opened: Opened) -> None:
    page = opened("month")
    open_picture(page)
    fitting = page.eval_on_selector("#image-after", BOX)
    page.locator("#stage").focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    zoomed = page.eval_on_selector("#image-after", BOX)
    page.keyboard.press("ArrowRight")
    assert page.eval_on_selector("#image-after", BOX)[0] == pytest.approx(zoomed[0] - 40)
    page.keyboard.press("0")
    assert page.eval_on_selector("#image-after", BOX) == fitting
    expect(page.locator("#zoom-out")).to_be_disabled()


def test_the_detail_shows_one_pixel_of_the_result_as_one_pixel(opened: Opened) -> None:
    page = opened("month")
    open_picture(page)
    page.locator("#show-crop").click()
    assert page.locator("#image-after").evaluate(DECODED) == 400
    before, after = (page.eval_on_selector(f"#image-{one}", BOX) for one in ("before", "after"))
    assert after[2:] == [400, 300]
    assert before == after
    expect(page.locator("#show-crop")).to_have_attribute("aria-pressed", "true")


def test_a_small_screen_shows_both_side_by_side_at_the_same_scale(opened: Opened) -> None:
    page = opened("month", **SMALL)
    open_picture(page)
    before, after = (page.eval_on_selector(f".pane-{one}", BOX) for one in ("before", "after"))
    assert before[0] + before[2] <= after[0] + 1
    assert before[2:] == after[2:]
    assert style(page, ".pane-after", "clipPath") == "none"
    expect(page.locator("#split")).to_be_hidden()


def test_the_pictures_are_walked_through_with_next_and_previous(opened: Opened) -> None:
    page = opened("month")
    page.locator("#gallery button").first.click()
    title = page.locator("#details-title").inner_text()
    expect(page.locator("#previous-picture")).to_be_disabled()
    page.locator("#next-picture").click()
    assert page.locator("#details-title").inner_text() != title
    page.locator("#previous-picture").click()
    assert page.locator("#details-title").inner_text() == title
    expect(page.locator("#facts")).to_contain_text("the object's tags")


def test_linked_pictures_are_shown_from_their_files(opened: Opened) -> None:
    page = opened("linked")
    open_picture(page)
    source = "image => image.src"
    assert page.eval_on_selector("#image-after", source).endswith("%20after.png")
    assert "linked_files/" in page.eval_on_selector("#gallery img", source)
    page.locator("#show-crop").click()
    assert page.locator("#image-after").evaluate(DECODED) == 400
    assert "linked_files/" in page.eval_on_selector("#image-after", source)


def test_the_details_open_and_close_by_keyboard_and_give_the_focus_back(opened: Opened) -> None:
    page = opened("month")
    opener = page.locator("#job-table .open").first
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#details")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
    expect(opener).to_be_focused()


# --- jobs


def test_the_search_finds_jobs_by_all_words_wherever_they_are(opened: Opened) -> None:
    page = opened("many")
    page.locator("input[type=search]").fill("providerfailed 00020.jpg")
    expect(page.locator("#found")).to_have_text("1 of 5,000 jobs, 0.00 USD")
    assert first_cells(page, 1) == ["picture 00020.jpg"]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#found")).to_contain_text("5,000 of 5,000 jobs")


def test_filters_narrow_the_list_together(opened: Opened) -> None:
    page = opened("many")
    page.locator("#filters select[name=status]").select_option("FAILED")
    expect(page.locator("#found")).to_contain_text("250 of 5,000 jobs")
    page.locator("#filters select[name=provider]").select_option("topaz")
    expect(page.locator("#found")).to_contain_text(re.compile(r"^\d+ of 5,000 jobs"))
    assert set(first_cells(page, 3)) == {"topaz"}
    assert set(first_cells(page, 2)) == {"FAILED"}


def test_a_column_sorts_the_list_both_ways_with_empty_cells_last(opened: Opened) -> None:
    page = opened("month")
    page.locator("#job-table thead button", has_text="USD").click()
    header = page.locator("#job-table th", has_text="USD")
    expect(header).to_have_attribute("aria-sort", "descending")
    prices = [float(text) for text in first_cells(page, 6) if text]
    assert prices == sorted(prices, reverse=True)
    page.locator("#job-table thead button", has_text="USD").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    shown = first_cells(page, 6)
    assert [float(text) for text in shown if text] == sorted(prices)
    assert "" not in shown[: len(prices)]


def test_a_long_list_grows_by_a_hundred_rows_and_the_focus_goes_to_the_first_new_one(opened: Opened) -> None:
    page = opened("many")
    assert page.locator("#job-table tbody tr").count() == 100
    page.locator("#more-jobs").click()
    assert page.locator("#job-table tbody tr").count() == 200
    expect(page.locator("#job-table tbody tr").nth(100).locator("button")).to_be_focused()


# --- accessibility


@pytest.mark.parametrize("name", ["month", "hostile"])
@pytest.mark.parametrize(
    "media", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "light", **SMALL}], ids=str
)
def test_axe_finds_nothing(opened: Opened, name: str, media: dict[str, Any]) -> None:
    page = opened(name, **media)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert findings(page) == []
    page.locator("#gallery button").first.click()
    assert findings(page) == []
    page.locator("#close-details").click()
    page.locator("#job-table tbody .open").nth(3).click()
    assert findings(page) == []


def findings(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def test_nothing_moves_for_people_who_do_not_want_it(opened: Opened) -> None:
    assert style(opened("month", reduced_motion="reduce"), "html", "scrollBehavior") == "auto"
    assert style(opened("month"), "html", "scrollBehavior") == "smooth"


def test_paper_is_white_and_has_no_controls(opened: Opened) -> None:
    page = opened("month", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert style(page, "body", "backgroundColor") == "rgb(255, 255, 255)"
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("figure.chart").first).to_be_visible()


@pytest.mark.parametrize("name", ["month", "hostile"])
@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_the_page_is_never_wider_than_the_screen(opened: Opened, name: str, width: int) -> None:
    page = opened(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- hostile texts


def test_no_text_of_a_job_runs_and_each_is_shown(opened: Opened) -> None:
    page = opened("hostile")
    shown = page.locator("#job-table tbody tr").count()
    assert shown == 26
    for row in range(shown):
        page.locator("#job-table tbody .open").nth(row).click()
        expect(page.locator("#facts")).to_contain_text("The job")
        page.locator("#close-details").click()
    for name in ("label", "model", "code"):
        values = page.locator(f"#filters select[name={name}] option").count()
        for value in range(values):
            page.locator(f"#filters select[name={name}]").select_option(index=value)
            assert page.locator("#job-table tbody tr").count() >= 1
        page.locator(f"#filters select[name={name}]").select_option(index=0)
    assert page.evaluate("window.ran") is None
    assert page.locator("#job-table script, #job-table img, #facts script, h1 script").count() == 0


def test_the_policy_stops_what_would_run_if_a_text_became_html(browser: Any, pages: dict[str, Any]) -> None:
    page = browser.new_page()
    page.goto(pages["month"].as_uri())
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.evaluate(
        """() => {
          document.body.insertAdjacentHTML('beforeend', '<img src="https://example.invalid/x" onerror="window.ran = 1">');
          document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 2'}));
          document.body.insertAdjacentHTML('beforeend', '<p style="position: fixed">x</p>');
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert sum("Content Security Policy" in text for text in refused) >= 3
    page.close()
