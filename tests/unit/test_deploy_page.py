"""Tests that docs/deploy.md lists the parameters of template.yaml."""

from __future__ import annotations

import re

from tests.unit.template_support import TEMPLATE, table


def test_the_page_lists_every_parameter() -> None:
    listed = [name for row in table("deploy.md", "Parameters") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == sorted(TEMPLATE["Parameters"])
