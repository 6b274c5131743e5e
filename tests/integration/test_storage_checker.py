"""Tests the call by which submit has finalize check the output bucket: whatever fails, nothing counts as proven."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from tests.rows import each_row

from darkroom.aws.storage_checks import CHECK_EVENT, LambdaStorageChecker
from darkroom.errors import StorageUnproven


class Answer:
    """Stands in for the Lambda client and for the body of its answer."""

    def __init__(self, error: Exception | None = None, **answer: Any) -> None:
        self.error, self.answer, self.is_closed = error, answer, False

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert (FunctionName, Payload) == ("finalize", CHECK_EVENT)
        if self.error:
            raise self.error
        return {"Payload": self, **self.answer}

    def close(self) -> None:
        self.is_closed = True


DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "arn:secret"}}, "Invoke")
UNASKED = [
    (Answer(DENIED), r"could not call finalize, .* \(AccessDeniedException\)$"),
    (
        Answer(ConnectTimeoutError(endpoint_url="https://lambda")),
        r"could not call finalize, .* \(ConnectTimeoutError\)$",
    ),
    (Answer(FunctionError="Unhandled"), "read its log"),
]


@each_row(("answer", "why"), UNASKED, ids=["denied", "no connection", "failed"])
def test_a_check_that_finalize_did_not_make_says_why_it_was_not_made(answer: Answer, why: str) -> None:
    with pytest.raises(StorageUnproven, match=why):
        LambdaStorageChecker(answer, "finalize")()  # type: ignore[arg-type]


def test_finalize_is_asked_and_its_answer_is_closed() -> None:
    answer = Answer()
    LambdaStorageChecker(answer, "finalize")()  # type: ignore[arg-type]
    assert answer.is_closed
