"""Tests wrong `--parameter` and `--set` options. The answer is one line with the right name and exit code 2, and
nothing is started.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from darkroom_cli.main import app
from darkroom_local.option_checks import check_parameters, check_settings

WRONG_PARAMETERS = {
    "MonthlyBudgetUSD=0.1": "--parameter MonthlyBudgetUSD: there is no such parameter. Did you mean MonthlyBudgetUsd?",
    "monthlycreditlimit=1": "--parameter monthlycreditlimit: there is no such parameter. Did you mean MonthlyCreditLimit?",
    "MonthlyBudgetUsd=5$": "--parameter MonthlyBudgetUsd=5$: not valid; it must be a number of US dollars.",
    "JobDeadlineHours=97": "--parameter JobDeadlineHours=97: not valid; it must be a number from 1 to 96.",
    "JobDeadlineHours=soon": "--parameter JobDeadlineHours=soon: not valid; it must be a number from 1 to 96.",
    "MetadataSettings=of": "--parameter MetadataSettings=of: not valid; it must be empty or on or prefixed or off.",
}
WRONG_SETTINGS = {
    "scael=2": "--set: setting 'scael' is not known; did you mean scale?",
    "scale=two": "--set: scale='two' is not valid for model Standard V2; allowed: ",
    "model=Standrad V2": "--set: model='Standrad V2' is not a model of topaz; did you mean Standard V2, ",
    "provider=topas": "--set: provider='topas' is not known; did you mean topaz?",
}


def refused(tmp_path: Path, *options: str) -> str:
    """Return the only line that `local run` prints when it refuses the options."""
    (tmp_path / "photo.jpg").write_bytes(b"picture")
    answer = CliRunner().invoke(app, ["local", "run", str(tmp_path), "--out", str(tmp_path / "out"), *options])
    assert answer.exit_code == 2
    assert not (tmp_path / "out").exists()
    (line,) = answer.output.splitlines()
    return line


@pytest.mark.parametrize("option", WRONG_PARAMETERS)
def test_a_wrong_parameter_ends_the_command_with_its_right_name_or_value(tmp_path: Path, option: str) -> None:
    assert refused(tmp_path, "--parameter", option) == WRONG_PARAMETERS[option]


@pytest.mark.parametrize("option", WRONG_SETTINGS)
def test_a_wrong_setting_ends_the_command_with_its_right_name_or_value(tmp_path: Path, option: str) -> None:
    assert refused(tmp_path, "--set", option).startswith(WRONG_SETTINGS[option])


def test_what_the_template_allows_is_accepted() -> None:
    check_parameters({"MonthlyBudgetUsd": "0.5", "TagPrefix": "app:", "KmsKeyArns": "", "LogRetentionDays": "7"})


def test_a_setting_that_fits_only_small_pictures_is_left_to_submit() -> None:
    check_settings({"scale": "16"}, {}, ("topaz",))
