"""Tests that each shell command on the pages is one that exists, with options that it has. Nothing is run.

Which commands are run, and where: `make follow` follows docs/aws.md, docs/events.md and docs/upgrade.md word by word
(`tests/smoke/followed_pages.py`). The end-to-end tests run the command line on a deployed stack and on a folder. Nothing runs
what needs a real API key or a person's own buckets.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import typer
from botocore import xform_name
from tests.rows import each_row

from darkroom_cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^ *|&& |\$\(|; )(darkroom|make|aws) ([^\n]*)", re.MULTILINE)
# What a page writes in the place of a value of another form.
HERE = str(ROOT / "docs")  # a folder that exists
STANDS_FOR = {
    "N": "1", "YYYY-MM-DD": "2026-11-21", "PROVIDER": "topaz", "CODE": "TimedOut", "FOLDER": HERE, "RESULTS": HERE,
    "holiday/": HERE,
}  # fmt: skip
# Operations of the AWS CLI that are no operations of the service: they do several requests.
CUSTOM = {("cloudformation", "deploy"), ("dynamodb", "wait"), ("s3api", "wait")}
CLI_WIDE = {"--query", "--output", "--region", "--profile"}


def commands(program: str) -> list[tuple[str, str]]:
    """Return each command of this program in the pages' `sh` blocks, with the name of its page."""
    return [
        (page.name, line)
        for page in PAGES
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
        for name, line in COMMAND.findall(re.sub(r"\\\n\s*", "", block))
        if name == program
    ]


def words(line: str) -> list[str]:
    """Return the words of a command up to the end of its shell command, without a comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, "#"
    found: list[str] = []
    for word in lexer:
        if set(word) <= set("();<>|&"):
            break
        found.append(STANDS_FOR.get(word, word))
    return found


def parse(command: Any, arguments: list[str], group: Any = None) -> None:
    """Parse the arguments, and those of a command in a group, as running the command would. Raises UsageError.

    `group` is the context of the command's group. Without it, click would remember for later tests that `-h` is no option.
    """
    is_group = hasattr(command, "commands")
    context = command.make_context(command.name, arguments, parent=group, allow_interspersed_args=not is_group)
    if is_group:
        name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert inner, name
        parse(inner, rest, context)


def deployments() -> list[tuple[str, str]]:
    """Return the commands of each block up to each of its `sam deploy`, with the name of the page."""
    return [
        (page.name, block[: found.start()])
        for page in PAGES
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
        for found in re.finditer(r"\bsam deploy\b", block)
    ]


@each_row("page, before", deployments())
def test_each_sam_deploy_has_a_sam_build_before_it_because_else_the_layer_has_no_packages(
    page: str, before: str
) -> None:
    assert "sam build" in before


@each_row("page, line", commands("darkroom"))
def test_each_command_of_darkroom_is_parsed(page: str, line: str) -> None:
    parse(typer.main.get_command(app), words(line))


@each_row("page, line", commands("make"))
def test_each_target_of_make_is_there(page: str, line: str) -> None:
    target = words(line)[0]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@cache
def operations(service: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model("s3" if service == "s3api" else service)
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


@each_row("page, line", [found for found in commands("aws") if not found[1].startswith("s3 ")])
def test_each_operation_of_aws_has_the_options_that_are_given(page: str, line: str) -> None:
    service, operation, *rest = words(line)
    if (service, operation) in CUSTOM:
        return
    shape = operations(service)[operation].input_shape
    known = {f"--{xform_name(name, '-')}" for name in shape.members} | CLI_WIDE
    booleans = {f"--no-{xform_name(name, '-')}" for name, of in shape.members.items() if of.type_name == "boolean"}
    given = {word for word in rest if word.startswith("--")}
    assert given <= known | booleans
    assert {f"--{xform_name(name, '-')}" for name in shape.required_members} <= given


def found_programs() -> Iterator[str]:
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            yield from (name for name, _ in COMMAND.findall(block))


def test_the_search_finds_commands_of_each_kind() -> None:
    counted = list(found_programs())
    assert {name for name in ("darkroom", "make", "aws") if counted.count(name) < 3} == set()
