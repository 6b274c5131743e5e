"""`darkroom explain`: shows what submit would do with one upload, and why: each value and its layer, the request, the price.

`--json` prints one object with the keys key, fate, code, message, settings (a list of name, value, layer, and overrides, a list
of value and layer), notes, endpoint, request (the vendor's field → its value), sent_by, output_key, output_width, output_height,
credits (null if it is unknown, or only the vendor knows), usd, and budgets (as `darkroom plan` has them; null without a stack).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darkroom_cli.console.errors import reported, say, visible
from darkroom_cli.console.machine_output import AsJson, print_json
from darkroom_cli.costs.quoting import Place, SetOption
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

if TYPE_CHECKING:
    from darkroom.setting_layers import Layer
    from darkroom_cli.console.fitted_table import FittedTable

ALLOWS = {True: ", which allows it", False: ", which does not allow it", None: ""}  # None: the price is unknown

app = typer.Typer()


@app.command()
def explain(
    place: Annotated[str, typer.Argument(metavar="FILE", help="A file, or s3://bucket/key.")],
    settings: SetOption = None,
    as_json: AsJson = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Show what would be done with one upload, and why.

    It spends nothing and writes nothing. A file of this machine needs neither a stack nor AWS: then there are no limits,
    budgets and DefaultSettings, and `darkroom.toml` files are looked for up to the working directory.
    """
    with reported():
        from darkroom_cli.costs import quoting

        above = quoting.parse_settings(settings or [])
        chosen = quoting.one(place, stack)
        found = facts(chosen, above)
        if as_json:
            print_json(found)
        else:
            _print(found)
            if chosen.deployment is None:
                say(quoting.NO_STACK)


def facts(place: Place, above: Sequence[Layer]) -> dict[str, Any]:
    """Return what is known of the upload, in JSON's types. Raises Inapplicable if there is no such object, WrongDefaults, and
    errors of the network."""
    from darkroom.errors import Inapplicable, SourceDenied, SourceGone
    from darkroom.queue_messages import plain
    from darkroom_cli.commands.plan import with_stack
    from darkroom_cli.costs import forecast
    from darkroom_cli.costs.plan_report import Report, as_object

    upload = place.uploads[0]
    try:
        with contextlib.suppress(SourceDenied, OSError):  # which the forecast tells
            place.quote.sources.find(upload)
    except SourceGone:
        raise Inapplicable(f"there is no object {upload.bucket}/{upload.key}") from None
    found = forecast.of_upload(place.quote, upload, above)
    plan, report = found.plan, with_stack(place, Report([found], []))
    return {
        "key": found.key,
        "fate": found.fate.value,
        "code": found.code and found.code.value,
        "message": found.message or None,
        "settings": _settings(found, place),
        "notes": list(plan.notes) if plan else [],
        "endpoint": plan and plan.endpoint,
        "request": dict(plan.parameters) if plan else None,
        "sent_by": plan and plan.send_mode.value,
        "output_key": found.output_key,
        "output_width": plan and plan.output_width,
        "output_height": plan and plan.output_height,
        "credits": None if plan is None or plan.credits is None else plain(plan.credits),
        "usd": None if plan is None or plan.credits is None else plain(plan.cost_usd),
        "budgets": as_object(report)["budgets"],
    }


def _settings(found: Any, place: Place) -> list[dict[str, object]]:
    """Return each setting with its layer and what it overrode, those that a plan filled in too. Where no stack was read, what a
    stack gives otherwise is a default."""
    from darkroom.setting_layers import STACK

    resolved = {} if found.settings is None else found.settings.values
    overridden = {} if found.settings is None else found.settings.overridden
    listed = {name: (setting.value, setting.layer) for name, setting in resolved.items()}
    if found.plan is not None:
        listed = {name: (value, found.plan.layers[name]) for name, value in found.plan.settings.items()}
        listed |= {
            name: (setting.value, setting.layer)
            for name, setting in resolved.items()
            if name not in found.plan.settings
        }
    return [
        {
            "name": name,
            "value": value,
            "layer": "default" if layer == STACK and place.deployment is None else layer,
            "overrides": [{"value": lost.value, "layer": lost.layer} for lost in overridden.get(name, ())],
        }
        for name, (value, layer) in listed.items()
    ]


def _print(found: dict[str, Any]) -> None:
    from darkroom_cli.console import terminal

    console = terminal.console()
    if found["settings"]:
        console.print(_settings_table(found["settings"]))
    lines = {
        "noted": "; ".join(found["notes"]),
        "endpoint": found["endpoint"],
        "request": found["request"] and ", ".join(f"{name}={value}" for name, value in found["request"].items()),
        "sent by": found["sent_by"],
        "result": found["output_key"] and f"{found['output_key']}, {found['output_width']}×{found['output_height']}",
        "price": _price(found),
        "budgets": "; ".join(
            f"{room['unit']} of {room['month']}: {room['left']} of {room['limit']} left{ALLOWS[room['fits']]}"
            for room in found["budgets"] or ()
        ),
        found["fate"]: ": ".join(filter(None, (found["code"], found["message"]))),
    }
    for name, text in lines.items():
        if text:
            console.print(visible(f"{name:<10}{text}"), soft_wrap=True, markup=False)
    if found["fate"] == "skipped" and not found["message"]:
        console.print("skipped   its settings say skip")


def _price(found: dict[str, Any]) -> str:
    if found["credits"] is None:
        return "only the vendor knows it" if found["endpoint"] else ""
    return f"{found['credits']} credit{'' if found['credits'] == 1 else 's'}, {found['usd']} USD"


def _settings_table(settings: Sequence[dict[str, Any]]) -> FittedTable:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from darkroom_cli.console.fitted_table import FittedTable

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("setting", "value", "from", "overrides"):
        table.add_column(name, overflow="fold")
    for each in settings:
        lost = ", ".join(f"{one['value']} in {one['layer']}" for one in each["overrides"])
        table.add_row(*(Text(visible(cell)) for cell in (each["name"], each["value"], each["layer"], lost)))
    return FittedTable(table)
