"""Runs the command line against the deployed stack, as an operator does: as a separate process, with AWS settings alone."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.deployed_application import Darkroom


@dataclass(frozen=True)
class Operator:
    """Runs the command line as a separate process, with the settings that `darkroom local up` prints."""

    room: Darkroom
    home: Path

    def __call__(self, *arguments: str, expect: int = 0, answer: str = "") -> str:
        """Run a command, type the answer to its question, and return what it printed."""
        assert self.room.commands, "this stack has no commands"
        done = self.room.commands.run(arguments, self.environment, answer)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout if expect == 0 else done.stderr

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that `darkroom local up` prints."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home), "AWS_EC2_METADATA_DISABLED": "true"}
        python_path = os.pathsep.join(p for p in sys.path if p)
        return own | {"PYTHONPATH": python_path, **self.room.stack.endpoint.environment()}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "darkroom_cli", *arguments]

    def seen(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the jobs that `darkroom jobs --json` prints with these arguments."""
        return [json.loads(line) for line in self("jobs", "--json", *arguments).splitlines()]
