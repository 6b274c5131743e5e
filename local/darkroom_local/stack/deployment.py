"""Deploys template.yaml through a CloudFormation change set, as `sam package` and `sam deploy` do on AWS.

The paths of code in the template are replaced by the addresses of the uploaded archives. The SAM transform, which is a part of
AWS, is applied here and not by the emulator, because each new emulator would have to import it first.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

from darkroom_local.emulator import gaps
from darkroom_local.emulator.embedded_cloud import Endpoint
from darkroom_local.stack import sam_transform
from darkroom_local.stack.packaging import Application

try:  # libyaml reads the template ten times as fast, and is in PyYAML's wheels, but not in each build of PyYAML
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

STACK = "darkroom"
_ARTIFACTS = "darkroom-artifacts"
_LOOK_SECONDS, _PATIENCE_SECONDS = 0.2, 120
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
_FUNCTION, _LAYER = "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"
# Resource type → the property with the path of its code on disk. `sam package` changes the same properties.
_CODE_PROPERTY = {_FUNCTION: "CodeUri", _LAYER: "ContentUri", "AWS::Serverless::StateMachine": "DefinitionUri"}


class DeploymentFailed(Exception):
    """CloudFormation could not deploy the stack. The message names the resources that failed, and the reasons."""


class _Loader(SafeLoader):
    """Reads YAML and turns CloudFormation's short tags (`!Ref`, `!Sub`, …) into their long forms."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def read_template(application: Application) -> dict[str, Any]:
    """Return the parsed template, with CloudFormation's short tags in their long forms."""
    template: dict[str, Any] = yaml.load(application.template.read_text(), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    return template


def deploy(
    endpoint: Endpoint, application: Application, parameters: Mapping[str, str], stack: str = STACK
) -> dict[str, str]:
    """Create or update the stack and return its outputs. Raises DeploymentFailed. Repeat safe."""
    s3 = endpoint.client("s3")
    s3.create_bucket(Bucket=_ARTIFACTS)
    template = read_template(application)
    for properties, name, resource_type in _code_places(template):
        value = properties[name]
        if isinstance(value, str) and "://" not in value:
            properties[name] = _upload(s3, _artifact(application, resource_type, value))
    body = json.dumps(_transformed(template, endpoint), default=str).encode()
    url = f"{endpoint.url}/{_upload(s3, body).removeprefix('s3://')}"
    outputs = _through_change_set(endpoint.client("cloudformation"), stack, url, parameters)
    gaps.mend(endpoint)
    return outputs


def put_api_keys(endpoint: Endpoint, secret_arn: str, keys: Mapping[str, str]) -> None:
    """Store the providers' API keys in the stack's secret."""
    endpoint.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=json.dumps(dict(keys)))


def _transformed(template: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    try:
        return sam_transform.transformed(template, endpoint.region)
    except sam_transform.TemplateRefused as refused:
        raise DeploymentFailed(str(refused)) from refused


def _code_places(template: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield every property that names code on disk, as (the mapping with the property, the property's name, the resource
    type)."""
    for resource in template["Resources"].values():
        name = _CODE_PROPERTY.get(resource["Type"])
        if name is not None and name in resource.get("Properties", {}):
            yield resource["Properties"], name, resource["Type"]
    defaults = template.get("Globals", {}).get("Function", {})
    if "CodeUri" in defaults:
        yield defaults, "CodeUri", _FUNCTION


def _artifact(application: Application, resource_type: str, value: str) -> bytes:
    if resource_type == _LAYER:
        return application.layer_archive()
    path = application.root / value
    return application.code_archive(path) if path.is_dir() else path.read_bytes()


def _upload(s3: Any, body: bytes) -> str:
    key = hashlib.sha256(body).hexdigest()[:32]
    s3.put_object(Bucket=_ARTIFACTS, Key=key, Body=body)
    return f"s3://{_ARTIFACTS}/{key}"


def _through_change_set(
    cloudformation: Any, stack: str, template_url: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    from botocore.exceptions import ClientError, WaiterError  # not at the top: a command says its first line before

    exists = _is_up(cloudformation, stack)
    name = f"deploy-{time.time_ns()}"  # a new one, because the emulator keeps the change sets that were executed
    quickly = {"Delay": _LOOK_SECONDS, "MaxAttempts": int(_PATIENCE_SECONDS / _LOOK_SECONDS)}
    try:
        change_set = cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateURL=template_url,
            Capabilities=_CAPABILITIES,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )["Id"]
        cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=change_set, WaiterConfig=quickly)
        cloudformation.execute_change_set(ChangeSetName=change_set)
        waiter = "stack_update_complete" if exists else "stack_create_complete"
        cloudformation.get_waiter(waiter).wait(StackName=stack, WaiterConfig=quickly)
    except WaiterError as error:
        raise DeploymentFailed(_reasons(cloudformation, stack) or str(error)) from error
    except ClientError as refused:
        raise DeploymentFailed(refused.response["Error"]["Message"]) from refused
    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def _is_up(cloudformation: Any, stack: str) -> bool:
    stacks = cloudformation.get_paginator("describe_stacks").paginate()
    return any(found["StackName"] == stack for page in stacks for found in page["Stacks"])


def _reasons(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [e for e in events if e["ResourceStatus"].endswith("FAILED")]
    return "\n".join(f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', 'failed')}" for e in reversed(failed))
