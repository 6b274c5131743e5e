"""Tests which provider a local stack uses, with which key, and which outcome the demo expects. No stack is started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rows import each_row
from typer.testing import CliRunner

from darkroom import catalog
from darkroom.model import JobStatus
from darkroom.providers.registry import ADAPTERS
from darkroom_cli.commands.simulate import VENDORS
from darkroom_cli.main import app
from darkroom_local.folder.uploads import Item
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.job_views import JobView
from darkroom_local.samples.demo import as_meant, with_advice
from darkroom_local.samples.pictures import SAMPLES
from darkroom_local.stack import local_stack, simulator_processes
from darkroom_local.stack.provider_choice import NotServed, cast

REAL = "a-real-key"


def test_every_provider_has_a_simulator_and_a_command_for_it() -> None:
    assert set(simulator_processes.vendors()) == set(VENDORS) == set(ADAPTERS) == set(catalog.providers())


def test_without_a_key_everybody_is_simulated_with_a_key_of_their_own() -> None:
    who = cast(None, {})
    assert who.simulated == who.providers == simulator_processes.vendors()
    assert who.keys == {vendor: f"simulated-{vendor}-key" for vendor in simulator_processes.vendors()}
    assert who.parameters({"uwear": "http://127.0.0.1:1/api"}) == {
        "UwearBaseUrl": "http://127.0.0.1:1/api",
        "AllowedProviders": ",".join(simulator_processes.vendors()),
    }


def test_with_a_real_key_topaz_serves_alone() -> None:
    who = cast(REAL, {})
    assert (who.providers, who.simulated, who.keys) == (("topaz",), (), {"topaz": REAL})
    assert who.parameters({}) == {"AllowedProviders": "topaz"}


@each_row("parameters", [{"AllowedProviders": "topaz, Uwear"}, {"Provider": "uwear"}])
def test_beside_the_real_topaz_those_are_simulated_that_are_named(parameters: dict[str, str]) -> None:
    who = cast(REAL, parameters)
    assert (who.providers, who.simulated) == (("topaz", "uwear"), ("uwear",))
    assert who.keys == {"topaz": REAL, "uwear": "simulated-uwear-key"}


def test_only_those_are_simulated_that_uploads_may_name() -> None:
    assert cast(None, {"AllowedProviders": "oxen"}).simulated == ("oxen",)


def test_the_real_topaz_cannot_call_this_machine_back() -> None:
    with pytest.raises(NotServed, match="Callbacks=on cannot work here, because the real Topaz reaches no function"):
        cast(REAL, {"Callbacks": "on"})
    assert cast(None, {"Callbacks": "on"}).simulated == simulator_processes.vendors()


def test_the_real_key_is_in_no_text() -> None:
    assert REAL not in repr(cast(REAL, {}))


@each_row("settings", [{"provider": "oxen"}, {"Provider": "Oxen"}])
def test_a_provider_that_is_not_served_is_refused_with_the_reason_and_the_cure(settings: dict[str, str]) -> None:
    with pytest.raises(NotServed, match=r"fetch pictures from this machine.*AllowedProviders=topaz,oxen"):
        cast(REAL, {}).check(settings)


def test_the_real_topaz_is_given_no_link() -> None:
    with pytest.raises(NotServed, match="reaches no bucket"):
        cast(REAL, {}).check({"Input-By": "LINK"})


@each_row("settings", [{}, {"provider": "topaz"}, {"provider": "topas"}, {"input_by": "upload"}])
def test_what_is_served_or_unknown_is_left_to_the_application(settings: dict[str, str]) -> None:
    cast(REAL, {}).check(settings)
    cast(None, {}).check(settings | {"input_by": "link"})


def test_run_says_why_a_provider_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPAZ_API_KEY", REAL)
    (tmp_path / "photo.jpg").touch()
    asked = ["local", "run", str(tmp_path), "--out", str(tmp_path / "out"), "--set", "provider=uwear"]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 2
    assert "--parameter AllowedProviders=topaz,uwear" in answer.output
    assert REAL not in answer.output


def test_the_demo_gives_a_real_key_to_no_stack_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    @contextmanager
    def stack(**options: object) -> Iterator[None]:
        given.append(options)
        raise KeyboardInterrupt  # to start a stack takes seconds
        yield

    monkeypatch.setattr(local_stack, "local_stack", stack)
    monkeypatch.setenv("TOPAZ_API_KEY", REAL)
    answer = CliRunner().invoke(app, ["local", "demo", "--out", str(tmp_path)])
    assert len(given) == 1
    assert REAL not in f"{given} {answer.output}"
    assert "demo uses simulators and spends nothing; your key is for darkroom local run" in answer.output
    assert "charges you" not in answer.output


def test_a_fault_is_topazs_unless_it_names_a_vendor() -> None:
    lines = ["cut:result:2", "oxen/failed_job", "throttle:submit:1:match=a/b.jpg", "oxen/hold:submit:*"]
    assert simulator_processes.faults_by_vendor(lines) == {
        "topaz": ["cut:result:2", "throttle:submit:1:match=a/b.jpg"],
        "oxen": ["failed_job", "hold:submit:*"],
    }


def test_a_fault_of_nobody_is_refused() -> None:
    with pytest.raises(simulator_processes.UnknownVendor, match="oxn"):
        simulator_processes.faults_by_vendor(["oxn/failed_job"])


def outcomes(tmp_path: Path, **changed: JobView) -> list[Outcome]:
    """Return the outcomes of a successful demo. `changed` gives other jobs to some samples."""
    made = []
    for sample in SAMPLES:
        good = JobView("1", JobStatus.COMPLETED, sample.provider)
        usual = JobView("1", JobStatus.REJECTED) if sample.name == "typo.jpg" else good
        job = changed.get(Path(sample.name).stem, usual)
        done = tmp_path if job.status is JobStatus.COMPLETED else None
        made.append(Outcome(Item(tmp_path, sample.name), job, None, done))
    return made


def test_a_demo_with_the_expected_outcomes_succeeds(tmp_path: Path) -> None:
    assert as_meant(SAMPLES, outcomes(tmp_path))


@pytest.mark.parametrize(
    "changed",
    [
        {"clock": JobView("1", JobStatus.FAILED, "aimlapi")},
        {"clock": JobView("1", JobStatus.COMPLETED, "topaz")},
        {"clock": JobView("1", JobStatus.REJECTED)},
        {"typo": JobView("1", JobStatus.COMPLETED, "topaz")},
    ],
)
def test_a_demo_with_one_wrong_outcome_fails(tmp_path: Path, changed: dict[str, JobView]) -> None:
    assert not as_meant(SAMPLES, outcomes(tmp_path, **changed))


def test_only_the_sample_that_is_misspelt_on_purpose_needs_nothing(tmp_path: Path) -> None:
    advised = [made.item.key for made in map(with_advice, outcomes(tmp_path)) if made.cure.startswith("Nothing:")]
    assert advised == ["typo.jpg"]
