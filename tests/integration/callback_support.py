"""The application with callbacks: a stand-in for an execution that waits on a task token, and what a vendor sends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from tests.fakes import state_machine
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import TABLE

from darkroom.container import Container
from darkroom.model import Job, ProcessState
from darkroom.pipeline.callback import CallbackAnswer

URL = "https://callbacks.example/"
LINK = "https://results.example/secret-link"


@dataclass
class Waits:
    """Stands in for the executions' waits. `begin` writes a token as the state machine does; implements `ports.TaskTokens`."""

    dynamodb: Any
    waiting: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)

    def begin(self, job: Job, task_token: str = "token-1", run: int | None = None) -> bool:
        """Begin a wait for the job's run. Return False if its row took no token, so that finalize is called at once."""
        data = {"job_id": job.job_id, "run": run or job.run}
        try:
            self.dynamodb.update_item(**state_machine.token_write(data, task_token, TABLE))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        self.waiting.add(task_token)
        return True

    def wake(self, task_token: str) -> bool:
        if task_token not in self.waiting:
            return False
        self.waiting.remove(task_token)
        self.woken.append(task_token)
        return True


class CallbackApplication(ApplicationUnderTest):
    """The application of a stack with `Callbacks=on`."""

    def __init__(self, cloud: Any) -> None:
        super().__init__(cloud)
        self.waits = Waits(cloud.dynamodb)
        self.ports["task_tokens"] = self.waits
        self.addresses: list[str | None] = []
        submit = self.provider.submit

        def recorded(*given: Any) -> Any:
            self.addresses.append(given[4])
            return submit(*given)

        self.provider.submit = recorded  # type: ignore[method-assign]

    def make_container(self, **environment: str) -> Container:
        return super().make_container(**{"CALLBACK_URL": URL, **environment})

    def call_back(
        self, word: str = "Completed", process_id: str = "process-1", url: str | None = None, method: str = "POST"
    ) -> CallbackAnswer:
        """Call the function as the vendor does, at the address that the last submit gave it."""
        body = json.dumps({"process_id": process_id, "status": word, "download_url": LINK}).encode()
        return self.send(body, url, method)

    def send(self, body: bytes, url: str | None = None, method: str = "POST") -> CallbackAnswer:
        """Send any body to the function."""
        return self.make_container().callback(method, urlsplit(url or self.addresses[-1] or "").path, body)

    def row(self) -> dict[str, Any]:
        """Return the only job's row as it is stored."""
        (row,) = [row for row in self.cloud.rows() if row["sk"]["S"] == "JOB"]
        return row


def bound(application: CallbackApplication) -> Job:
    """Deliver an upload until its job is bound, and return the job."""
    application.deliver(application.cloud.put("a.jpg", picture()))
    return application.job()


def ended_at_the_vendor(application: CallbackApplication, state: ProcessState = ProcessState.COMPLETED) -> None:
    """Let the first process end."""
    application.provider.become(state, "process-1")
