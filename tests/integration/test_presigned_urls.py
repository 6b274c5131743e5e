"""Tests presigned links to uploads: the bytes that a provider gets with a link, the link's query, and the length of the
session that signs it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
from tests.fakes.application import START, Clock
from tests.fakes.aws_account import INPUT, Cloud, client, cloud

from darkroom.aws.input_bucket import S3InputBucket
from darkroom.aws.presigned_urls import S3PresignedUrls
from darkroom.model import SourceObject

pytestmark = pytest.mark.emulated("s3", "sts")

ROLE = "arn:aws:iam::123456789012:role/links"
NAME = "0123456789abcdef0123456789abcdef-1-1.jpeg"
AWKWARD = ["a b.jpg", "ü/日本 語.png", "a+b&c=d?e#f.jpg", "100%.jpg", "a%20b.jpg", "'quoted\" name'.tif", "a//b.jpg"]
HOUR = timedelta(hours=1)


class Roles:
    """Stands in for STS and records each session that it begins. Sessions end by the test's clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.begun = clock, list[dict[str, Any]]()

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        self.begun.append(asked)
        answer: dict[str, Any] = client("sts").assume_role(**asked)
        answer["Credentials"]["Expiration"] = self.clock() + timedelta(seconds=asked["DurationSeconds"])
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roles(account: Cloud, clock: Clock) -> Roles:
    return Roles(clock)


@pytest.fixture
def links(roles: Roles, clock: Clock) -> S3PresignedUrls:
    return S3PresignedUrls(roles, ROLE, clock)  # type: ignore[arg-type]


def uploaded(account: Cloud, key: str, body: bytes) -> SourceObject:
    return S3InputBucket(account.s3).find(account.put(key, body))


def somewhere(key: str = "a.jpg", version: str | None = "v1") -> SourceObject:
    return SourceObject(INPUT, key, version, "e", 3, START)


def query(link: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}


@pytest.mark.parametrize("key", ["a.jpg", *AWKWARD])
def test_whoever_has_the_link_gets_the_bytes(account: Cloud, links: S3PresignedUrls, key: str) -> None:
    link = links.sign(uploaded(account, key, b"the bytes of " + key.encode()), NAME, "image/jpeg", 900)
    assert requests.get(link, timeout=5).content == b"the bytes of " + key.encode()


def test_the_link_gives_the_version_that_it_was_minted_for(account: Cloud, links: S3PresignedUrls) -> None:
    older = uploaded(account, "a.jpg", b"older")
    uploaded(account, "a.jpg", b"newer")
    assert requests.get(links.sign(older, NAME, "image/jpeg", 900), timeout=5).content == b"older"


def test_an_unversioned_objects_link_names_no_version(clock: Clock) -> None:
    with cloud(versioned=False, emulated=["s3", "sts"]) as account:
        links = S3PresignedUrls(Roles(clock), ROLE, clock)  # type: ignore[arg-type]
        link = links.sign(uploaded(account, "a.jpg", b"the bytes"), NAME, "image/jpeg", 900)
        assert "versionId" not in query(link)
        assert requests.get(link, timeout=5).content == b"the bytes"


def test_the_answer_names_the_file_by_our_handle(account: Cloud, links: S3PresignedUrls) -> None:
    link = links.sign(uploaded(account, "a.jpg", b"x"), NAME, "image/jpeg", 900)
    assert query(link)["response-content-disposition"] == f'attachment; filename="{NAME}"'


def test_the_answer_says_the_pictures_own_content_type(account: Cloud, links: S3PresignedUrls) -> None:
    """Vendors refuse a link to what does not call itself a picture, and many programs upload without a content type."""
    upload = account.put("a.jpg", b"x", ContentType="binary/octet-stream")
    link = links.sign(S3InputBucket(account.s3).find(upload), NAME, "image/jpeg", 900)
    assert requests.get(link, timeout=5).headers["content-type"] == "image/jpeg"


def test_the_query_says_which_version_and_for_how_long(links: S3PresignedUrls) -> None:
    said = query(links.sign(somewhere(), NAME, "image/jpeg", 900))
    assert (said["versionId"], said["X-Amz-Expires"]) == ("v1", "900")
    assert {"X-Amz-Signature", "X-Amz-Security-Token"} <= said.keys()


@pytest.mark.parametrize("key", AWKWARD)
def test_the_path_is_the_key_as_it_is(links: S3PresignedUrls, key: str) -> None:
    parts = urlsplit(links.sign(somewhere(key), NAME, "image/jpeg", 900))
    assert unquote(parts.path) == f"/{key}"
    assert parts.fragment == ""


def test_the_link_is_https_and_goes_to_the_buckets_own_host(links: S3PresignedUrls) -> None:
    parts = urlsplit(links.sign(somewhere(), NAME, "image/jpeg", 900))
    assert (parts.scheme, parts.netloc) == ("https", f"{INPUT}.s3.eu-central-1.amazonaws.com")


# --- sessions that sign the links


def test_the_session_is_of_the_role_and_an_hour_long(links: S3PresignedUrls, roles: Roles) -> None:
    links.sign(somewhere(), NAME, "image/jpeg", 900)
    ((role, seconds),) = [(asked["RoleArn"], asked["DurationSeconds"]) for asked in roles.begun]
    assert (role, seconds) == (ROLE, 3600)


def test_a_session_signs_as_long_as_its_links_live_in_it(links: S3PresignedUrls, roles: Roles, clock: Clock) -> None:
    links.sign(somewhere(), NAME, "image/jpeg", 900)
    clock.advance(HOUR - timedelta(seconds=900 + 60))
    links.sign(somewhere(), NAME, "image/jpeg", 900)
    assert len(roles.begun) == 1


def test_a_session_that_the_link_would_outlive_is_renewed(links: S3PresignedUrls, roles: Roles, clock: Clock) -> None:
    links.sign(somewhere(), NAME, "image/jpeg", 900)
    clock.advance(HOUR - timedelta(seconds=900 + 59))
    links.sign(somewhere(), NAME, "image/jpeg", 900)
    assert len(roles.begun) == 2


def test_a_longer_link_may_need_another_session_than_a_short_one(
    links: S3PresignedUrls, roles: Roles, clock: Clock
) -> None:
    links.sign(somewhere(), NAME, "image/jpeg", 60)
    clock.advance(HOUR / 2)
    links.sign(somewhere(), NAME, "image/jpeg", 60)
    links.sign(somewhere(), NAME, "image/jpeg", 1800)
    assert len(roles.begun) == 2


@pytest.mark.parametrize("seconds", [1, 900, 1800])
def test_no_link_outlives_its_session(links: S3PresignedUrls, roles: Roles, clock: Clock, seconds: int) -> None:
    began: list[datetime] = []
    for _ in range(30):
        links.sign(somewhere(), NAME, "image/jpeg", seconds)
        began += [clock()] * (len(roles.begun) - len(began))
        assert clock() + timedelta(seconds=seconds) < began[-1] + HOUR
        clock.advance(timedelta(minutes=7))


def test_the_text_form_shows_no_credential(links: S3PresignedUrls) -> None:
    said = query(links.sign(somewhere(), NAME, "image/jpeg", 900))
    shown = repr(links)
    secrets = (said["X-Amz-Security-Token"], said["X-Amz-Signature"], said["X-Amz-Credential"].split("/")[0])
    assert not [secret for secret in secrets if secret in shown]
    assert "Credential" not in shown
