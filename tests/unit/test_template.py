"""Tests what template.yaml promises about parameters, outputs, functions, alarms and costs. test_template_roles.py
tests the roles.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.rows import each_row
from tests.unit.template_support import (
    ALL_FUNCTIONS,
    FUNCTIONS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    cited,
    environment,
    mentions,
    of_type,
)

from darkroom import catalog
from darkroom.model import Alarm

DEFAULTS: dict[str, str | int] = {
    "Provider": "topaz",
    "AllowedProviders": "",
    "TopazBaseUrl": "https://api.topazlabs.com/image/v1",
    "AimlapiBaseUrl": "https://api.aimlapi.com",
    "OxenBaseUrl": "https://hub.oxen.ai/api",
    "UwearBaseUrl": "https://api.uwear.ai",
    "DefaultSettings": "",
    "SettingSpelling": "",
    "TagPrefix": "",
    "MetadataSettings": "",
    "MonthlyCreditLimit": "0",
    "MaxCreditsPerJob": "0",
    "MonthlyBudgetUsd": "0",
    "CreditPriceUsd": "",
    "JobDeadlineHours": 24,
    "SubmitTimeoutSeconds": 300,
    "MaxConcurrentSubmits": 5,
    "InputBucketName": "",
    "LedgerTableName": "",
    "OutputBucketName": "",
    "InputPrefix": "",
    "InputSuffixes": "",
    "KmsKeyArns": "",
    "RetainJobsDays": "0",
    "Callbacks": "off",
    "LogRetentionDays": 30,
    "AlarmEmail": "",
}
OUTPUTS = {
    "InputBucket", "OutputBucket", "LedgerTable", "StateMachineArn",
    "ApiKeysSecretArn", "IntakeQueueUrl", "IntakeDlqUrl", "DashboardUrl", "CallbackUrl",
}  # fmt: skip
MOST_SKIPPED_CHECKS = 11
NAMES = {
    "AlarmName", "BucketName", "DashboardName", "FunctionName", "LogGroupName", "QueueName", "RoleName", "TableName",
}  # fmt: skip
CALLS = [call.value for call in Alarm]
PROVISIONED = {
    "ProvisionedThroughput", "ProvisionedConcurrencyConfig", "ProvisionedPollerConfig", "ReservedConcurrentExecutions",
    "VpcConfig", "SnapStart",
}  # fmt: skip
ALARMS = of_type("AWS::CloudWatch::Alarm")
COSTS = (ROOT / "docs" / "costs.md").read_text()


def keys(node: Any) -> set[str]:
    """Return every key in the node, at any depth."""
    if isinstance(node, dict):
        return set(node) | {key for value in node.values() for key in keys(value)}
    return {key for value in node for key in keys(value)} if isinstance(node, list) else set()


# --- the contract


def test_the_parameters_are_the_documented_ones_with_their_defaults() -> None:
    assert {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()} == DEFAULTS


@each_row("name", DEFAULTS)
def test_a_parameter_is_described_bounded_and_used(name: str) -> None:
    parameter = TEMPLATE["Parameters"][name]
    assert parameter["Description"]
    assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter)
    assert mentions([TEMPLATE["Globals"], TEMPLATE["Resources"], TEMPLATE["Conditions"]], name)


@each_row("name", [name for name in DEFAULTS if "AllowedPattern" in TEMPLATE["Parameters"][name]])
def test_a_default_passes_its_own_pattern(name: str) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"][name]["AllowedPattern"], str(DEFAULTS[name]))


@each_row(
    ("name", "good", "bad"),
    [
        ("TopazBaseUrl", "http://127.0.0.1:9000/image/v1", "http://api.topazlabs.com/image/v1"),
        ("TopazBaseUrl", "https://proxy.example:8443/topaz", "https://user@proxy.example/topaz"),
        ("MonthlyCreditLimit", "topaz=500,aimlapi=20000000", "topaz=five"),
        ("CreditPriceUsd", "topaz=0.12", "0.12"),
        ("DefaultSettings", "model=Standard V2,scale=2", "model"),
        ("DefaultSettings", "prompt=a=b , scale= 2", "scale="),
        ("DefaultSettings", "scale=2", "scale=2,model="),
        ("DefaultSettings", "", "scale= ,model=CGI"),
        ("SettingSpelling", "topaz=snake,oxen=both", "topaz=Snake"),
        ("SettingSpelling", "", "snake"),
        ("InputSuffixes", ".jpg,.JPG,.png", ".jpg, .png"),
        ("InputSuffixes", ",".join(f".{n}" for n in range(10)), ",".join(f".{n}" for n in range(11))),
        ("InputPrefix", "été 2026/", "in*/"),
        ("KmsKeyArns", "arn:aws:kms:eu-west-1:123456789012:key/0b1c-2d", "alias/mine"),
        ("RetainJobsDays", "90", "89"),
        ("RetainJobsDays", "0", "30"),
        ("LedgerTableName", "darkroom-LedgerTable-1ABC", "my table"),
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


def test_ten_suffixes_fit_the_rule_which_spends_no_wildcard() -> None:
    """EventBridge refuses rules with many wildcards. If there is a prefix, submit checks the suffixes instead of the rule."""
    key = RESOURCES["UploadRule"]["Properties"]["EventPattern"]["detail"]["object"]["key"]
    condition, suffixes, otherwise = key["Fn::If"]
    *suffixes, folder_files = suffixes
    assert [set(matcher) for matcher in suffixes] == [{"suffix"}] * 10
    assert [matcher["suffix"]["Fn::Select"][0] for matcher in suffixes] == list(range(10))
    assert (condition, otherwise) == ("SuffixesOnly", [{"prefix": {"Ref": "InputPrefix"}}, folder_files])
    assert folder_files == {"suffix": "darkroom.toml"}
    assert "wildcard" not in keys(TEMPLATE)


# --- functions


def test_the_functions_run_python_3_13_on_arm_with_traces() -> None:
    shared = TEMPLATE["Globals"]["Function"]
    assert shared["Runtime"] == "python3.13"
    assert shared["Architectures"] == ["arm64"]
    assert shared["Tracing"] == "Active"
    assert set(of_type("AWS::Serverless::Function")) == set(ALL_FUNCTIONS)


@each_row("name", FUNCTIONS)
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


def test_the_memory_sizes_are_those_that_the_performance_page_gives_reasons_for() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    told = re.findall(r"^\| (\w+), (\d+) MB \|", page, re.MULTILINE)
    sizes = {name.lower(): RESOURCES[name]["Properties"]["MemorySize"] for name in FUNCTIONS}
    assert {name: int(size) for name, size in told} == sizes
    assert sizes["poll"] == 128


def test_only_submit_is_told_what_a_submission_may_cost() -> None:
    buckets = {"INPUT_BUCKET", "OUTPUT_BUCKET"}
    limits = {"MONTHLY_CREDIT_LIMIT", "MAX_CREDITS_PER_JOB", "MONTHLY_BUDGET_USD", "CREDIT_PRICE_USD"}
    assert limits | buckets <= environment("Submit")
    assert not (limits | {"OUTPUT_BUCKET"}) & environment("Poll")
    assert buckets <= environment("Finalize")
    assert not limits & environment("Finalize")
    assert buckets <= environment("Sweep")
    assert not limits & environment("Sweep")


def test_sweep_is_told_which_keys_are_uploads_as_the_rule_is_and_submit_what_it_may_not_hold() -> None:
    told = RESOURCES["Sweep"]["Properties"]["Environment"]["Variables"]
    assert told["INPUT_PREFIX"] == {"Ref": "InputPrefix"}
    assert told["INPUT_SUFFIXES"] == {"Ref": "InputSuffixes"}
    assert RESOURCES["Submit"]["Properties"]["Environment"]["Variables"]["INPUT_SUFFIXES"] == {"Ref": "InputSuffixes"}


def test_sweep_runs_each_minute_and_nobody_tries_a_run_again() -> None:
    sweep = RESOURCES["Sweep"]["Properties"]
    (schedule,) = sweep["Events"].values()
    assert schedule["Type"] == "ScheduleV2"
    assert schedule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Properties"]["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert sweep["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


def test_submit_and_what_it_invokes_may_run_more_often_for_one_upload_than_lambda_takes_for_an_accident() -> None:
    # Submit sends to its own queue, and in each such round it may invoke finalize for a proof of storage.
    allowed = {name for name in ALL_FUNCTIONS if RESOURCES[name]["Properties"].get("RecursiveLoop") == "Allow"}
    assert allowed == {"Submit", "Finalize"}


def test_two_stacks_in_one_account_share_no_names() -> None:
    """Each stack has its own names for its schedule, metrics, log groups and queues. Without a name in the template, SAM would
    give the schedules of two stacks the same name.
    """
    assert RESOURCES["Sweep"]["Properties"]["Events"]["EveryMinute"]["Properties"]["OmitName"] is True
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert shared["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    named = [v for r in RESOURCES.values() for k, v in r.get("Properties", {}).items() if k in NAMES]
    assert named
    assert all(mentions(name, "AWS::StackName") for name in named)


# --- alarms, dashboard, idle costs


def test_alarms_are_always_there_and_mailed_only_to_a_given_address() -> None:
    for alarm in ALARMS.values():
        condition, when_given, _ = alarm["Properties"]["AlarmActions"]["Fn::If"]
        assert (condition, when_given) == ("HasAlarmEmail", [{"Ref": "AlarmTopic"}])
    assert RESOURCES["AlarmTopic"]["Condition"] == "HasAlarmEmail"


@each_row("name", ALARMS)
def test_an_alarm_says_what_happened_and_where_to_read_on(name: str) -> None:
    description = ALARMS[name]["Properties"]["AlarmDescription"]
    assert re.fullmatch(r"\S[^\n]+; see docs/operations\.md", description)


def test_the_operations_page_has_one_row_for_every_alarm_and_no_other() -> None:
    rows = [name.strip("`") for row in cited("operations.md") for name in row["Alarm"].split(", ")]
    assert sorted(rows) == sorted(ALARMS)
    assert all(row["It means"] and row["What to do"] for row in cited("operations.md"))


def test_the_alarm_of_failed_runs_sends_nobody_to_a_report_that_a_cancelled_job_or_one_in_doubt_does_not_have() -> None:
    (row,) = (row for row in cited("operations.md") if row["Alarm"] == "`RunsFailedAlarm`")
    for text in (ALARMS["RunsFailedAlarm"]["Properties"]["AlarmDescription"], row["What to do"].replace("`", "")):
        assert "darkroom status" in text
        assert "a cancelled job or one in doubt has no report" in text


def test_the_alarm_of_an_overrun_names_the_catalogs_folder_and_the_deployment_of_its_correction() -> None:
    (row,) = (row["What to do"] for row in cited("operations.md") if row["Alarm"] == "`OverrunAlarm`")
    assert (ROOT / re.findall(r"`([^`]+/)`", row)[0] / "topaz.toml").is_file()
    assert row.index("correct the catalog") < row.index("sam build && sam deploy") < row.index("darkroom resume")


def test_each_call_for_a_person_has_its_alarm_which_listens_to_this_stack_only() -> None:
    ours = [alarm["Properties"] for alarm in ALARMS.values() if alarm["Properties"]["Namespace"] == "Darkroom"]
    assert sorted({alarm["MetricName"] for alarm in ours}) == sorted(CALLS)
    for alarm in ours:
        stack, *provider = alarm["Dimensions"]
        assert stack == {"Name": "service", "Value": {"Ref": "AWS::StackName"}}
        assert [one["Name"] for one in provider] == (["provider"] if alarm["MetricName"] == "CircuitOpen" else [])
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_each_provider_has_its_own_circuit_alarm() -> None:
    circuits = [a["Properties"] for a in ALARMS.values() if a["Properties"]["MetricName"] == "CircuitOpen"]
    assert sorted(alarm["Dimensions"][1]["Value"] for alarm in circuits) == [*catalog.providers()]


def test_only_the_silence_of_sweep_is_alarming() -> None:
    alarming = {name for name, a in ALARMS.items() if a["Properties"]["TreatMissingData"] != "notBreaching"}
    assert alarming == {"SweepSilentAlarm"}
    assert ALARMS["SweepSilentAlarm"]["Properties"]["TreatMissingData"] == "breaching"


def test_the_dashboard_shows_every_alarm_and_what_needs_a_person() -> None:
    board = json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    alarms, *graphs = board
    assert alarms["properties"]["alarms"] == [f"${{{name}.Arn}}" for name in ALARMS]
    shown = {graph["properties"]["title"]: graph["properties"]["metrics"] for graph in graphs}
    assert [metric[:4] for metric in shown["Needs a person"]] == [
        ["Darkroom", call, "service", "${AWS::StackName}"] for call in CALLS
    ]
    assert [metric[3] for metric in shown["Function errors"]] == [f"${{{name}}}" for name in FUNCTIONS]
    for graph in board:
        assert graph["x"] + graph["width"] <= 24
    metrics = sum(len(metrics) for metrics in shown.values())
    assert metrics <= 50  # a free dashboard has at most this many metrics
    assert f"1, with {metrics} metrics and {len(ALARMS)} alarms" in COSTS


@each_row(("partition", "console"), [
    ("aws", "console.aws.amazon.com"), ("aws-cn", "console.amazonaws.cn"),
    ("aws-us-gov", "console.amazonaws-us-gov.com"), ("aws-eusc", "console.aws.amazon.com"),
])  # fmt: skip
def test_the_dashboards_address_is_that_of_the_partitions_console(partition: str, console: str) -> None:
    text, values = TEMPLATE["Outputs"]["DashboardUrl"]["Value"]["Fn::Sub"]
    chosen = values["Console"]
    while not isinstance(chosen, str):
        condition, yes, no = chosen["Fn::If"]
        chosen = (
            yes if TEMPLATE["Conditions"][condition] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, partition]} else no
        )
    assert text.startswith("https://${AWS::Region}.${Console}/cloudwatch/")
    assert chosen == console


def test_an_idle_stack_costs_what_the_costs_page_counts() -> None:
    kinds = [resource["Type"] for resource in RESOURCES.values()]
    assert not [kind for kind in kinds if kind.startswith(("AWS::EC2::", "AWS::KMS::", "AWS::ElastiCache::"))]
    assert not keys(TEMPLATE) & PROVISIONED
    assert (
        min(alarm["Properties"]["Period"] for alarm in ALARMS.values()) >= 60
    )  # an alarm with a shorter period costs three times as much
    assert f"| {len(ALARMS)} standard |" in COSTS
    assert f"| {kinds.count('AWS::SecretsManager::Secret')} secret |" in COSTS
    assert kinds.count("AWS::CloudWatch::Dashboard") == 1


# --- skipped checks


def test_few_checks_are_skipped_and_each_says_why() -> None:
    skips = [skip for r in RESOURCES.values() for skip in r.get("Metadata", {}).get("checkov", {}).get("skip", [])]
    assert all(skip["comment"] for skip in skips)
    assert len({skip["id"] for skip in skips}) <= MOST_SKIPPED_CHECKS


def test_what_ships_is_pinned_and_leaves_boto3_to_the_runtime() -> None:
    lines = (ROOT / "layers" / "core" / "requirements.txt").read_text().replace("\\\n", "").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+ +--hash=sha256:[0-9a-f]{64}", pin) for pin in pins)
    assert not [pin for pin in pins if pin.startswith(("boto", "s3transfer"))]


@each_row("path", sorted((ROOT / "events").glob("*.json")), ids=lambda path: path.name)
def test_a_sample_event_is_json_and_names_no_account_of_anybody(path: Path) -> None:
    text = path.read_text()
    assert json.loads(text)
    assert set(re.findall(r"(?<![0-9a-f])\d{12}(?![0-9a-f])", text)) <= {"123456789012"}


def test_the_default_base_urls_are_those_of_the_catalogs() -> None:
    for name in catalog.providers():
        assert DEFAULTS[f"{name.capitalize()}BaseUrl"] == catalog.load(name).base_url
