"""What a test says of the stages it runs on; conftest.py gives it exactly those."""

from __future__ import annotations

import pytest


def needs(*capabilities: str) -> pytest.MarkDecorator:
    """Only for the vendors that can all of this."""
    return pytest.mark.needs(*capabilities)


def per_stage(argument: str, table: str) -> pytest.MarkDecorator:
    """The argument is each entry of the stage's own table of that name, in turn."""
    return pytest.mark.per_stage(argument, table)
