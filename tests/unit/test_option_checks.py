"""Tests wrong `--parameter` and `--set` options. The answer is one line with the right name and exit code 2, and
nothing is started.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from darkroom_cli.main import app
from darkroom_local.run.option_checks import check_parameters, check_settings

WRONG_PARAMETERS = {
    "MonthlyBudgetUSD=0.1": "--parameter MonthlyBudgetUSD: there is no such parameter. Did you mean MonthlyBudgetUsd?",
    "monthlycreditlimit=1": "--parameter monthlycreditlimit: there is no such parameter. Did you mean MonthlyCreditLimit?",
    "MonthlyBudgetUsd=5$": "--parameter MonthlyBudgetUsd=5$: not valid; it must be a number of US dollars.",
    "JobDeadlineHours=97": "--parameter JobDeadlineHours=97: not valid; it must be a number from 1 to 96.",
    "JobDeadlineHours=soon": "--parameter JobDeadlineHours=soon: not valid; it must be a number from 1 to 96.",
    "MetadataSettings=of": "--parameter MetadataSettings=of: not valid; it must be empty or on or prefixed or off.",
    "Provider=oxn": "--parameter Provider=oxn: there is no provider 'oxn'. Did you mean oxen?",
    "AllowedProviders=topaz,oxn": "--parameter AllowedProviders=topaz,oxn: there is no provider 'oxn'. Did you mean oxen?",
    "MonthlyCreditLimit=topas=5": (
        "--parameter MonthlyCreditLimit: 'topas' is not a provider; allowed: aimlapi, oxen, topaz, uwear"
    ),
    "DefaultSettings=scael=2": "--parameter DefaultSettings: setting scael='2' is not known; did you mean scale?",
    "NoEqualsSign": "'NoEqualsSign' is not of the form key=value, as in scale=2.",
}
OF_BUCKETS = "--parameter InputPrefix: not for a local run, whose buckets are its own. Leave it out."
WRONG_SETTINGS = {
    "scael=2": "--set: setting scael='2' is not known; did you mean scale?",
    "scale=two": "--set: scale='two' is not valid for model Standard V2; allowed: ",
    "model=Standrad V2": "--set: model='Standrad V2' is not a model of topaz; did you mean Standard V2, ",
    "model=recraft": "--set: model='recraft' is not a model of topaz. It is a model of uwear: give provider=uwear",
    "provider=topas": "--set: provider='topas' is not known; did you mean topaz?",
    "max_credits=few": "--set: max_credits='few' is not valid; allowed: a plain number of credits, 0 or more",
    "scale": "'scale' is not of the form key=value, as in scale=2.",
    "prompt=two\nlines": "prompt: S3 cannot store this value.",
}
WRONG_FAULTS = {
    "nonsense": "--fault topaz/nonsense: unknown fault 'nonsense'; use one of ",
    "failed_job:submitt": "--fault topaz/failed_job:submitt: the fault failed_job cannot strike 'submitt'; use one of submit",
    "topas/failed_job": "The injected fault 'topas/failed_job' is for 'topas', which has no simulator. Allowed: ",
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


@pytest.mark.parametrize("fault", WRONG_FAULTS)
def test_a_wrong_fault_ends_the_command_with_the_right_ones(tmp_path: Path, fault: str) -> None:
    assert refused(tmp_path, "--fault", fault).startswith(WRONG_FAULTS[fault])


def test_what_only_a_bucket_of_ones_own_makes_sense_of_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "--parameter", "InputPrefix=photos/") == OF_BUCKETS


@pytest.mark.parametrize("command", ["run", "up"])
@pytest.mark.parametrize(("option", "value"), [("--fault", "cut:result"), ("--speed", "50")])
def test_what_is_for_a_simulator_is_refused_where_the_real_provider_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str, value: str
) -> None:
    monkeypatch.setenv("TOPAZ_API_KEY", "a-real-key")
    place = (
        [str(tmp_path), "--out", str(tmp_path / "out")] if command == "run" else ["--state", str(tmp_path / "state")]
    )
    answer = CliRunner().invoke(app, ["local", command, *place, option, value])
    assert answer.exit_code == 2
    assert answer.output.startswith(f"{option}")
    assert "because TOPAZ_API_KEY is set" in answer.output


def test_a_folder_for_results_that_contains_the_pictures_is_named_as_the_fault(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"picture")
    answer = CliRunner().invoke(app, ["local", "run", str(tmp_path / "in"), "--out", str(tmp_path)])
    assert answer.exit_code == 2
    assert answer.output.splitlines()[-1].startswith("--out contains FOLDER")


def test_watching_a_folder_does_nothing_again(tmp_path: Path) -> None:
    assert refused(tmp_path, "--watch", "--again").startswith("--watch and --again do not go together.")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--parameter", value) for value in WRONG_PARAMETERS if "=scael" not in value),
        *(("--fault", f) for f in WRONG_FAULTS),
    ],
)
def test_up_refuses_the_same(tmp_path: Path, option: str, value: str) -> None:
    answer = CliRunner().invoke(app, ["local", "up", "--state", str(tmp_path / "state"), option, value])
    assert answer.exit_code == 2
    (line,) = answer.output.splitlines()
    assert line.startswith({**WRONG_PARAMETERS, **WRONG_FAULTS}[value])
    assert not (tmp_path / "state").exists()


def test_what_the_template_allows_is_accepted() -> None:
    check_parameters({"MonthlyBudgetUsd": "0.5", "TagPrefix": "app:", "KmsKeyArns": "", "LogRetentionDays": "7"})


def test_a_setting_that_fits_only_small_pictures_is_left_to_submit() -> None:
    check_settings({"scale": "16"}, {}, ("topaz",))
