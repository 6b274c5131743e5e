"""Writes a report's page: one file that asks nothing of any network, and in which nothing runs but the script of this package.

Jinja2 escapes every text but this package's own style, script and marker, and the charts, in which Vega has escaped them. What
the script shows comes from blocks of JSON without `<`, `>`, `&` and `'`, and the script puts it into the page as text only. The
page's Content-Security-Policy names the hashes of its one style sheet and its one script, and allows pictures in the page itself,
and files with `--link`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from darkroom_cli.costs.totals import By
from darkroom_cli.html_report import charts, spend_figures

if TYPE_CHECKING:
    from darkroom_cli.html_report.page_contents import Chart, PageContents

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("page_elements.js", "jobs_table.js", "picture_viewer.js", "job_details.js", "report.js")
IMAGE_NAMES = ("wholeBefore", "wholeAfter", "cropBefore", "cropAfter")
MARKER = '<meta name="generator" content="Darkroom report">'
Images = Callable[[int, str, bytes], str]  # (number of the picture, name of the image, WebP) → its address
Files = Callable[[Path], str | None]  # a picture's own file → its address, None if browsers do not show it


def write(
    contents: PageContents, file: IO[bytes], address: Images | None = None, whole: Files = lambda path: None
) -> None:
    """Write the page. `address` stores an image and returns its address; without it, images are in the page itself. Where `whole`
    has an address of a picture's own file, the comparison shows that file instead of the small whole."""
    style, script = _style(), _script()
    page = _template().stream(
        contents=contents,
        marker=MARKER,
        policy=policy(style, script, is_linked=address is not None),
        style=style,
        script=script,
        drawn=partial(_drawn, contents),
        so_far=_so_far(contents),
        entries=_json(contents.entries),
        images=_blocks(contents, address or _embedded, whole),
    )
    page.enable_buffering(64)
    page.dump(file, encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"usd": spend_figures.dollars, "amount": lambda value: f"{value.normalize():,f}"}
    environment.filters["with_code"] = _with_code
    return environment.get_template("report.html.jinja")


def policy(style: str, script: str, *, is_linked: bool) -> str:
    """Return the page's Content-Security-Policy."""
    images = "data: 'self' file:" if is_linked else "data:"
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src {images}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _style() -> str:
    return (TEMPLATES / "report.css").read_text(encoding="utf-8")


def _script() -> str:
    parts = [(TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();"])


def _drawn(contents: PageContents, chart: Chart) -> str:
    draw = charts.by_day if chart.by is By.DAY else charts.by_group
    return draw(chart.bars, contents.providers)


def _so_far(contents: PageContents) -> str | None:
    if contents.so_far is None:
        return None
    return charts.against_limit(contents.so_far.days, contents.so_far.limit)


def _blocks(contents: PageContents, address: Images, whole: Files) -> Iterator[tuple[int, Markup]]:
    """Yield the number of each picture with a preview, and the addresses of its images. `thumb` is a small whole of the result
    where `wholeAfter` is not."""
    for number, one in enumerate(contents.shown):
        if one.preview:
            images = zip(IMAGE_NAMES, (*one.preview.whole, *one.preview.crop), strict=True)
            found = {name: address(number, name, data) for name, data in images}
            files = [whole(each) for each in one.files]
            own = {name: file for name, file in zip(IMAGE_NAMES, files, strict=False) if file}
            yield number, _json(found | own | ({"thumb": found["wholeAfter"]} if own else {}))


def _embedded(number: int, name: str, data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _with_code(text: str) -> Markup:
    """Return the text, escaped, with what stands between backticks as code."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def _json(value: object) -> Markup:
    return htmlsafe_json_dumps(value, dumps=partial(json.dumps, ensure_ascii=False, separators=(",", ":")))
