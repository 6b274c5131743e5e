"""The application's state machine as the template deploys it, with callbacks or without them.

`python -m tests.fakes.state_machine on|off` prints it, for validators.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from tests.unit.template_support import RESOURCES, ROOT


@cache
def text(*, callbacks: bool = False) -> str:
    """Return the definition with the words that the parameter Callbacks chooses. ARNs and the table's name stay placeholders."""
    machine = RESOURCES["StateMachine"]["Properties"]
    written = (ROOT / machine["DefinitionUri"]).read_text()
    for name, value in machine["DefinitionSubstitutions"].items():
        match value:
            case {"Fn::If": ["CallbacksOn", on, off]}:
                written = written.replace(f"${{{name}}}", on if callbacks else off)
            case {"Ref": "AWS::Partition"}:
                written = written.replace(f"${{{name}}}", "aws")
    return written


@cache
def definition(*, callbacks: bool = False) -> dict[str, Any]:
    """Return the definition as data."""
    found: dict[str, Any] = json.loads(text(callbacks=callbacks))
    return found


def token_write(data: Mapping[str, Any], task_token: str, table: str) -> dict[str, Any]:
    """Return the request by which the state WaitToBeTold writes its task token, as Step Functions makes it of the definition."""
    parameters = definition(callbacks=True)["States"]["WaitToBeTold"]["Parameters"]
    request: dict[str, Any] = _resolved(parameters, data, task_token)
    return request | {"TableName": table}


def _resolved(value: Any, data: Mapping[str, Any], task_token: str) -> Any:
    if not isinstance(value, dict):
        return value
    plain = {name: _resolved(inner, data, task_token) for name, inner in value.items() if not name.endswith(".$")}
    return plain | {name[:-2]: _read(path, data, task_token) for name, path in value.items() if name.endswith(".$")}


def _read(path: str, data: Mapping[str, Any], task_token: str) -> str:
    """Return what a path or the intrinsic function States.Format gives. No other function is used."""
    if path == "$$.Task.Token":
        return task_token
    formatted = re.fullmatch(r"States\.Format\('([^']*)', \$\.(\w+)\)", path)
    if formatted is None:
        raise AssertionError(f"{path} is not supported")
    return formatted[1].replace("{}", str(data[formatted[2]]))


if __name__ == "__main__":
    print(text(callbacks=sys.argv[1] == "on"))
