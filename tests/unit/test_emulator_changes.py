"""Tests that an emulator is refused in which the function URLs or task tokens cannot be corrected. tests/e2e/test_task_tokens.py
tests what the corrections do.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from darkroom_local.emulator.function_urls import lead_here
from darkroom_local.emulator.task_tokens import TaskTokens
from darkroom_local.emulator.version import EmulatorChanged


def test_an_emulator_without_function_urls_is_refused() -> None:
    with pytest.raises(EmulatorChanged, match="_create_function_url_config"):
        lead_here(SimpleNamespace(), "https://127.0.0.1:1")


def test_an_emulator_without_task_tokens_is_refused() -> None:
    with pytest.raises(EmulatorChanged, match="_execute_task"):
        TaskTokens(SimpleNamespace(), SimpleNamespace())
