"""Tests that `darkroom models` shows every provider and model, to people and to programs. For a wrong name it suggests
the right one.
"""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from decimal import Decimal

import pytest
from rich.console import Console
from tests.rows import each_row
from tests.unit.cli_support import run
from tests.unit.test_catalog import MINIMAL

from darkroom import catalog
from darkroom.catalog.parameter_values import describe_allowed
from darkroom_cli.catalogs import tables, wording

EVERY = [(provider, model) for provider in catalog.providers() for model in catalog.load(provider).models]
PROVIDERS = each_row("provider", catalog.providers())
MODELS = each_row(("provider", "model"), EVERY)


def lines(*arguments: str) -> list[dict[str, object]]:
    answer = run("models", *arguments, "--json")
    assert answer.exit_code == 0
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_without_a_name_all_providers_are_shown() -> None:
    answer = run("models")
    assert answer.exit_code == 0
    for provider in catalog.providers():
        book = catalog.load(provider)
        (row,) = [line for line in answer.stdout.splitlines() if line.split()[:1] == [provider]]
        for words in (book.unit, book.default_model, f"{book.max_upload_bytes:,}", f"{book.result_retention_hours} h"):
            assert words in row


@PROVIDERS
def test_a_provider_shows_all_its_models(provider: str) -> None:
    book = catalog.load(provider)
    shown = run("models", provider.upper()).stdout.splitlines()
    for model in book.models.values():
        rows = [row for row in shown if f" {model.name} " in row and wording.price(book, model) in row]
        assert any(wording.size(model) in row and wording.megapixels(model) in row for row in rows), model.name


@MODELS
def test_a_model_shows_its_parameters_and_the_source_of_each_fact(provider: str, model: str) -> None:
    known = catalog.load(provider).models[model]
    answer = run("models", provider, model)
    assert answer.exit_code == 0
    for citation in (known.source, known.price_source, known.limits_source):
        assert citation in answer.stdout
    for parameter in known.parameters.values():
        (row,) = [line for line in answer.stdout.splitlines() if line.split()[:1] == [parameter.name]]
        for words in (parameter.wire, describe_allowed(parameter), parameter.default or ""):
            assert words in row
        number = row.split("[")[1].split("]")[0]
        assert any(line.rstrip() == f"[{number}]  {parameter.source}" for line in answer.stdout.splitlines())


@MODELS
def test_programs_get_the_same_of_a_model_alone_and_among_its_providers(provider: str, model: str) -> None:
    (alone,) = lines(provider, model)
    assert alone in lines(provider)
    assert (alone["provider"], alone["model"]) == (provider, model)
    known = catalog.load(provider).models[model]
    assert [one["name"] for one in alone["parameters"]] == list(known.parameters)  # type: ignore[attr-defined]


def test_programs_get_the_same_keys_of_everything() -> None:
    providers = lines()
    assert [one["provider"] for one in providers] == list(catalog.providers())
    models = [model for provider in catalog.providers() for model in lines(provider)]
    parameters = [parameter for model in models for parameter in model["parameters"]]  # type: ignore[attr-defined]
    for objects in (providers, models, parameters):
        assert len({tuple(one) for one in objects}) == 1


def test_programs_are_told_what_the_docstring_promises() -> None:
    from darkroom_cli.commands import models

    (model,) = lines("topaz", "Standard V2")
    parameter = model["parameters"][0]  # type: ignore[index]
    assert not [key for key in (*lines()[0], *model, *parameter) if key not in str(models.__doc__)]


def test_numbers_of_a_model_are_exact() -> None:
    (model,) = lines("topaz", "standard-v2")
    assert (model["credits"], model["mp_per_credit"], model["max_output_mp"]) == (1, 24, 1024)
    assert (model["takes_sides"], model["factors"], model["is_default"]) == (True, [], True)


@each_row("written", ["redefine", "REDEFINE", " Redefine "])
def test_a_name_is_found_as_settings_find_it(written: str) -> None:
    assert lines("topaz", written)[0]["model"] == "Redefine"


def test_a_name_of_several_words_needs_no_quotes() -> None:
    assert lines("topaz", "high", "fidelity", "v2")[0]["model"] == "High Fidelity V2"


@each_row(
    ("arguments", "words"),
    [
        (["topas"], "did you mean topaz?"),
        (["nobody-at-all"], "Providers: "),
        (["topaz", "Redefin"], "did you mean Redefine?"),
        (["topaz", "xyzzyxyzzy"], "Models: Standard V2, "),
        (["Standard V2"], "darkroom models topaz 'Standard V2'"),
        (["standard", "v2"], "darkroom models topaz 'Standard V2'"),
        (["redefine", "topaz"], "darkroom models topaz Redefine"),
        (["Redefinee"], "did you mean a model: darkroom models topaz Redefine?"),
        (["uwear", "Redefine"], "Another provider has it: darkroom models topaz Redefine"),
        ([""], "Providers: "),
    ],
)
def test_a_name_that_is_not_known_says_which_may_be_meant(arguments: list[str], words: str) -> None:
    if arguments[0] == "uwear" and "uwear" not in catalog.providers():
        pytest.skip("needs a second provider")
    answer = run("models", *arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert words in answer.stderr


@each_row("misused", [["Standard V2"], ["redefine", "topaz"]])
def test_the_command_that_is_proposed_works(misused: list[str]) -> None:
    proposed = run("models", *misused).stderr.strip().split("darkroom models ")[-1]
    assert run("models", *shlex.split(proposed)).exit_code == 0


@each_row("arguments", [["\x1b[31mtopaz"], ["topaz", "\x1b[31m\u202ered"]])
def test_a_name_is_told_back_and_not_obeyed(arguments: list[str]) -> None:
    answer = run("models", *arguments)
    assert answer.exit_code == 2
    assert "\\x1b[31m" in answer.stderr
    assert "\x1b" not in answer.stderr
    assert "\u202e" not in answer.stderr


def test_text_of_a_catalog_is_shown_and_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "\\u001b[31m[bold]x\\u202e"
    text = MINIMAL.replace('"a page"', f'"{hostile}"').replace('"creativityLevel"', f'"{hostile}"')
    text = (
        text.replace('"two.2"', f'"{hostile}"').replace('"credits"', f'"{hostile}"').replace('"Two"', f'"T{hostile}"')
    )
    book = catalog.parse(text)
    monkeypatch.setattr(catalog, "providers", lambda: ("other",))
    monkeypatch.setattr(catalog, "load", {"other": book}.__getitem__)
    for names in ([], ["other"], ["other", list(book.models)[1]], ["other", "nothing-like-it"]):
        for output in ([], ["--json"]):
            answer = run("models", *names, *output)
            assert "[bold]x" in answer.output
            assert "\x1b" not in answer.output
            assert "\u202e" not in answer.output


@PROVIDERS
def test_a_narrow_terminal_loses_nothing(provider: str) -> None:
    text = io.StringIO()
    Console(width=60, file=text).print(tables.models_table(catalog.load(provider)))
    assert "…" not in text.getvalue()


@each_row(
    ("facts", "words"),
    [
        ("mp_per_credit = 0.5", "1 credit a 0.5 MP"),
        ("mp_per_credit = 10\ncredits = 2", "2 credits a 10 MP"),
        ("credits = 210_000", "210,000 credits a job"),
        ("credits = 1", "1 credit a job"),
        ("", "the vendor's estimate"),
    ],
)
def test_the_rule_of_the_price_is_said_in_words(facts: str, words: str) -> None:
    book = catalog.parse(MINIMAL.replace("mp_per_credit = 0.5", facts))
    assert wording.price(book, book.models["One"]) == words


@each_row(
    ("facts", "size", "synchronous", "output"),
    [
        ("", "unchanged", "no", "png"),
        ("factor = 4\nformat_is_open = true", "always 4x", "no", "png (the vendor decides)"),
        ("is_synchronous = true", "unchanged", "always", "png"),
        ('synchronous_path = "now"\nsynchronous_max_output_mp = 96', "unchanged", "on request, up to 96 MP", "png"),
    ],
)
def test_what_a_model_gives_is_said_in_words(facts: str, size: str, synchronous: str, output: str) -> None:
    model = catalog.parse(MINIMAL.replace("max_input_mp = 10", f"max_input_mp = 10\n{facts}")).models["One"]
    assert (wording.size(model), wording.synchronous(model), wording.output(model)) == (
        size,
        synchronous,
        output,
    )


def test_amounts_have_no_exponent() -> None:
    assert [wording.amount(Decimal(text)) for text in ("1E+3", "0.50", "0.0000005")] == [
        "1,000",
        "0.5",
        "0.0000005",
    ]


def test_neither_aws_nor_a_stack_is_needed() -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(['boto3', 'botocore', 'httpx']));"
    code = f"{hide} from darkroom_cli.main import app; app(['models', 'topaz', 'Redefine'])"
    paths = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=paths, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
