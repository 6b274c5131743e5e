"""What a run says when it ends: what became of each picture, what it cost, and what to do about those without a result.

Every text that came from a file name, a bucket or a provider is escaped: no control characters, no markup.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from darkroom_local.folder.picture_sizes import Size
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.job_views import JobView
from darkroom_local.run.credits_csv import CREDITS_FILE
from darkroom_local.run.progress_display import STYLES, amount, dollars, number, unit_of, visible

_ROWS_SHOWN = 200  # of the table, so that its sums stay on the screen; credits.csv has all
_LEFT_SHOWN = 20
_REASONS_SHOWN = 20  # of failures; credits.csv has all
_NAMES_SHOWN = 3  # of files that failed alike
WITHOUT_AGAIN = (
    "Run the same command without --again: it brings what is open, and pays for nothing twice. A picture that was not made again "
    "keeps its earlier result. With --again, you pay for all pictures once more."
)
_WIDE = 130  # columns that the whole table needs


def closing_table(outcomes: Iterable[Outcome], width: int = _WIDE) -> Table:
    """Return the table of files, sizes, models, credits and dollars. At its end are each provider's sum in the provider's unit,
    and the sum of dollars. If `width`, in columns, is small, the rows have neither the files' lengths nor the provider. Only the
    first files have rows; the sums are of all."""
    rows, is_wide = list(outcomes), width >= _WIDE
    table = Table(box=box.SIMPLE, show_footer=True, pad_edge=False, padding=(0, 1 if is_wide else 0))
    table.add_column("file", _files(rows), overflow="fold")
    for name in ("from", "to", *(["provider"] if is_wide else []), "model"):
        table.add_column(name, overflow="fold")
    table.add_column("credits", justify="right")
    table.add_column("USD", dollars(_total(o.job.cost_usd for o in rows)), justify="right")
    table.add_column("status", _done(rows, is_wide))
    for outcome in rows[:_ROWS_SHOWN]:
        table.add_row(*_row(outcome, is_wide))
    if len(rows) > _ROWS_SHOWN:
        table.add_row(f"and {len(rows) - _ROWS_SHOWN:,} more, all in {CREDITS_FILE}")
    table.add_section()
    for provider, its in _by_provider(rows).items():
        unit = unit_of(provider)
        whose = f"sum, in {unit}" if unit else "sum"
        said = ["", "", "", provider, whose] if is_wide else [f"{provider}: {whose}", "", "", ""]
        table.add_row(*(Text(visible(word)) for word in said), *_sums(its, is_wide))
    return table


def sums(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the sums of the closing table as lines: one for each provider, then one for all files."""
    rows = list(outcomes)
    lines = [
        f"{visible(provider)}: {amount(_total(o.job.credits for o in its), provider)}, "
        f"{dollars(_total(o.job.cost_usd for o in its))} USD"
        for provider, its in _by_provider(rows).items()
    ]
    done = sum(outcome.is_completed for outcome in rows)
    return [*lines, f"{_files(rows)}, {done} completed, {dollars(_total(o.job.cost_usd for o in rows))} USD"]


def _files(rows: Sequence[Outcome]) -> str:
    return f"{len(rows)} file{'' if len(rows) == 1 else 's'}"


def _row(outcome: Outcome, is_wide: bool) -> list[Text | str]:
    job = outcome.job
    sizes = [_size(outcome.size, is_wide) or "no picture", _size(outcome.result_size, is_wide)]
    return [
        Text(visible(outcome.item.key)),
        *sizes,
        *([Text(visible(job.provider or ""))] if is_wide else []),
        Text(visible(job.model or "")),
        number(job.credits),
        dollars(job.cost_usd),
        Text(outcome.word, STYLES.get(job.status, "") if job.status else "red"),
    ]


def _size(size: Size | None, is_wide: bool) -> str:
    if size is None:
        return ""
    return str(size) if is_wide else size.pixels


def _by_provider(rows: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Return the outcomes of each provider that charged."""
    found: dict[str, list[Outcome]] = {}
    for row in sorted(rows, key=lambda row: row.job.provider or ""):
        if row.job.provider and row.job.credits is not None:
            found.setdefault(row.job.provider, []).append(row)
    return found


def _done(rows: Sequence[Outcome], is_wide: bool) -> str:
    return f"{sum(o.is_completed for o in rows)} {'completed' if is_wide else 'done'}"


def _sums(rows: Sequence[Outcome], is_wide: bool) -> tuple[str, ...]:
    """Return the cells of one provider's line of sums, from the column `credits` on."""
    return (
        number(_total(o.job.credits for o in rows)),
        dollars(_total(o.job.cost_usd for o in rows)),
        _done(rows, is_wide),
    )


def _total(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def failures(outcomes: Iterable[Outcome]) -> list[Text]:
    """Return a text for each reason why files have no result: the files, the error code, the message, and what to do."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.is_failure:
            reason = (outcome.code or outcome.word, outcome.message, outcome.cure)
            alike.setdefault(reason, []).append(outcome.item.key)
    texts = [_reason(*reason, keys) for reason, keys in itertools.islice(alike.items(), _REASONS_SHOWN)]
    if rest := sum(len(keys) for keys in itertools.islice(alike.values(), _REASONS_SHOWN, None)):
        files = f"{rest} more file{'' if rest == 1 else 's'}"
        texts.append(Text(f"and {files} without a result; {CREDITS_FILE} has the reason of each"))
    return texts


def _reason(code: str, message: str, cure: str, keys: Sequence[str]) -> Text:
    """Return the text for files that ended alike."""
    more = f" and {len(keys) - _NAMES_SHOWN} more" if len(keys) > _NAMES_SHOWN else ""
    head = f"{', '.join(visible(key) for key in keys[:_NAMES_SHOWN])}{more}: {visible(code)}"
    said = [f"  {visible(line)}" for line in (message, cure and f"→ {cure}") if line]
    return Text("\n".join([head, *said]))


def left_behind(done: Sequence[Outcome], charged: Sequence[Outcome], out: Path, again: bool = False) -> str:
    """Return the message of a run that ended early. It says how many results are saved, what they cost, and which pictures a
    provider has and may charge. `again` says whether the command had --again."""
    cost = dollars(_total(outcome.job.cost_usd for outcome in done))
    lines = [f"{len(done)} done for {cost} USD, in {visible(out)}."]
    if charged:
        lines.append(
            f"{len(charged)} submitted and not finished. They may be charged. Run the same command "
            f"{'without --again' if again else 'again'} to get their results:"
        )
        lines += [f"  {visible(o.item.key)}  {_process(o.job)}" for o in charged[:_LEFT_SHOWN]]
        if len(charged) > _LEFT_SHOWN:
            lines.append(f"  and {len(charged) - _LEFT_SHOWN} more, all in credits.csv")
    rest = "Run the same command again for the rest. It pays for nothing again that the provider's list shows."
    return "\n".join([*lines, WITHOUT_AGAIN if again else rest])


def _process(job: JobView) -> str:
    process = f"{job.provider or ''} process {job.process_id}" if job.process_id else "without a process id yet"
    reserved = f", {amount(job.credits_reserved, job.provider)} reserved" if job.credits_reserved is not None else ""
    return visible(process + reserved)
