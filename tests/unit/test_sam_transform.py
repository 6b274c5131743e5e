"""Tests the SAM transform that the local stack applies to the template, instead of the emulator."""

from __future__ import annotations

import copy

import pytest
from ministack.services.cloudformation import engine

from darkroom_local.stack import deployment
from darkroom_local.stack.packaging import find_application
from darkroom_local.stack.sam_transform import TemplateRefused, transformed

REGION = "us-east-1"


def test_the_template_becomes_what_the_emulator_would_make_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    template = deployment.read_template(find_application())
    for properties, name, _ in deployment._code_places(template):
        properties[name] = f"s3://artifacts/{name}"
    expected = engine._apply_transforms(copy.deepcopy(template))
    monkeypatch.setenv("AWS_PROFILE", "nobody")  # the operator's own configuration, which must not be read
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    made = transformed(template, REGION)
    assert made == expected
    assert not [one for one in made["Resources"].values() if one["Type"].startswith("AWS::Serverless")]


def test_a_template_that_asks_for_no_transform_stays_as_it_is() -> None:
    template = {"Resources": {"Function": {"Type": "AWS::Serverless::Function"}}}
    assert transformed(copy.deepcopy(template), REGION) == template


def test_a_wrong_template_is_refused_with_the_reason() -> None:
    wrong = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Submit": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "submit.handler"}}},
    }
    with pytest.raises(TemplateRefused, match=r"\[Submit\] is invalid. Only one of 'InlineCode' or 'CodeUri'"):
        transformed(wrong, REGION)
