"""Tests that the commands of docs/upgrade.md that move a stack take all its parameters along. `aws`, `sam` and `darkroom` are
played; `make follow` runs the real ones.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.template_support import TEMPLATE

PAGE = Path(__file__).parents[2] / "docs/upgrade.md"
SECRET = '{"topaz": "k3y", "aimlapi": "", "oxen": "", "uwear": ""}'
OUTPUTS = {"LedgerTable": "ledger-1", "InputBucket": "in-1", "OutputBucket": "out-1", "ApiKeysSecretArn": "arn:secret"}
GIVEN = {
    "MonthlyBudgetUsd": "20", "AlarmEmail": "you@example.com", "InputPrefix": "incoming/", "KmsKeyArns": "arn:a,arn:b",
    "DefaultSettings": 'model=Standard V2,prompt=a "sharp" Größe = big',
}  # fmt: skip
# Each program appends its arguments to a file. `aws` answers as the AWS CLI does, with its forms of output.
PROGRAM = """#!{python}
import json, pathlib, sys
import jmespath
calls, stack = pathlib.Path({calls!r}), json.loads({stack!r})
with calls.open("a") as file:
    print(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]), file=file)
if "describe-stacks" in sys.argv:
    found = jmespath.search(sys.argv[sys.argv.index("--query") + 1], {{"Stacks": [stack]}})
    print(json.dumps(found, indent=4, ensure_ascii=False) if "json" in sys.argv else "\\t".join(found))
elif "get-secret-value" in sys.argv:
    print({secret!r})
elif "put-secret-value" in sys.argv:
    text = sys.argv[sys.argv.index("--secret-string") + 1]
    if text.startswith("file://"):
        text = pathlib.Path(text.removeprefix("file://")).read_text()
    with calls.open("a") as file:
        print(json.dumps(["stored", text]), file=file)
"""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Run the commands of the page's section Move, and return the programs' calls in order."""
    folder = tmp_path_factory.mktemp("move")
    parameters = {name: str(of.get("Default", "")) for name, of in TEMPLATE["Parameters"].items()} | GIVEN
    stack = {
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()],
    }
    written = folder / "calls"
    text = PROGRAM.format(python=sys.executable, calls=str(written), stack=json.dumps(stack), secret=SECRET)
    for name in ("aws", "sam", "darkroom"):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    (section,) = re.findall(r"^## Move\n(.*?)^## ", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    script = "".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    environment = {"PATH": os.pathsep.join([str(folder), os.defpath]), "LC_ALL": "C.UTF-8"}
    subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", script], cwd=folder, env=environment, check=True)
    return [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]


def given(calls: list[list[str]]) -> dict[str, str]:
    """Return the parameters of `sam deploy`. Quotes in its texts mean what they mean to a shell."""
    (words,) = [words for words in calls if words[:2] == ["sam", "deploy"]]
    texts = words[words.index("--parameter-overrides") + 1 :]
    return dict(pair.split("=", 1) for text in texts for pair in shlex.split(text))  # type: ignore[misc]


def test_a_move_takes_every_parameter_along(calls: list[list[str]]) -> None:
    moved = given(calls)
    assert set(moved) == set(TEMPLATE["Parameters"])
    assert {name: moved[name] for name in GIVEN} == GIVEN


def test_a_move_names_the_ledger_and_the_buckets_that_stay(calls: list[list[str]]) -> None:
    names = {name: given(calls)[name] for name in ("LedgerTableName", "InputBucketName", "OutputBucketName")}
    assert names == {"LedgerTableName": "ledger-1", "InputBucketName": "in-1", "OutputBucketName": "out-1"}


def test_the_api_keys_move_and_are_on_no_command_line(calls: list[list[str]]) -> None:
    stored = [words[1] for words in calls if words[0] == "stored"]
    assert [json.loads(text) for text in stored] == [json.loads(SECRET)]
    assert not [words for words in calls if words[0] != "stored" and "k3y" in " ".join(words)]


def test_nothing_is_removed_before_it_is_noted_and_built(calls: list[list[str]]) -> None:
    order = [words[1] for words in calls if words[0] == "sam"]
    assert order == ["build", "delete", "deploy"]
    before = calls[: calls.index(["sam", "build"])]
    assert {tuple(words[:3]) for words in before} == {
        ("aws", "cloudformation", "describe-stacks"),
        ("aws", "secretsmanager", "get-secret-value"),
    }
