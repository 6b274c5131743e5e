"""Tests what template.yaml promises about least privilege, encryption, transport and retention."""

from __future__ import annotations

import json
import re

from tests.rows import each_row
from tests.unit.template_support import (
    ALL_FUNCTIONS,
    RESOURCES,
    ROOT,
    actions,
    granted,
    mentions,
    of_type,
    statements,
    target,
)

NEEDS_EVERY_RESOURCE = {
    "SendTraces": "X-Ray has no resources to name",
    "DeliverLogs": "log delivery is granted for the account as a whole",
}
OF_A_NOTE = {"told_process_id", "times_told"}
OF_A_DUE_SUBMIT = {"attempt", "lost_at", "lease_until", "next_attempt_at", "due_at"}
OF_A_TOKEN = {"task_token"}


# --- least privilege


@each_row("role", of_type("AWS::IAM::Role"))
def test_a_role_names_its_resources_and_actions(role: str) -> None:
    for statement in statements(role):
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        assert statement["Sid"] in NEEDS_EVERY_RESOURCE or "*" not in resources
        assert not any("*" in action for action in actions(statement))
    assert "ManagedPolicyArns" not in RESOURCES[role]["Properties"]


def test_the_ledger_is_never_scanned_and_nothing_in_it_is_deleted() -> None:
    rows = {"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"}
    assert granted("Submit", "dynamodb") == rows | {"dynamodb:PutItem"}  # claiming a job writes a new row
    assert granted("Finalize", "dynamodb") == rows
    assert granted("Poll", "dynamodb") == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    assert not rows & (granted("Sweep", "dynamodb") - granted("Poll", "dynamodb"))


def test_sweep_may_do_exactly_this() -> None:
    assert sorted((target(s), tuple(actions(s))) for s in statements("SweepRole")) == sorted(
        [
            ("log-group:${SweepLogs}:*", ("logs:CreateLogStream", "logs:PutLogEvents")),
            ("*", ("xray:PutTraceSegments", "xray:PutTelemetryRecords")),
            ("ApiKeys.Id", ("secretsmanager:GetSecretValue",)),
            (
                "ledger",
                ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem", "dynamodb:Query"),
            ),
            ("ledger/index/OpenJobs", ("dynamodb:Query",)),
            ("ledger/index/JobsByDay", ("dynamodb:Query",)),
            ("IntakeQueue.Arn", ("sqs:SendMessage",)),
            ("input bucket", ("s3:ListBucketVersions",)),
            ("output bucket", ("s3:ListBucketMultipartUploads",)),
            ("output bucket/*", ("s3:AbortMultipartUpload",)),
            ("StateMachine", ("states:StartExecution",)),
            ("execution:${StateMachine.Name}:*", ("states:DescribeExecution",)),
            ("event-bus/default", ("events:PutEvents",)),
        ]
    )


def test_callback_may_do_exactly_this_and_read_no_api_key() -> None:
    assert sorted((target(s), tuple(actions(s))) for s in statements("CallbackRole")) == sorted(
        [
            ("log-group:${CallbackLogs}:*", ("logs:CreateLogStream", "logs:PutLogEvents")),
            ("ledger", ("dynamodb:GetItem",)),
            ("ledger", ("dynamodb:UpdateItem",)),
            ("IntakeQueue.Arn", ("sqs:SendMessage",)),
            ("StateMachine", ("states:SendTaskSuccess",)),
        ]
    )


def test_callback_and_the_state_machine_write_only_what_callbacks_need_into_jobs() -> None:
    """A condition on attributes counts every name in a request: those of its conditions too."""
    for role, written in (("CallbackRole", OF_A_NOTE | OF_A_DUE_SUBMIT), ("StateMachineRole", OF_A_TOKEN)):
        (update,) = (s for s in statements(role) if "dynamodb:UpdateItem" in actions(s))
        allowed = update["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"]
        assert set(allowed) == {"pk", "sk", "run", "status", "told_at"} | written
        assert update["Condition"]["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["JOB#*"]}


def test_callback_reads_jobs_its_key_and_the_ledgers_owner_and_no_month() -> None:
    (read,) = (s for s in statements("CallbackRole") if "dynamodb:GetItem" in actions(s))
    assert read["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["CALLBACKS", "LEDGER", "JOB#*"]}}


def test_what_only_callbacks_need_is_there_only_with_callbacks() -> None:
    (policy,) = RESOURCES["StateMachineRole"]["Properties"]["Policies"]
    (token,) = (s["Fn::If"] for s in policy["PolicyDocument"]["Statement"] if "Fn::If" in s)
    assert (token[0], token[2]) == ("CallbacksOn", {"Ref": "AWS::NoValue"})
    assert {n for n, r in RESOURCES.items() if r.get("Condition") == "CallbacksOn"} == {
        "Callback",
        "CallbackRole",
        "CallbackLogs",
    }
    url = RESOURCES["Submit"]["Properties"]["Environment"]["Variables"]["CALLBACK_URL"]["Fn::If"]
    assert url == ["CallbacksOn", {"Fn::GetAtt": "CallbackUrl.FunctionUrl"}, ""]


def test_the_schedule_may_invoke_sweep_and_nothing_else_and_serves_this_account_only() -> None:
    (statement,) = statements("SweepSchedulerRole")
    assert (actions(statement), target(statement)) == (["lambda:InvokeFunction"], "Sweep.Arn")
    (trust,) = RESOURCES["SweepSchedulerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    schedule = RESOURCES["Sweep"]["Properties"]["Events"]["EveryMinute"]["Properties"]
    assert schedule["RoleArn"] == {"Fn::GetAtt": "SweepSchedulerRole.Arn"}


def test_every_function_has_a_role_and_a_log_of_its_own() -> None:
    roles = [function["Properties"]["Role"]["Fn::GetAtt"] for function in of_type("AWS::Serverless::Function").values()]
    assert sorted(roles) == sorted(f"{name}Role.Arn" for name in ALL_FUNCTIONS)
    for name in ALL_FUNCTIONS:
        (trust,) = RESOURCES[f"{name}Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
        (write,) = (s for s in statements(f"{name}Role") if s["Sid"] == "WriteOwnLogs")
        assert target(write) == f"log-group:${{{name}Logs}}:*"


def test_every_statement_says_what_it_is_for_once() -> None:
    for role in of_type("AWS::IAM::Role"):
        sids = [statement["Sid"] for statement in statements(role)]
        assert len(set(sids)) == len(sids)


def test_submit_looks_at_reports_and_at_what_a_result_would_overwrite() -> None:
    (looks,) = (s for s in statements("SubmitRole") if target(s) == "output bucket/*")
    assert actions(looks) == ["s3:GetObject"]
    lists = {target(s) for s in statements("SubmitRole") if "s3:ListBucket" in actions(s)}
    assert lists == {"input bucket", "output bucket"}


def test_poll_touches_no_bucket_queue_machine_or_bus() -> None:
    assert not [action for service in ("s3", "sqs", "states", "events", "kms") for action in granted("Poll", service)]


@each_row("function", ALL_FUNCTIONS)
def test_no_function_may_change_what_was_uploaded(function: str) -> None:
    for statement in statements(f"{function}Role"):
        if mentions(statement["Resource"], "InputBucketName"):
            assert not [a for a in actions(statement) if a.startswith(("s3:Put", "s3:Delete", "s3:Abort"))]


@each_row(("function", "places"), [("Submit", {"_failed"}), ("Finalize", {"_failed", "_darkroom/incoming"})])
def test_only_reports_and_what_was_staged_are_removed(function: str, places: set[str]) -> None:
    removes = {target(s) for s in statements(f"{function}Role") if "s3:DeleteObject" in actions(s)}
    proven = {"output bucket/_darkroom/storage-check"} if function == "Finalize" else set()
    assert removes == {f"output bucket/{place}/*" for place in places} | proven


def test_only_what_proved_that_results_can_be_stored_is_removed_with_its_version() -> None:
    versions = [
        (role, target(s))
        for role in of_type("AWS::IAM::Role")
        for s in statements(role)
        if "s3:DeleteObjectVersion" in actions(s)
    ]
    assert versions == [("FinalizeRole", "output bucket/_darkroom/storage-check")]


def test_submit_may_have_finalize_check_the_storage_and_invokes_nothing_else() -> None:
    invokes = [target(s) for s in statements("SubmitRole") if "lambda:InvokeFunction" in actions(s)]
    assert invokes == ["Finalize.Arn"]


def test_submit_writes_what_it_stages_and_reports_and_no_result() -> None:
    writes = {target(s) for s in statements("SubmitRole") if "s3:PutObject" in actions(s)}
    assert writes == {"output bucket/_failed/*", "output bucket/_darkroom/incoming/*"}


def test_submit_aborts_uploads_of_what_it_stages_only() -> None:
    aborts = {target(s) for s in statements("SubmitRole") if "s3:AbortMultipartUpload" in actions(s)}
    assert aborts == {"output bucket/_darkroom/incoming/*"}


# --- links


def test_a_link_may_read_uploads_and_nothing_else() -> None:
    reads, keys = statements("LinkRole")
    assert (target(reads), actions(reads)) == ("input bucket/*", ["s3:GetObject", "s3:GetObjectVersion"])
    assert (keys["Resource"], actions(keys)) == ({"Ref": "KmsKeyArns"}, ["kms:Decrypt"])


def test_only_submit_may_take_the_role_that_signs_links() -> None:
    (trust,) = RESOURCES["LinkRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"AWS": {"Fn::GetAtt": "SubmitRole.Arn"}}, "sts:AssumeRole")
    takers = {
        (role, target(s))
        for role in of_type("AWS::IAM::Role")
        for s in statements(role)
        if "sts:AssumeRole" in actions(s)
    }
    assert takers == {("SubmitRole", "LinkRole.Arn")}


def test_a_link_reads_with_customer_keys_only_when_they_are_named() -> None:
    (policy,) = RESOURCES["LinkRole"]["Properties"]["Policies"]
    (keys,) = (s["Fn::If"] for s in policy["PolicyDocument"]["Statement"] if "Fn::If" in s)
    assert (keys[0], keys[1]["Resource"]) == ("HasKmsKeys", {"Ref": "KmsKeyArns"})


def test_customer_keys_serve_s3_only() -> None:
    roles = [resource for resource in RESOURCES.values() if resource["Type"] == "AWS::IAM::Role"]
    policies = [policy for role in roles for policy in role["Properties"].get("Policies", [])]
    kept = [s["Fn::If"][1] for p in policies for s in p["PolicyDocument"]["Statement"] if "Fn::If" in s]
    keys = [statement for statement in kept if statement["Resource"] == {"Ref": "KmsKeyArns"}]
    through = {"Fn::Sub": "s3.${AWS::Region}.${AWS::URLSuffix}"}
    assert [statement["Condition"] for statement in keys] == [{"StringEquals": {"kms:ViaService": through}}] * 3


def test_no_upload_comes_before_submit_may_sign_links() -> None:
    assert RESOURCES["Submit"]["DependsOn"] == "SubmitLinks"


@each_row("function", ["Submit", "Finalize", "Sweep"])
def test_events_are_published_as_darkroom_only(function: str) -> None:
    (publish,) = (s for s in statements(f"{function}Role") if "events:PutEvents" in actions(s))
    assert publish["Condition"] == {"StringEqualsIfExists": {"events:source": "darkroom"}}


@each_row("function", ["Submit", "Finalize"])
def test_customer_keys_are_used_only_when_named(function: str) -> None:
    optional = [
        s for p in RESOURCES[f"{function}Role"]["Properties"]["Policies"] for s in p["PolicyDocument"]["Statement"]
    ]
    (keys,) = (s["Fn::If"] for s in optional if "Fn::If" in s)
    assert keys[0] == "HasKmsKeys"
    assert keys[1]["Resource"] == {"Ref": "KmsKeyArns"}


# --- encryption, transport, keeping


@each_row("name", of_type("AWS::S3::Bucket"))
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


@each_row("name", [*of_type("AWS::S3::BucketPolicy"), *of_type("AWS::SQS::QueuePolicy")])
def test_plain_http_is_refused(name: str) -> None:
    document = RESOURCES[name]["Properties"]["PolicyDocument"]
    (refusal,) = (s for s in document["Statement"] if s["Effect"] == "Deny")
    assert refusal["Principal"] == "*"
    assert refusal["Action"] in ("s3:*", "sqs:*")
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@each_row("name", of_type("AWS::SQS::QueuePolicy"))
def test_a_queue_takes_messages_of_our_rule_only(name: str) -> None:
    (allow,) = (s for s in RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow")
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "UploadRule.Arn"}}}


@each_row("name", of_type("AWS::SQS::Queue"))
def test_a_queue_is_encrypted_and_keeps_messages_for_14_days(name: str) -> None:
    assert RESOURCES[name]["Properties"]["SqsManagedSseEnabled"] is True
    assert RESOURCES[name]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_an_upload_that_cannot_be_taken_in_reaches_the_dead_letter_queue() -> None:
    dlq = {"Fn::GetAtt": "IntakeDlq.Arn"}
    redrive = RESOURCES["IntakeQueue"]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": dlq, "maxReceiveCount": 10}
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
        "OpenJobs": ["open_status", "due_at"],
        "JobsBySource": ["source_uri", "created_at"],
        "JobsByDay": ["day", "created_at"],
    }
    assert all(index["Projection"] == {"ProjectionType": "KEYS_ONLY"} for index in indexes.values())


def test_the_secret_is_kept_and_starts_as_an_empty_form() -> None:
    secret = RESOURCES["ApiKeys"]
    assert secret["DeletionPolicy"] == secret["UpdateReplacePolicy"] == "Retain"
    # Never change this text, because an update of the stack would then overwrite the user's keys with it.
    assert secret["Properties"]["SecretString"] == '{"topaz":"","aimlapi":"","oxen":"","uwear":""}'


@each_row("name", of_type("AWS::Logs::LogGroup"))
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


@each_row("role", of_type("AWS::IAM::Role"))
def test_every_permission_on_buckets_is_for_this_account_alone(role: str) -> None:
    """The name of a deleted bucket may be taken by a stranger, who would be sent the results."""
    own = {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    on_buckets = [s for s in statements(role) if any(action.startswith("s3:") for action in actions(s))]
    assert [s["Sid"] for s in on_buckets if s.get("Condition") != own] == []
