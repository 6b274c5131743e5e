"""`darkroom presets`: lists the built-in presets with what they set and what a picture costs. It needs neither a stack nor AWS.

`--json` prints one object a line, with the keys provider, preset, says, settings, price (in words), and credits, which maps
12 and 24 (megapixels of the picture) to the price of one; null if only the vendor knows it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom import catalog
from darkroom.catalog import Preset
from darkroom.queue_messages import plain
from darkroom_cli.console.machine_output import AsJsonLines, print_json_lines
from darkroom_cli.options import completion

if TYPE_CHECKING:
    from darkroom_cli.console.fitted_table import FittedTable

app = typer.Typer()
SIZES = {12: (4000, 3000), 24: (6000, 4000)}  # megapixels → width and height


@app.command()
def presets(
    provider: Annotated[
        str | None,
        typer.Argument(
            metavar="PROVIDER",
            autocompletion=completion.providers,
            help="Only this provider's presets. [all providers]",
        ),
    ] = None,
    as_json: AsJsonLines = False,
) -> None:
    """List the built-in presets and what they cost.

    `preset=NAME` takes all settings of a preset. What is set beside it wins.
    """
    known = catalog.providers()
    if provider is not None and provider.lower() not in known:
        raise typer.BadParameter(f"{provider!r} is no provider; providers: {', '.join(known)}", param_hint="PROVIDER")
    names = [provider.lower()] if provider else list(known)
    rows = [(name, preset) for name in names for preset in catalog.presets(name).values()]
    if as_json:
        print_json_lines(facts(*each) for each in rows)
        return
    from darkroom_cli.console import terminal

    terminal.console().print(_table(rows))


def facts(provider: str, preset: Preset) -> dict[str, object]:
    """Return a preset in JSON's types."""
    return {
        "provider": provider,
        "preset": preset.name,
        "says": preset.says,
        "settings": dict(preset.settings),
        "price": _price(provider, preset),
        "credits": {
            str(megapixels): credits and plain(credits) for megapixels, credits in _credits(provider, preset).items()
        },
    }


def _price(provider: str, preset: Preset) -> str:
    from darkroom_cli.catalogs import wording

    book = catalog.load(provider)
    return wording.price(book, book.models[preset.settings["model"]])


def _credits(provider: str, preset: Preset) -> dict[int, Decimal | None]:
    """Return the price of a picture of each size, by the plan that submit would make."""
    from darkroom import planning
    from darkroom.model import ImageFacts, ImageFormat, Limits
    from darkroom.setting_layers import Layer, resolve

    layer = Layer("tags", {"provider": provider, "preset": preset.name}, carried_by_object=True)
    settings = resolve([layer], default_provider=provider, allowed_providers=[provider])
    no_limits, today = Limits({}, Decimal(0), {}, {}), datetime.now(UTC).date()
    images = {size: ImageFacts(ImageFormat.JPEG, width, height) for size, (width, height) in SIZES.items()}
    return {size: planning.plan(settings, image, 1_000_000, no_limits, today).credits for size, image in images.items()}


def _table(rows: list[tuple[str, Preset]]) -> FittedTable:
    from rich import box
    from rich.table import Table

    from darkroom_cli.console.fitted_table import FittedTable

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("provider", "preset", "for", "settings", "price"):
        table.add_column(name, overflow="fold")
    for size in SIZES:
        table.add_column(f"{size} MP", justify="right")
    for provider, preset in rows:
        said = ", ".join(f"{name}={value}" for name, value in preset.settings.items())
        costs = ["vendor's" if credits is None else f"{credits:,}" for credits in _credits(provider, preset).values()]
        table.add_row(provider, preset.name, preset.says, said, _price(provider, preset), *costs)
    return FittedTable(table)
