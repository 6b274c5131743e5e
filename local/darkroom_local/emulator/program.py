"""The program of the embedded cloud's process: ministack, with few workers for each function and a quick end.

`python -m darkroom_local.emulator.program` serves until SIGTERM. `embedded_cloud` starts it and passes it everything in
environment variables. Some things differ from ministack's own program, version 1.5.33:

- ministack starts a process for each invocation that finds no idle one, and so 67 processes for a hundred pictures. Here an
  invocation waits while its function has up to four processes (`worker_limit`).
- ministack starts an interpreter for each worker of a function. Here a worker is forked (`forked_workers`).
- When it ends, ministack waits up to 30 s for clients that keep a TLS connection open. Here it waits a tenth of a second.
- A connection that its client has closed is kept for 75 s, with its buffers. Here it is forgotten at once (`closed_connections`).
- When a worker process dies, ministack changes nothing. Here its leases end, and its messages come again (`worker_deaths`).
- The URL of a function leads to this cloud (`function_urls`), and task tokens behave as on AWS (`task_tokens`).
- ministack drops the tags of multipart uploads. Here the object gets them (`multipart_tags`).
- ministack parses the same policies for each request. Here they are parsed once (`repeated_work`).
- ministack forgets everything when it is killed. Here its tables and results can be kept (`persistence`).

The callers of the cloud must see no difference except in how long things take.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from darkroom_local.emulator import closed_connections, function_urls, multipart_tags, persistence, repeated_work
from darkroom_local.emulator.forked_workers import fork_workers
from darkroom_local.emulator.task_tokens import TaskTokens
from darkroom_local.emulator.version import EmulatorChanged, require
from darkroom_local.emulator.worker_deaths import WorkerDeaths
from darkroom_local.emulator.worker_limit import WorkerLimit

_TLS_END_SECONDS = 0.1
_LAST_ANSWERS_SECONDS = 0.5  # at the end, the wait for requests that are under way
_KEEP_ALIVE_SECONDS = 75  # as in ministack's own program


def main() -> None:
    """Serve until SIGTERM or SIGINT. If ministack has another version, print that and end."""
    gc.disable()  # what is imported stays: to look for garbage in it takes a sixth of the start's CPU time
    repeated_work.start_with_less()
    # Not at the top, because ministack reads the environment and sets up logging when it is imported.
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, lambda_runtime
    from ministack.services import dynamodb, lambda_svc, stepfunctions

    try:
        limit_workers(lambda_svc)
        fork_workers(lambda_runtime)
        WorkerDeaths().attach(lambda_runtime.Worker, lambda_svc, dynamodb)
        function_urls.lead_here(lambda_svc, f"https://{_address()}")
        TaskTokens(stepfunctions, iam_actions).attach()
        multipart_tags.keep_tags()
        repeated_work.parse_policies_once(iam_evaluator)
        closed_connections.forget()
        persistence.name_versions()
        if persistence.JOURNAL in os.environ:
            persistence.keep(Path(os.environ[persistence.JOURNAL]), Path(os.environ[persistence.RESULTS]))
    except EmulatorChanged as changed:
        sys.exit(str(changed))
    gc.freeze()
    gc.enable()
    with asyncio.Runner(loop_factory=_PromptLoop) as runner:
        runner.run(serve(app.app, _server_settings()))


def limit_workers(lambda_service: Any) -> None:
    """Let `worker_limit` lend the workers of ministack's Lambda. Raises EmulatorChanged."""
    require(lambda_service, {"acquire_worker": "max_concurrency", "release_worker": "worker"})
    limit = WorkerLimit(lambda_service.acquire_worker, lambda_service.release_worker)
    lambda_service.acquire_worker, lambda_service.release_worker = limit.acquire, limit.release


class _PromptLoop(asyncio.SelectorEventLoop):
    """An event loop whose TLS servers do not wait for idle clients when they end."""

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        """Create a server as the standard loop does, but let each TLS connection end quickly."""
        return await super().create_server(*args, **options, ssl_shutdown_timeout=_TLS_END_SECONDS)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report errors as the standard loop does, except for a connection that was cut because its client did not end it."""
        if not isinstance(context.get("exception"), TimeoutError):
            super().call_exception_handler(context)


def _address() -> str:
    return f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"


def _server_settings() -> Config:
    settings = Config()
    settings.bind = [_address()]
    settings.certfile, settings.keyfile = os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"]
    settings.graceful_timeout = _LAST_ANSWERS_SECONDS
    settings.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    settings.loglevel = os.environ["LOG_LEVEL"]
    return settings


if __name__ == "__main__":
    main()
