"""Tests JSON bodies: every parameter has its own type, and the handle can be read back from the link that a vendor was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.mock_vendor import HANDLE
from tests.rows import each_row
from tests.unit.wire_support import WRONG, link_of, planned

from darkroom import catalog
from darkroom.aws.presigned_urls import S3PresignedUrls
from darkroom.catalog import Kind, Model, Parameter
from darkroom.model import Handle, SourceObject
from darkroom.providers.json_fields import json_fields
from darkroom.providers.link_handles import find_handle

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
PARAMETERS = [
    pytest.param(provider, model, parameter, id=f"{provider} {model.name} {parameter.name}")
    for provider in catalog.providers()
    for model in catalog.load(provider).models.values()
    for parameter in model.parameters.values()
]
TYPES = {Kind.BOOL: bool, Kind.INTEGER: int, Kind.DECIMAL: float, Kind.TEXT: str, Kind.CHOICE: str}


def values(parameter: Parameter) -> Iterator[tuple[str, str]]:
    """Yield pairs of a value as a plan holds it and the same value as JSON."""
    match parameter.kind:
        case Kind.BOOL:
            yield from (("true", "true"), ("false", "false"))
        case Kind.INTEGER:
            yield from ((str(bound), str(bound)) for bound in (parameter.minimum, parameter.maximum))
        case Kind.DECIMAL:
            yield from (("0.50", "0.5"), ("1", "1.0"), (str(parameter.minimum), str(float(parameter.minimum or 0))))
        case Kind.CHOICE:
            yield from ((choice, json.dumps(choice)) for choice in parameter.choices)
        case Kind.TEXT:
            yield from ((text, json.dumps(text)) for text in ("7", "true", 'a "b"', "null", "0.5"))


@each_row(("provider", "model", "parameter"), PARAMETERS)
def test_every_parameter_of_every_catalog_goes_in_its_own_type(
    provider: str, model: Model, parameter: Parameter
) -> None:
    plan = planned(provider, model=model.name)
    for value, wire in values(parameter):
        fields = json_fields(replace(plan, parameters={"model": model.wire, parameter.wire: value}))
        assert list(fields) == ["model", parameter.wire]
        assert fields["model"] == model.wire
        assert type(fields[parameter.wire]) is TYPES[parameter.kind]
        assert json.dumps(fields[parameter.wire]) == wire


def test_an_unknown_parameter_is_sent_as_text() -> None:
    plan = planned("oxen")
    assert json_fields(replace(plan, parameters={"model": "7", "other": "true"})) == {"model": "7", "other": "true"}


# --- the handle in a link --------------------------------------------------------------------------------------


class Sts:
    """Plays AWS STS. It returns credentials that are valid for an hour."""

    def assume_role(self, **asked: Any) -> Mapping[str, Any]:
        secrets = {"AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "secret", "SessionToken": "to/ken+with=signs"}
        return {"Credentials": {**secrets, "Expiration": NOW + timedelta(hours=1)}}


@pytest.fixture(scope="module")
def links() -> Iterator[S3PresignedUrls]:
    """Yield an adapter that signs links as in production, with invented credentials. The tests share it, because its
    client is slow to make.
    """
    sts: Any = Sts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield S3PresignedUrls(sts, "arn:aws:iam::123456789012:role/links", lambda: NOW)


@each_row("suffix", [".png", ".jpeg", ".tiff", ""])
@each_row(
    "key",
    ["a.png", "a b+c/d&e=f;g.png", f"{HANDLE}.png", "\u00e9\u4e16.png", 'x?response-content-disposition="y"', "%22#"],
)
def test_a_link_as_s3_makes_it_carries_the_handle(links: S3PresignedUrls, key: str, suffix: str) -> None:
    source = SourceObject("in", key, "v+1/2=", "etag", 1, NOW)
    url = links.sign(source, f"{HANDLE}{suffix}", "image/png", 900)
    assert "response-content-disposition=attachment%3B%20filename%3D%22" in url
    assert find_handle(url, HANDLE) == str(HANDLE)
    assert find_handle(url.replace("%20", "+"), HANDLE) == str(HANDLE)  # `+` is another way to write a space


@each_row("attempt", [1, 2, 10, 99])
def test_any_attempt_of_the_run_is_the_runs(links: S3PresignedUrls, attempt: int) -> None:
    sent = Handle(HANDLE.job_id, HANDLE.run, attempt)
    url = links.sign(SourceObject("in", "a.png", None, "etag", 1, NOW), f"{sent}.png", "image/png", 900)
    assert find_handle(url, HANDLE) == str(sent)


JOB = HANDLE.job_id
OTHERS = [
    f"{JOB}-22-3", f"{JOB}-1-3", f"{JOB}-23", f"{JOB}-2", JOB, f"x{HANDLE}", f" {HANDLE}", f"-{HANDLE}",
    f"{JOB[:-1]}e-2-3", f"{JOB.upper()}-2-3", "", f"{JOB}-+2-3", f"{JOB}2-3", f"../{HANDLE}",
]  # fmt: skip


@each_row("other", OTHERS)
def test_a_link_of_another_run_or_job_is_not_ours(other: str) -> None:
    assert find_handle(link_of(other.replace(" ", "%20").replace("+", "%2B")), HANDLE) is None


@each_row(("run", "other"), [(1, 11), (11, 1), (1, 10), (2, 12), (3, 3_000)])
def test_a_run_is_not_taken_for_one_whose_number_begins_alike(run: int, other: int) -> None:
    assert find_handle(link_of(Handle(JOB, other, 1)), Handle(JOB, run, 1)) is None
    assert find_handle(link_of(Handle(JOB, run, 1)), Handle(JOB, run, 5)) == f"{JOB}-{run}-1"


NAMED = f"filename%3D%22{HANDLE}.png%22"


@each_row(
    "url",
    ["", "https://a.test/", f"https://a.test/{HANDLE}.png", f"https://a.test/?x={NAMED}", f"https://a.test/#?{NAMED}",
     f"https://a.test/?Response-Content-Disposition={NAMED}", f"https://a.test/?response-content-disposition={HANDLE}",
     f"https://a.test/?response-content-disposition=filename%3D{HANDLE}.png", f"https://[bad?{NAMED}",
     f"https://a.test/?response-content-disposition={NAMED}&response-content-disposition=x",
     f"https://a\u2100.test/?response-content-disposition={NAMED}", "x" * 100_000, "?" + "&" * 100_000],
)  # fmt: skip
def test_a_link_that_does_not_carry_it_where_ours_do_is_not_ours(url: str) -> None:
    assert find_handle(url, HANDLE) is None


@each_row("url", [*WRONG, b"https://a.test", 1.0, ("a",)])
def test_a_value_that_is_not_text_is_not_a_link(url: object) -> None:
    assert find_handle(url, HANDLE) is None


@given(st.text() | st.text().map(lambda text: f"https://a.test/?response-content-disposition=filename%3D%22{text}"))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert find_handle(text, HANDLE) is None


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20))
def test_the_text_after_a_handle_never_counts_as_part_of_it(text: str) -> None:
    found = find_handle(link_of(HANDLE, f".{text}"), HANDLE)
    assert found in (str(HANDLE), None)
