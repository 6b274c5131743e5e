"""Tests which modules a cold start loads. Each handler starts in a new process and makes its use case.

These tests check no times. benchmarks/cold_start.py measures the milliseconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

from tests.rows import each_row
from tests.unit.template_support import ALL_FUNCTIONS, ROOT
from tests.unit.test_container import ENVIRONMENT

HANDLERS = [name.lower() for name in ALL_FUNCTIONS]
# No function needs these modules. Loading one takes between a tenth of the time of making a boto3 client and several
# times that time.
NEVER = {
    "awscrt", "aws_xray_sdk", "pydantic", "PIL", "asyncio", "boto3.s3.inject", "darkroom_cli", "darkroom_local",
    "aws_lambda_powertools.utilities.batch", "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency", "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.parser", "darkroom.pipeline.operator_commands",
    "darkroom.pipeline.spelling_probe", "darkroom.aws.operator_ledger", "darkroom.aws.job_queries",
}  # fmt: skip
# The modules of `pipeline` that each function loads. The other modules there belong to other functions.
STORIES = {
    "submit": {
        "process_binding",
        "settlement",
        "in_doubt_lookup",
        "kept_input_lookup",
        "callback_request",
        "circuit_breaker",
        "quote",
        "folder_settings",
        "wrong_defaults",
        "dispatch",
        "foreign_objects",
        "storage_gate",
        "submit_retries",
        "submit",
        "message_outcomes",
    },
    "poll": {"poll"},
    "callback": {"callback"},
    "finalize": {
        "settlement",
        "delivery",
        "finalize",
        "foreign_objects",
        "message_outcomes",
        "picture_metadata",
        "spliced_result",
    },
    "sweep": {
        "abandoned_multiparts",
        "process_binding",
        "settlement",
        "lost_uploads",
        "account_reconciliation",
        "retiring_models",
        "sweep",
        "message_outcomes",
    },
}
# Modules of the runtime that take time to import, and the functions that need them.
NEEDED_BY = {
    "darkroom.catalog": {"submit"},
    "darkroom.images": {"submit", "finalize"},
    "darkroom.planning": {"submit"},
    "darkroom.setting_layers": {"submit"},
    "darkroom.aws.multipart_put": {
        "submit",
        "finalize",
        "sweep",
    },  # the output bucket uses it, and all three functions may write reports there
    "darkroom.aws.presigned_urls": {"submit"},
    "darkroom.aws.staged_results": {"submit", "finalize"},
    "darkroom.aws.sweep_queries": {"sweep"},
}
OF_A_CALL = {
    "httpx",
    "httpcore",
    "h11",
    "darkroom.providers.http_client",
    "darkroom.providers.authenticated_client",
    "darkroom.aws.api_keys",
}
VENDORS = {f"darkroom.providers.{name}" for name in ("topaz", "aimlapi", "oxen", "uwear")}

PROGRAM = """
import gc, json, ssl, sys
import botocore.session


def counted(owner, name, made):
    make = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: made.append(name) or make(*given, **named))
    return made


sessions = counted(botocore.session, "get_session", [])
clients = counted(botocore.session.Session, "create_client", [])
contexts = counted(ssl, "create_default_context", [])
import {handler}
adapters = {handler}.application.adapters
{handler}.application.{handler}
made, use_case = len(clients), sorted(sys.modules)
adapters.client("dynamodb").meta
frozen = gc.get_freeze_count()
adapters.client("s3").meta
adapters.client("s3").meta
adapters.providers["topaz"]
adapter = sorted(sys.modules)
from darkroom import catalog
read = catalog.load.cache_info().currsize
adapters.outputs.multipart_put.context()
print(json.dumps([use_case, adapter, made, frozen, len(sessions), read, len(contexts), len(clients)]))
"""


class Start:
    """Holds which modules one cold start had loaded after making the use case and after making the first adapter, and
    how many clients and other objects were made by then.
    """

    def __init__(self, found: list[Any]) -> None:
        self.use_case, self.adapter = set(found[0]), set(found[1])
        self.clients, self.frozen, self.sessions, self.catalogs, self.tls_contexts, self.clients_at_last = found[2:]


@cache
def start(handler: str) -> Start:
    """Start the handler in a new process. It may import all packages of this environment, which has more than the layer."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("functions", "layers/core"))
    environment = {**ENVIRONMENT, "PYTHONPATH": paths, "PATH": os.defpath, "AWS_DEFAULT_REGION": "us-east-1"}
    program = PROGRAM.format(handler=handler)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, cwd="/"
    )
    return Start(json.loads(done.stdout))


@each_row("handler", HANDLERS)
def test_a_start_loads_nothing_that_no_function_needs(handler: str) -> None:
    assert start(handler).adapter & NEVER == set()


@each_row("handler", HANDLERS)
def test_a_start_loads_only_the_use_cases_of_its_own_function(handler: str) -> None:
    prefix = "darkroom.pipeline."
    assert {name.removeprefix(prefix) for name in start(handler).adapter if name.startswith(prefix)} == STORIES[handler]


@each_row("module", NEEDED_BY)
def test_a_module_is_loaded_by_those_who_need_it(module: str) -> None:
    assert {handler for handler in HANDLERS if module in start(handler).use_case} == NEEDED_BY[module]


@each_row("handler", HANDLERS)
def test_what_a_call_to_a_provider_needs_waits_for_the_first_call(handler: str) -> None:
    assert start(handler).use_case & (OF_A_CALL | VENDORS) == set()
    assert start(handler).adapter >= OF_A_CALL


@each_row("handler", HANDLERS)
def test_one_providers_adapter_brings_no_others(handler: str) -> None:
    assert start(handler).adapter & VENDORS == {"darkroom.providers.topaz"}
    assert start(handler).catalogs == 0


@each_row("handler", HANDLERS)
def test_a_use_case_is_made_without_any_client(handler: str) -> None:
    assert start(handler).clients == 0


@each_row("handler", HANDLERS)
def test_clients_share_one_session_and_calls_one_tls_context(handler: str) -> None:
    assert (start(handler).sessions, start(handler).tls_contexts) == (1, 1)


@each_row("handler", HANDLERS)
def test_a_service_has_one_client_and_a_service_that_nobody_asks_none(handler: str) -> None:
    assert start(handler).clients_at_last == 2


@each_row("handler", HANDLERS)
def test_imported_objects_are_hidden_from_the_garbage_collector_before_clients_are_made(handler: str) -> None:
    assert start(handler).frozen > 10_000


def test_the_benchmark_knows_every_handler() -> None:
    from benchmarks import cold_start

    assert sorted(cold_start.ASKED) == sorted(HANDLERS)
