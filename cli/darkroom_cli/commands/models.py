"""`darkroom models`: shows each model's inputs, prices and results. It reads the catalogs and needs neither a stack nor AWS.

With `--json`, each line is one JSON object. An object always has all keys of its list below. A key without a value is null.

- a line of --check: provider, model, kind (of the difference; null = none), what (in words)
- the answer of --probe: job_id, process_id, provider, spelling (null if the vendor does not say it)
- a provider: provider, unit, credit_price_usd, default_model, models (names), result_retention_hours, max_file_bytes,
  sources (name of a fact → its source)
- a model: provider, model, wire_name, endpoint, is_default (whether it is the provider's default model), credits (the price
  of each mp_per_credit megapixels; the price of a job if mp_per_credit is null; null if only the vendor's estimate has the
  price), mp_per_credit, input_formats, output_formats, output_format_is_open (whether the vendor chooses the format),
  takes_sides, factor (by which a side grows without a setting), factors (which a setting may choose), max_scale,
  max_input_mp, max_output_mp, max_side_pixels, inputs (`upload`, `link`; the default comes first), synchronous (`no`,
  `on request`, `always`), max_synchronous_output_mp, since, retires (a list of objects with on and source, one for each page
  that gives a day), replaced_by, doubt (a text that says what nobody has verified), sources (of model, price, limits, size,
  synchronous), parameters
- a parameter: name, wire_name, wire_values (Darkroom's value → the vendor's), kind (`bool`, `integer`, `decimal`, `text`,
  `choice`), minimum, maximum, max_length, choices, default, required, source

An unknown name ends the command with code 2. The message has the known names that are most similar.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from darkroom import catalog
from darkroom.catalog import Catalog, Model
from darkroom.setting_words import did_you_mean, quoted
from darkroom.spelling import closest
from darkroom_cli.console import exit_codes
from darkroom_cli.console.confirmation import Yes
from darkroom_cli.console.errors import reported, visible
from darkroom_cli.console.machine_output import AsJsonLines, print_json_lines, tell
from darkroom_cli.options import completion
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

app = typer.Typer()


Provider = Annotated[
    str | None,
    typer.Argument(
        metavar="PROVIDER",
        autocompletion=completion.providers,
        help="Show the models of this provider. [all providers]",
    ),
]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        autocompletion=completion.models,
        help="Show all facts about this model. Upper or lower case, spaces, - and _ do not matter.",
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Check for models that have retired, and for changes at the vendors. A vendor is asked if its API key is in the "
        "environment.",
    ),
]
Asked = Annotated[
    str | None,
    typer.Option(
        "--probe",
        metavar="PROVIDER",
        help="Send a small picture to find out whether the provider reads setting names in snake_case or camelCase. Costs one "
        "credit.",
    ),
]


@app.command()
def models(
    provider: Provider = None,
    model: Words = None,
    as_json: AsJsonLines = False,
    check: Check = False,
    probe: Asked = None,
    yes: Yes = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Show the providers' models, parameters, limits and prices.

    The facts and their sources come from Darkroom's catalogs. Only --probe needs a stack. --check ends with code 1 if a model
    has retired or a vendor has changed something.
    """
    if probe is not None:
        from darkroom_cli.catalogs import spelling_probe

        with reported():
            spelling_probe.run(probe.strip().lower(), stack, yes, as_json)
    elif check:
        names = [provider] if provider else catalog.providers()
        _check([_provider(name, model or []) for name in names], as_json)
    elif provider is None:
        _show_providers([catalog.load(name) for name in catalog.providers()], as_json)
    else:
        _show_models(_provider(provider, model or []), " ".join(model or []), as_json)


def _show_providers(books: Sequence[Catalog], as_json: bool) -> None:
    from darkroom_cli.catalogs import tables
    from darkroom_cli.console import terminal

    if as_json:
        print_json_lines(map(tables.provider_facts, books))
    else:
        terminal.console().print(tables.providers_table(books))


def _show_models(book: Catalog, name: str, as_json: bool) -> None:
    """Show all models of the provider, or all facts about one model if `name` is given."""
    from darkroom_cli.catalogs import tables
    from darkroom_cli.console import terminal

    found = [_model(book, name)] if name else list(book.models.values())
    if as_json:
        print_json_lines(tables.model_facts(book, each) for each in found)
    else:
        page = tables.model_page(book, found[0]) if name else tables.models_table(book)
        terminal.console().print(page)


def _check(books: Sequence[Catalog], as_json: bool) -> None:
    """Print each difference between the catalogs and the vendors.

    Ends the command with code 1 if there is a difference or a vendor could not be asked.
    """
    from darkroom import drift
    from darkroom.errors import OperatorFault, ProviderUnavailable, Throttled
    from darkroom_cli.catalogs import checks

    today, keys = datetime.now(UTC).date(), checks.EnvironmentKeys()
    failed = False

    def line(provider: str, model: str | None, kind: str | None, what: str) -> None:
        facts = {"provider": provider, "model": model, "kind": kind, "what": what}
        tell(as_json, facts, ": ".join(filter(None, (provider, model, kind, what))))

    for book in books:
        drifts = drift.past_dates(book, today)
        if book.provider in checks.ASKED and keys.get(book.provider):
            try:
                drifts += checks.found(book, checks.adapter(book, keys), today)
            except (OperatorFault, ProviderUnavailable, Throttled) as unread:
                line(book.provider, None, None, f"the vendor could not be asked: {unread}")
                failed = True
        else:
            line(book.provider, None, None, f"only the dates were checked; {_why_not_asked(book)}")
        for each in drifts:
            line(each.provider, each.model, each.kind, each.what)
        failed = failed or bool(drifts)
    if failed:
        raise typer.Exit(exit_codes.REPEAT)
    if not as_json:
        typer.echo("no drift")


def _why_not_asked(book: Catalog) -> str:
    from darkroom_cli.catalogs import checks

    name = f"{book.provider.upper()}_API_KEY"
    return f"set {name} to ask the vendor" if book.provider in checks.ASKED else "the vendor publishes no list"


def _provider(name: str, rest: list[str]) -> Catalog:
    """Return the catalog of the provider. Raises BadParameter with suggestions if there is no such provider.

    `rest` are the words after `name`. All words together may be the name of a model, which the message then suggests.
    """
    known = catalog.providers()
    wanted = name.strip().lower()
    if wanted in known:
        return catalog.load(wanted)
    sentence = f"{quoted(name)} is not a provider"
    for words in (" ".join([name, *rest]), name):
        if commands := _commands(words):
            raise _unknown("PROVIDER", f"{sentence}; {quoted(words)} is a model. Give its provider first: {commands}")
    near = did_you_mean(closest(wanted, known)) or _model_meant(name)
    raise _unknown("PROVIDER", f"{sentence}{near or '.'} Providers: {', '.join(known)}")


def _model(book: Catalog, name: str) -> Model:
    """Return the model of the provider. Raises BadParameter with suggestions if the provider has no such model."""
    found = book.find_model(name)
    if found:
        return found
    sentence = f"{quoted(name)} is not a model of {book.provider}"
    if commands := _commands(name):
        raise _unknown("MODEL", f"{sentence}. Another provider has it: {commands}")
    near = did_you_mean(closest(catalog.normalize_name(name), book.models))
    listed = f". Models: {', '.join(book.models)}"
    raise _unknown("MODEL", f"{sentence}{near or listed}")


def _commands(name: str) -> str:
    """Return the commands that show the model called `name`, one for each provider that has it."""
    books = [catalog.load(provider) for provider in catalog.providers()]
    found = [(book, book.find_model(name)) for book in books]
    lines = [f"darkroom models {book.provider} {shlex.quote(model.name)}" for book, model in found if model]
    return " or ".join(lines)


def _model_meant(name: str) -> str:
    """Return a question that suggests the model with the most similar name, or an empty text if no name is similar."""
    names = [model for provider in catalog.providers() for model in catalog.load(provider).models]
    near = closest(name, names, n=1)
    return f"; did you mean a model: {_commands(near[0])}?" if near else ""


def _unknown(argument: str, sentence: str) -> typer.BadParameter:
    return typer.BadParameter(visible(sentence), param_hint=argument)
