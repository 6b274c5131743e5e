"""What template.yaml promises: the stack's public contract; least privilege, encryption and keeping."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]

DEFAULTS: dict[str, str | int] = {
    "Provider": "topaz",
    "AllowedProviders": "topaz,aimlapi,oxen,uwear",
    "TopazBaseUrl": "https://api.topazlabs.com/image/v1",
    "AimlapiBaseUrl": "https://api.aimlapi.com",
    "OxenBaseUrl": "https://hub.oxen.ai/api",
    "UwearBaseUrl": "https://api.uwear.ai/api/v1",
    "DefaultSettings": "",
    "TagPrefix": "",
    "MonthlyCreditLimit": "0",
    "MaxCreditsPerJob": "0",
    "MonthlyBudgetUsd": "0",
    "CreditPriceUsd": "",
    "JobDeadlineHours": 24,
    "SubmitTimeoutSeconds": 300,
    "MaxConcurrentSubmits": 10,
    "InputBucketName": "",
    "OutputBucketName": "",
    "InputPrefix": "",
    "InputSuffixes": "",
    "KmsKeyArns": "",
    "LogRetentionDays": 30,
    "AlarmEmail": "",
}
OUTPUTS = {
    "InputBucket", "OutputBucket", "LedgerTable", "StateMachineArn",
    "ApiKeysSecretArn", "IntakeQueueUrl", "IntakeDlqUrl", "DashboardUrl",
}  # fmt: skip
FUNCTIONS = ("Submit", "Poll", "Finalize")
NEEDS_EVERY_RESOURCE = {
    "SendTraces": "X-Ray has no resources to name",
    "DeliverLogs": "log delivery is granted for the account as a whole",
}
MOST_SKIPPED_CHECKS = 10


class Loader(yaml.SafeLoader):
    """Reads `!Ref x` as {"Ref": "x"} and `!Other x` as {"Fn::Other": x}."""


def read_tag(loader: Loader, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)  # type: ignore[arg-type]
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", read_tag)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    found = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}
    assert found
    return found


def mentions(node: Any, name: str) -> bool:
    """Whether a Ref, GetAtt or Sub anywhere below names the parameter or resource."""
    if isinstance(node, dict):
        return any(
            (key == "Ref" and value == name)
            or (key == "Fn::GetAtt" and str(value).split(".")[0] == name)
            or (key == "Fn::Sub" and re.search(rf"\$\{{{name}[.}}]", json.dumps(value)) is not None)
            or mentions(value, name)
            for key, value in node.items()
        )
    return isinstance(node, list) and any(mentions(value, name) for value in node)


def statements(role: str) -> Iterator[dict[str, Any]]:
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def granted(function: str, service: str) -> set[str]:
    every = {action for statement in statements(f"{function}Role") for action in actions(statement)}
    return {action for action in every if action.startswith(f"{service}:")}


def environment(function: str) -> set[str]:
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = RESOURCES[function]["Properties"].get("Environment", {"Variables": {}})["Variables"]
    return set(shared) | set(own)


# --- the contract


def test_the_parameters_are_the_documented_ones_with_their_defaults() -> None:
    assert {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()} == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_parameter_is_described_bounded_and_used(name: str) -> None:
    parameter = TEMPLATE["Parameters"][name]
    assert parameter["Description"]
    assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter)
    assert mentions([TEMPLATE["Globals"], TEMPLATE["Resources"], TEMPLATE["Conditions"]], name)


@pytest.mark.parametrize("name", [name for name in DEFAULTS if "AllowedPattern" in TEMPLATE["Parameters"][name]])
def test_a_default_passes_its_own_pattern(name: str) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"][name]["AllowedPattern"], str(DEFAULTS[name]))


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("TopazBaseUrl", "http://127.0.0.1:9000/image/v1", "http://api.topazlabs.com/image/v1"),
        ("TopazBaseUrl", "https://proxy.example:8443/topaz", "https://user@proxy.example/topaz"),
        ("MonthlyCreditLimit", "topaz=500,aimlapi=20000000", "topaz=five"),
        ("CreditPriceUsd", "topaz=0.12", "0.12"),
        ("DefaultSettings", "model=Standard V2,scale=2", "model"),
        ("InputSuffixes", ".jpg,.JPG,.png", ".jpg, .png"),
        ("InputSuffixes", ",".join(f".{n}" for n in range(10)), ",".join(f".{n}" for n in range(11))),
        ("InputPrefix", "été 2026/", "in*/"),
        ("KmsKeyArns", "arn:aws:kms:eu-west-1:123456789012:key/0b1c-2d", "alias/mine"),
        ("AlarmEmail", "ops@example.com", "ops"),
    ],
)
def test_a_pattern_lets_the_right_values_through(name: str, good: str, bad: str) -> None:
    pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
    assert re.fullmatch(pattern, good)
    assert not re.fullmatch(pattern, bad)


def test_the_outputs_are_the_documented_ones() -> None:
    assert set(TEMPLATE["Outputs"]) == OUTPUTS


def test_the_same_bucket_for_input_and_output_is_refused() -> None:
    (assertion,) = TEMPLATE["Rules"]["BucketsDiffer"]["Assertions"]
    assert mentions(assertion, "InputBucketName")
    assert mentions(assertion, "OutputBucketName")


def test_ten_suffixes_fit_the_rule_with_and_without_a_prefix() -> None:
    key = RESOURCES["UploadRule"]["Properties"]["EventPattern"]["detail"]["object"]["key"]
    _, (_, with_prefix, without), neither = key["Fn::If"][0], key["Fn::If"][1]["Fn::If"], key["Fn::If"][2]
    assert [set(matcher) for matcher in with_prefix] == [{"wildcard"}] * 10
    assert [set(matcher) for matcher in without] == [{"suffix"}] * 10
    assert [matcher["suffix"]["Fn::Select"][0] for matcher in without] == list(range(10))
    assert neither == [{"prefix": {"Ref": "InputPrefix"}}]


# --- functions


def test_the_functions_run_python_3_13_on_arm_with_traces() -> None:
    shared = TEMPLATE["Globals"]["Function"]
    assert shared["Runtime"] == "python3.13"
    assert shared["Architectures"] == ["arm64"]
    assert shared["Tracing"] == "Active"
    assert set(of_type("AWS::Serverless::Function")) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_file_its_role_and_its_log(name: str) -> None:
    function = RESOURCES[name]["Properties"]
    assert function["Handler"] == f"{name.lower()}.handler"
    assert function["Role"] == {"Fn::GetAtt": f"{name}Role.Arn"}
    assert function["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": {"Ref": f"{name}Logs"}}
    assert "Policies" not in function


def test_one_value_sets_the_time_out_and_the_visibility_of_a_submit() -> None:
    seconds = {"Ref": "SubmitTimeoutSeconds"}
    assert RESOURCES["Submit"]["Properties"]["Timeout"] == seconds
    assert RESOURCES["IntakeQueue"]["Properties"]["VisibilityTimeout"] == seconds


def test_submit_takes_one_message_at_a_time_and_answers_with_partial_failures() -> None:
    source = RESOURCES["Submit"]["Properties"]["Events"]["Intake"]["Properties"]
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "MaxConcurrentSubmits"}}


def test_only_submit_is_told_what_a_submission_may_cost() -> None:
    buckets = {"INPUT_BUCKET", "OUTPUT_BUCKET"}
    limits = {"MONTHLY_CREDIT_LIMIT", "MAX_CREDITS_PER_JOB", "MONTHLY_BUDGET_USD", "CREDIT_PRICE_USD"}
    assert limits | buckets <= environment("Submit")
    assert not (limits | buckets) & environment("Poll")
    assert buckets <= environment("Finalize")
    assert not limits & environment("Finalize")


# --- least privilege


@pytest.mark.parametrize("role", of_type("AWS::IAM::Role"))
def test_a_role_names_its_resources_and_actions(role: str) -> None:
    for statement in statements(role):
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        assert statement["Sid"] in NEEDS_EVERY_RESOURCE or "*" not in resources
        assert not any("*" in action for action in actions(statement))
    assert "ManagedPolicyArns" not in RESOURCES[role]["Properties"]


def test_the_ledger_is_never_scanned_and_nothing_in_it_is_deleted() -> None:
    rows = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"}
    assert granted("Submit", "dynamodb") == rows
    assert granted("Finalize", "dynamodb") == rows
    assert granted("Poll", "dynamodb") == {"dynamodb:GetItem", "dynamodb:UpdateItem"}


def test_poll_touches_no_bucket_queue_machine_or_bus() -> None:
    assert not [action for service in ("s3", "sqs", "states", "events", "kms") for action in granted("Poll", service)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_may_change_what_was_uploaded(function: str) -> None:
    for statement in statements(f"{function}Role"):
        if mentions(statement["Resource"], "InputBucketName"):
            assert not [a for a in actions(statement) if a.startswith(("s3:Put", "s3:Delete", "s3:Abort"))]


@pytest.mark.parametrize("function", ["Submit", "Finalize"])
def test_objects_are_removed_under_failed_only(function: str) -> None:
    for statement in statements(f"{function}Role"):
        if "s3:DeleteObject" in actions(statement):
            assert statement["Resource"]["Fn::Sub"][0].endswith("/_failed/*")


@pytest.mark.parametrize("function", ["Submit", "Finalize"])
def test_events_are_published_as_darkroom_only(function: str) -> None:
    (publish,) = (s for s in statements(f"{function}Role") if "events:PutEvents" in actions(s))
    assert publish["Condition"] == {"StringEqualsIfExists": {"events:source": "darkroom"}}


@pytest.mark.parametrize("function", ["Submit", "Finalize"])
def test_customer_keys_are_used_only_when_named(function: str) -> None:
    optional = [
        s for p in RESOURCES[f"{function}Role"]["Properties"]["Policies"] for s in p["PolicyDocument"]["Statement"]
    ]
    (keys,) = (s["Fn::If"] for s in optional if "Fn::If" in s)
    assert keys[0] == "HasKmsKeys"
    assert keys[1]["Resource"] == {"Ref": "KmsKeyArns"}


# --- encryption, transport, keeping


@pytest.mark.parametrize("name", of_type("AWS::S3::Bucket"))
def test_a_created_bucket_is_private_encrypted_versioned_and_kept(name: str) -> None:
    bucket = RESOURCES[name]
    properties = bucket["Properties"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert rules["AbortUnfinishedUploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rules["ForgetOldVersions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_only_the_output_bucket_forgets_leftovers_and_only_the_input_bucket_sends_events() -> None:
    source, target = RESOURCES["InputBucket"]["Properties"], RESOURCES["OutputBucket"]["Properties"]
    leftovers = [rule for rule in target["LifecycleConfiguration"]["Rules"] if "Prefix" in rule]
    assert [(rule["Prefix"], rule["ExpirationInDays"]) for rule in leftovers] == [("_darkroom/", 1)]
    assert not [rule for rule in source["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    assert source["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert "NotificationConfiguration" not in target


@pytest.mark.parametrize("name", [*of_type("AWS::S3::BucketPolicy"), *of_type("AWS::SQS::QueuePolicy")])
def test_plain_http_is_refused(name: str) -> None:
    document = RESOURCES[name]["Properties"]["PolicyDocument"]
    (refusal,) = (s for s in document["Statement"] if s["Effect"] == "Deny")
    assert refusal["Principal"] == "*"
    assert refusal["Action"] in ("s3:*", "sqs:*")
    # No request reaches AWS from a loopback address: there the exception never applies.
    assert refusal["Condition"] == {
        "Bool": {"aws:SecureTransport": "false"},
        "NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"},
    }


@pytest.mark.parametrize("name", of_type("AWS::SQS::QueuePolicy"))
def test_a_queue_takes_messages_of_our_rule_only(name: str) -> None:
    (allow,) = (s for s in RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow")
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "UploadRule.Arn"}}}


@pytest.mark.parametrize("name", of_type("AWS::SQS::Queue"))
def test_a_queue_is_encrypted_and_keeps_messages_for_14_days(name: str) -> None:
    assert RESOURCES[name]["Properties"]["SqsManagedSseEnabled"] is True
    assert RESOURCES[name]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_an_upload_that_cannot_be_taken_in_reaches_the_dead_letter_queue() -> None:
    dlq = {"Fn::GetAtt": "IntakeDlq.Arn"}
    redrive = RESOURCES["IntakeQueue"]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": dlq, "maxReceiveCount": 5}
    (target,) = RESOURCES["UploadRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": dlq}


def test_the_ledger_is_kept_recoverable_and_forgets_by_expires_at() -> None:
    table = RESOURCES["LedgerTable"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    indexes = {index["IndexName"]: index for index in properties["GlobalSecondaryIndexes"]}
    assert {name: [key["AttributeName"] for key in index["KeySchema"]] for name, index in indexes.items()} == {
        "OpenJobs": ["open_status", "open_since"],
        "JobsBySource": ["source_uri", "created_at"],
        "JobsByDay": ["day", "created_at"],
    }
    assert all(index["Projection"] == {"ProjectionType": "KEYS_ONLY"} for index in indexes.values())


def test_the_secret_is_kept_and_starts_as_an_empty_form() -> None:
    secret = RESOURCES["ApiKeys"]
    assert secret["DeletionPolicy"] == secret["UpdateReplacePolicy"] == "Retain"
    # Never change this text: an update of the stack would write it over the user's keys.
    assert secret["Properties"]["SecretString"] == '{"topaz":"","aimlapi":"","oxen":"","uwear":""}'


@pytest.mark.parametrize("name", of_type("AWS::Logs::LogGroup"))
def test_logs_are_forgotten_when_the_operator_says(name: str) -> None:
    assert RESOURCES[name]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_state_machine_keeps_no_payloads_and_its_definition_gets_every_arn_it_asks_for() -> None:
    machine = RESOURCES["StateMachine"]["Properties"]
    assert machine["Type"] == "STANDARD"
    assert machine["Logging"]["Level"] == "ERROR"
    assert machine["Logging"]["IncludeExecutionData"] is False
    definition = (ROOT / machine["DefinitionUri"]).read_text()
    assert set(re.findall(r"\$\{(\w+)\}", definition)) == set(machine["DefinitionSubstitutions"])


def test_a_task_waits_longer_than_its_function_may_run() -> None:
    states = json.loads((ROOT / "statemachine" / "darkroom.asl.json").read_text())["States"]
    for name in ("Poll", "Finalize"):
        assert states[name]["TimeoutSeconds"] > RESOURCES[name]["Properties"]["Timeout"]


def test_alarms_are_always_there_and_mailed_only_to_a_given_address() -> None:
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        condition, when_given, _ = alarm["Properties"]["AlarmActions"]["Fn::If"]
        assert (condition, when_given) == ("HasAlarmEmail", [{"Ref": "AlarmTopic"}])
    assert RESOURCES["AlarmTopic"]["Condition"] == "HasAlarmEmail"


# --- gates


def test_few_checks_are_skipped_and_each_says_why() -> None:
    skips = [skip for r in RESOURCES.values() for skip in r.get("Metadata", {}).get("checkov", {}).get("skip", [])]
    assert all(skip["comment"] for skip in skips)
    assert len({skip["id"] for skip in skips}) <= MOST_SKIPPED_CHECKS


def test_what_ships_is_pinned_and_leaves_boto3_to_the_runtime() -> None:
    lines = (ROOT / "layers" / "core" / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)
    assert not [pin for pin in pins if pin.startswith(("boto", "s3transfer"))]


@pytest.mark.parametrize("path", sorted((ROOT / "events").glob("*.json")), ids=lambda path: path.name)
def test_a_sample_event_is_json_and_names_no_account_of_anybody(path: Path) -> None:
    text = path.read_text()
    assert json.loads(text)
    assert set(re.findall(r"(?<![0-9a-f])\d{12}(?![0-9a-f])", text)) <= {"123456789012"}
