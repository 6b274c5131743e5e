"""Follows docs/operations.md, Restore the ledger: the rows that it removes are those of the code, and nothing is paid twice."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.fakes.aws_account import INPUT

from darkroom.aws import ledger_ownership, sweep_queries

PAGE = Path(__file__).parents[2] / "docs/operations.md"


def test_the_page_removes_the_owner_and_the_first_sweep_of_the_input_bucket() -> None:
    keys = re.findall(
        r"delete-item --table-name RESTORED --key '(.*)'$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    removed = [json.loads(key.replace("INPUT-BUCKET", INPUT)) for key in keys]
    assert removed == [ledger_ownership.KEY, sweep_queries._bucket(INPUT)]
