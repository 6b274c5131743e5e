"""Shows one look at a stack as a page for people, and as one object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from darkroom_cli.console.terminal import amount, cell, moment
from darkroom_cli.jobs import wording
from darkroom_cli.status.facts import USD, ProviderFacts, Spend, StatusFacts, Today, Unread
from darkroom_cli.status.waiting import NOBODY, OPERATOR, Wait

NEARLY_SPENT = Decimal("0.9")  # from this part of a limit on, a budget is shown in red
INDENT = 2
GAP = (0, 2, 0, 0)


def page(facts: StatusFacts) -> Iterator[RenderableType]:
    """Yield the parts of the page."""
    yield Text.assemble((facts.stack, "bold"), f" at {moment(facts.at)} UTC")
    yield _pairs({"uploads": f"s3://{facts.input_bucket}", "results": f"s3://{facts.output_bucket}"})
    if facts.storage_refusal:
        yield Padding(
            cell(f"The output bucket takes no results: {facts.storage_refusal}", "bold red"), (0, 0, 0, INDENT)
        )
    yield from _section("Providers", _providers(facts))
    yield from _section(f"Spent in {facts.spend[0].booked.month}", _spend(facts))
    yield from _section("Jobs", _pairs({"open": _open(facts), "today": _today(facts.today), **_trouble(facts.today)}))
    if facts.waits:
        yield from _section("What waits, and for whom", _waits(facts))
    yield from _section("Alarms and queues", _pairs({
        "alarms": _alarms(facts), "dead letters": _dead_letters(facts), "intake": _number(facts.intake, "message"),
    }))  # fmt: skip


def _section(title: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", "bold")
    yield Padding(body, (0, 0, 0, INDENT), expand=False)


def _pairs(rows: dict[str, str | Text]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=GAP)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value if isinstance(value, Text) else cell(value))
    return table


def _providers(facts: StatusFacts) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=GAP)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in facts.providers:
        name = f"{each.name} (default)" if each.is_default else each.name
        table.add_row(cell(name), _key(each), _circuit(each))
    return table


def _key(provider: ProviderFacts) -> Text:
    if isinstance(provider.has_key, Unread):
        return Text("key not readable", "red")
    return Text("has a key") if provider.has_key else Text("has no key", "red")


def _circuit(provider: ProviderFacts) -> Text:
    circuit = provider.circuit
    if circuit is None and provider.has_key is False:
        uploads = "its uploads wait" if provider.is_default else "uploads that name it are refused"
        return cell(f"{uploads} → darkroom keys set {provider.name}", "yellow")
    if circuit is None:
        return Text("takes jobs", "green")
    since = f" since {moment(circuit.opened_at)[:16]}" if circuit.opened_at else ""
    if circuit.paused:
        return cell(f"paused{since}: {circuit.error}", "yellow")
    probe = f"; next try {moment(circuit.retry_at)[11:16]}" if circuit.retry_at else ""
    said = ": ".join(filter(None, (circuit.error_code, circuit.error)))
    new_key = wording.new_key_command(provider.name, circuit.error_code, circuit.error)
    return cell(f"stopped{since}: {said}{probe}{f' → {new_key}' if new_key else ''}", "bold red")


def _spend(facts: StatusFacts) -> Table:
    table = Table(box=None, pad_edge=False, padding=GAP, header_style="")
    table.add_column("")
    for name in ("spent", "reserved", "limit", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("used", justify="right", no_wrap=True)
    for each in facts.spend:
        booked, used = each.booked, _used(each)
        limit, left = (amount(each.limit), amount(each.left)) if each.limit else ("none", "")
        unit = "USD, all providers" if booked.unit == USD else f"{booked.unit}, its credits"
        style = "bold red" if used is not None and used >= NEARLY_SPENT else ""
        part = "" if used is None else f"{used:.0%}"
        table.add_row(cell(unit), amount(booked.spent), amount(booked.reserved), limit, left, Text(part, style))
    return table


def _used(spend: Spend) -> Decimal | None:
    return spend.booked.committed / spend.limit if spend.limit else None


def _open(facts: StatusFacts) -> str:
    counted = ", ".join(f"{number:,} {status}" for status, number in facts.open.items() if number)
    return counted or "none"


def _today(today: Today) -> str:
    ends = ", ".join(f"{number:,} {status}" for status, number in today.ends.items() if number) or "none ended"
    of = "" if today.counted >= today.uploads else f", of the newest {today.counted:,}"
    return f"{today.uploads:,} upload{'' if today.uploads == 1 else 's'}: {ends}{of}"


def _trouble(today: Today) -> dict[str, str | Text]:
    """Return a row with the codes of the jobs without a result, the most frequent first."""
    if not today.codes:
        return {}
    ordered = sorted(today.codes.items(), key=lambda entry: (-entry[1], entry[0]))
    return {"without result": ", ".join(f"{number:,} {code}" for code, number in ordered)}


def _waits(facts: StatusFacts) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=GAP)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for wait in facts.waits:
        then = "" if wait.whom == OPERATOR else "when that is mended: "
        helps = f" → {then}{wait.command}" if wait.command else ""
        table.add_row(f"{wait.jobs:,}", cell(f"{_whom(wait)}: {wait.why}{helps}"))
    return table


def _whom(wait: Wait) -> str:
    return "nobody need act" if wait.whom == NOBODY else wait.whom


def _alarms(facts: StatusFacts) -> Text:
    if isinstance(facts.alarms, Unread):
        return cell(f"cannot be read ({facts.alarms.why})", "red")
    return cell(", ".join(facts.alarms), "bold red") if facts.alarms else Text("none rings", "green")


def _dead_letters(facts: StatusFacts) -> Text:
    if isinstance(facts.dead_letters, Unread) or not facts.dead_letters:
        return _number(facts.dead_letters, "message")
    return Text(f"{facts.dead_letters:,}; when the cause is removed: darkroom redrive", "bold red")


def _number(value: int | Unread, unit: str) -> Text:
    if isinstance(value, Unread):
        return cell(f"cannot be read ({value.why})", "red")
    return Text(f"{value:,} {unit}{'' if value == 1 else 's'}" if value else "none")


def as_object(facts: StatusFacts) -> dict[str, object]:
    """Return the facts in JSON's types. What could not be read is null, and `unread` says why."""
    unread = {
        name: value.why
        for name, value in (
            ("keys", facts.providers[0].has_key), ("dead_letters", facts.dead_letters), ("intake", facts.intake),
            ("alarms", facts.alarms),
        ) if isinstance(value, Unread)
    }  # fmt: skip
    return {
        "at": facts.at,
        "stack": facts.stack,
        "input_bucket": facts.input_bucket,
        "output_bucket": facts.output_bucket,
        "storage_refusal": facts.storage_refusal,
        "providers": [_provider_object(each) for each in facts.providers],
        "month": [_spend_object(each) for each in facts.spend],
        "open": dict(facts.open),
        "today": vars(facts.today),
        "waits": [vars(wait) for wait in facts.waits],
        "dead_letters": _or_null(facts.dead_letters),
        "intake": _or_null(facts.intake),
        "alarms": _or_null(facts.alarms),
        "unread": unread,
    }


def _provider_object(provider: ProviderFacts) -> dict[str, object]:
    circuit = provider.circuit
    known = {"name": provider.name, "is_default": provider.is_default, "has_key": _or_null(provider.has_key)}
    if circuit is None:
        return known | {"circuit": "closed"}
    state = "paused" if circuit.paused else "open"
    names = ("opened_at", "retry_at", "error_code", "error")
    return known | {"circuit": state} | {name: getattr(circuit, name) for name in names}


def _spend_object(spend: Spend) -> dict[str, object]:
    booked = spend.booked
    numbers = {name: getattr(booked, name) for name in ("spent", "reserved", "overrun", "jobs")}
    return {"unit": booked.unit, "month": booked.month, "limit": spend.limit or None, "left": spend.left, **numbers}


def _or_null(value: object) -> object:
    return None if isinstance(value, Unread) else value
