"""Tests that our adapters' requests equal the published ones, field for field. Each test goes from tags through
settings and planning to the adapter.

The published requests are data in `tests.unit.published_requests`, with the few differences and their reasons.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, NO_TLS, Keys, Vendor, answer
from tests.fakes.result_server import Host, resolve
from tests.rows import each_row
from tests.unit.published_requests import AIMLAPI_PAGE, EXAMPLES, IMAGE, INPUT_FIELDS, LEFT_OUT, TRANSPORT, Published
from tests.unit.template_support import TEMPLATE
from tests.unit.wire_support import LINKED, Kept, planned, split

from darkroom import catalog
from darkroom.errors import InvalidSetting
from darkroom.model import ImageFacts, ImageFormat
from darkroom.ports import ImageStream
from darkroom.providers import http_client
from darkroom.providers.aimlapi import Aimlapi
from darkroom.providers.downloads import Downloads
from darkroom.providers.oxen import Oxen
from darkroom.providers.topaz import Topaz
from darkroom.providers.uwear import Uwear

__all__ = ["resolve"]  # pytest must find this automatic fixture here

ADAPTERS: Mapping[str, Any] = {"aimlapi": Aimlapi, "oxen": Oxen, "topaz": Topaz, "uwear": Uwear}
CONTENT = b"\xff\xd8\xff\xe0 not really"
UPLOADED = ImageStream(lambda: io.BytesIO(CONTENT), LINKED.link, len(CONTENT), "image/jpeg", ".jpeg")
RESULT = [{"url": "https://results.example.test/1.png"}]
# One answer that the adapter of every vendor reads as an acceptance.
ACCEPTED = {
    "data": RESULT, "images": RESULT, "generations": [{"generation_id": "g-1"}], "generation_id": 1, "process_id": "p-1",
    "duration": 30, "credits": 2,
}  # fmt: skip
PICTURES = {
    "topaz": ImageFacts(ImageFormat.JPEG, 1920, 1080),
    "aimlapi": ImageFacts(ImageFormat.PNG, 1200, 800),
    "oxen": ImageFacts(ImageFormat.PNG, 1200, 800),
    "uwear": ImageFacts(ImageFormat.PNG, 1200, 800),
}
EACH = each_row("published", EXAMPLES, ids=lambda published: published.cited)


def base_url(provider: str) -> str:
    """Return the base URL that template.yaml has as the provider's default."""
    return str(TEMPLATE["Parameters"][f"{provider.capitalize()}BaseUrl"]["Default"])


def sent_for(published: Published, **more: str) -> httpx.Request:
    """Return the only request that is sent for an upload with the tags of `published` and these further tags."""
    vendor = Vendor(answer(ACCEPTED, **{"X-Process-Id": "p-1"}))
    network: Callable[[httpx.Request], httpx.Response] = split(vendor, Host())
    client = http_client.new_client(NO_TLS, transport=httpx.MockTransport(network))
    provider = ADAPTERS[published.provider](
        base_url(published.provider), Keys("<KEY>"), client, Downloads(client, local=False)
    )
    facts = PICTURES[published.provider]
    plan = planned(published.provider, facts, **{**published.tags, **more})
    if published.call == "estimate":
        provider.estimate(plan, facts.width, facts.height)
    else:
        provider.submit(plan, LINKED if plan.send_mode.by_link else UPLOADED, HANDLE, Kept())
    (request,) = vendor.requests
    return request


def fields_of(request: httpx.Request) -> dict[str, Any]:
    """Return the fields of the body: those of a JSON object, or the texts of a form, with a placeholder for the image."""
    kind = request.headers["content-type"]
    if kind == "application/json":
        fields = json.loads(request.content)
        assert isinstance(fields, dict)
        return fields
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.content)
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        assert name not in found
        found[str(name)] = _value(part.get_filename(), part.get_payload(decode=True))
    return found


def _value(filename: str | None, payload: Any) -> str:
    if filename is None:
        return bytes(payload).decode()
    assert payload == CONTENT
    return IMAGE


def headers_of(request: httpx.Request) -> Mapping[str, str]:
    """Return the headers without those in TRANSPORT and without the boundary of a form."""
    named = {name: value for name, value in request.headers.items() if name not in TRANSPORT}
    return {**named, "content-type": named["content-type"].partition(";")[0]}


@EACH
def test_our_request_goes_where_the_published_one_goes(published: Published) -> None:
    request = sent_for(published)
    url = published.url_differs[0] if published.url_differs else published.url
    assert (request.method, str(request.url)) == ("POST", url)


@EACH
def test_our_fields_are_the_published_ones_but_for_the_stated_differences(published: Published) -> None:
    ours, expected = fields_of(sent_for(published)), published.expected()
    assert ours == expected
    assert {name: type(value) for name, value in ours.items()} == {name: type(v) for name, v in expected.items()}


@EACH
def test_our_headers_are_the_published_ones_but_for_the_stated_differences(published: Published) -> None:
    assert headers_of(sent_for(published)) == published.expected_headers()


@EACH
def test_every_stated_difference_is_a_real_one(published: Published) -> None:
    for name, (ours, reason) in published.differs.items():
        assert published.fields.get(name, LEFT_OUT) != ours, name
        assert reason
    for name, (header, reason) in published.headers_differ.items():
        assert published.headers.get(name) != header, name
        assert reason


def test_a_difference_that_is_not_stated_would_be_noticed() -> None:
    for published in EXAMPLES:
        for name in published.differs:
            left = {other: value for other, value in published.differs.items() if other != name}
            assert fields_of(sent_for(published)) != replace(published, differs=left).expected(), (
                published.cited,
                name,
            )


def test_the_example_that_pairs_a_model_with_the_others_mode_is_refused_before_it_costs() -> None:
    (published,) = (example for example in EXAMPLES if example.cited == AIMLAPI_PAGE)
    with pytest.raises(InvalidSetting, match=r"mode='Super Focus V2' .* not valid for model topaz-labs/sharpen;"):
        sent_for(published, model=published.fields["model"])


def test_every_vendor_has_an_example_and_its_link_is_where_it_belongs() -> None:
    assert {published.provider for published in EXAMPLES} == set(catalog.providers())
    for published in EXAMPLES:
        if name := INPUT_FIELDS.get(published.provider):
            assert published.expected()[name] == LINKED.link()
