"""Tests that buckets and queues refuse requests over plain http, whoever sends them, so that nothing travels unencrypted.

The embedded cloud itself speaks only https. But it believes a proxy's header about the client's protocol, so the tests send
this header to make a request look like plain http. The template's policies must refuse it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from darkroom_local.emulator.embedded_cloud import Endpoint
from tests.e2e.deployed_application import Darkroom, picture

PLAIN = {"X-Forwarded-Proto": "http"}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture(scope="module")
def somebody(darkroom: Darkroom) -> Endpoint:
    """Return an endpoint of the cloud for a user who has all permissions in the account."""
    iam = darkroom.client("iam")
    iam.create_user(UserName="somebody")
    iam.put_user_policy(UserName="somebody", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
    key = iam.create_access_key(UserName="somebody")["AccessKey"]
    return replace(darkroom.stack.endpoint, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])


def client(endpoint: Endpoint, service: str, headers: dict[str, str]) -> Any:
    """Return a client that adds these headers to its requests."""
    made = endpoint.client(service)
    made.meta.events.register("before-send", lambda request, **_: request.headers.update(headers))
    return made


ASKED: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "InputBucket": ("s3", lambda s3, name: s3.list_objects_v2(Bucket=name)),
    "OutputBucket": ("s3", lambda s3, name: s3.list_objects_v2(Bucket=name)),
    "IntakeQueueUrl": ("sqs", lambda sqs, url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])),
    "IntakeDlqUrl": ("sqs", lambda sqs, url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])),
}


@pytest.mark.parametrize("output", ASKED)
def test_a_user_with_all_permissions_may_do_nothing_over_plain_http(
    darkroom: Darkroom, somebody: Endpoint, output: str
) -> None:
    service, ask = ASKED[output]
    ask(client(somebody, service, {}), darkroom.stack.outputs[output])
    with pytest.raises(ClientError) as refused:
        ask(client(somebody, service, PLAIN), darkroom.stack.outputs[output])
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_a_link_that_a_vendor_was_given_opens_over_https_only(darkroom: Darkroom) -> None:
    key = "photos/transport/linked.jpg"
    body = picture()
    darkroom.upload(key, body, "provider=uwear")
    assert darkroom.ended([key])[key]["status"] == "COMPLETED"
    (submit,) = darkroom.submits(key, "uwear")
    link = submit["image_url"]
    trust = ssl.create_default_context(cafile=darkroom.stack.endpoint.authority)
    with httpx.Client(verify=trust, trust_env=False) as vendor:
        assert link.startswith("https://")
        assert vendor.get(link).content == body
        assert vendor.get(link, headers=PLAIN).status_code == httpx.codes.FORBIDDEN


def test_the_cloud_itself_answers_over_https_only_and_to_those_who_trust_it(darkroom: Darkroom) -> None:
    url = darkroom.stack.endpoint.url
    with httpx.Client(trust_env=False) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.get(url)
        with pytest.raises(httpx.RemoteProtocolError):
            stranger.get(url.replace("https://", "http://"))
