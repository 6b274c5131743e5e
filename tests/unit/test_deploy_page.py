"""Tests that docs/deploy.md lists the parameters of template.yaml, and every command that a bucket of your own needs."""

from __future__ import annotations

import re

from tests.unit.template_support import ROOT, TEMPLATE, table


def test_the_page_lists_every_parameter() -> None:
    listed = [name for row in table("deploy.md", "Parameters") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == sorted(TEMPLATE["Parameters"])


def test_a_bucket_of_your_own_is_deployed_then_the_ledger_is_handed_over_then_events_are_turned_on() -> None:
    section = (ROOT / "docs/deploy.md").read_text(encoding="utf-8").split("\n## Buckets you already have\n")[1]
    commands = re.findall(r"^(?:sam build && )?(sam deploy|darkroom [\w-]+)", section, re.MULTILINE)
    assert commands == ["sam deploy", "darkroom adopt-ledger", "darkroom attach"]
