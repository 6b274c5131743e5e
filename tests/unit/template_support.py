"""Reads template.yaml as data and helps the tests to search it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("Submit", "Poll", "Finalize", "Sweep")
ALL_FUNCTIONS = (*FUNCTIONS, "Callback")  # the last one only with Callbacks=on


# libyaml reads the template ten times as fast; a PyYAML that was built without it has not this class.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(SafeLoader):
    """Loads YAML. It reads `!Ref x` as {"Ref": "x"}, and any other tag `!Other x` as {"Fn::Other": x}."""


def read_tag(loader: Any, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", read_tag)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    found = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}
    assert found
    return found


def mentions(node: Any, name: str) -> bool:
    """Say whether a Ref, GetAtt or Sub anywhere in `node` names this parameter or resource."""
    if isinstance(node, dict):
        return any(
            (key == "Ref" and value == name)
            or (key == "Fn::GetAtt" and str(value).split(".")[0] == name)
            or (key == "Fn::Sub" and re.search(rf"\$\{{{name}[.}}]", json.dumps(value)) is not None)
            or mentions(value, name)
            for key, value in node.items()
        )
    return isinstance(node, list) and any(mentions(value, name) for value in node)


def statements(role: str) -> Iterator[dict[str, Any]]:
    """Yield all statements of a role: those of its own policies and of the policies attached to it."""
    apart = [
        it["Properties"] for it in of_type("AWS::IAM::Policy").values() if {"Ref": role} in it["Properties"]["Roles"]
    ]
    for policy in [*RESOURCES[role]["Properties"]["Policies"], *apart]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def granted(function: str, service: str) -> set[str]:
    every = {action for statement in statements(f"{function}Role") for action in actions(statement)}
    return {action for action in every if action.startswith(f"{service}:")}


def environment(function: str) -> set[str]:
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = RESOURCES[function]["Properties"].get("Environment", {"Variables": {}})["Variables"]
    return set(shared) | set(own)


def target(statement: dict[str, Any]) -> str:
    """Return a short name for the statement's only resource: `IntakeQueue.Arn`, `input bucket/*`, or the part of the
    ARN that follows the account id. A ledger that the stack is given has the same name as one that it creates.
    """
    ((kind, value),) = statement["Resource"].items() if isinstance(statement["Resource"], dict) else (("", "*"),)
    if mentions(statement["Resource"], "LedgerTableName"):
        return "ledger/index/" + value[1][1] if kind == "Fn::Join" else "ledger"
    if isinstance(value, list):
        bucket = "input bucket" if mentions(value[1], "InputBucketName") else "output bucket"
        return str(value[0].replace("arn:${AWS::Partition}:s3:::${Bucket}", bucket))
    return str(value.rpartition("${AWS::AccountId}:")[2] if kind == "Fn::Sub" else value)


def cited(name: str) -> list[dict[str, str]]:
    """Return the rows of docs/<name> that begin with code. Each row is a dict from column title to text. The titles are
    those of the page's first table.
    """
    lines = (ROOT / "docs" / name).read_text().splitlines()
    header: list[str] = []
    found = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        header = cells if not header and line.startswith("|") else header
        if line.startswith("| `"):
            found.append(dict(zip(header, cells, strict=True)))
    return found


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table of a section of docs/<page>, without its header."""
    section = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
