"""The application's state machine as the template deploys it, with callbacks or without them.

`python -m tests.fakes.state_machine on|off` prints it, for validators.
"""

from __future__ import annotations

import json
import sys
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


if __name__ == "__main__":
    print(text(callbacks=sys.argv[1] == "on"))
