"""Storage checks on DynamoDB: the row `STORAGE#<output bucket>`, and the call by which submit has finalize check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import StorageUnproven
from darkroom.model import StorageCheck
from darkroom.timestamps import moment

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

# The bucket was never checked, or it is time. The first worker moves the time on, so that no other checks too.
TIME_TO_CHECK = "attribute_not_exists(#next_check_at) OR #next_check_at <= :now"
CHECK_EVENT = b'{"check": "storage"}'  # finalize's handler knows it


@dataclass(frozen=True)
class DynamoStorageChecks:
    """The row of one output bucket in the ledger's table; fulfils `ports.StorageChecks`."""

    table: LedgerTable
    bucket: str

    def last(self) -> StorageCheck | None:
        """Return what is known; None if the bucket was never checked."""
        item = self.table.read(self._key) or {}
        next_check_at, checked_at = items.text(item, "next_check_at"), items.text(item, "checked_at")
        if next_check_at is None:
            return None
        checked = moment(checked_at) if checked_at else None
        return StorageCheck(moment(next_check_at), checked, items.text(item, "refusal"))

    def take_turn(self, now: datetime, until: datetime) -> bool:
        """Return whether this caller may check now."""
        write = Write(self._key, set={"next_check_at": until}, when=[TIME_TO_CHECK], values={"now": now})
        try:
            self.table.update(write)
        except ConditionFailed:
            return False
        return True

    def record(self, now: datetime, refusal: str | None, next_check_at: datetime) -> None:
        """Store the result of a check."""
        known = {"checked_at": now, "next_check_at": next_check_at}
        changes = known | ({"refusal": refusal} if refusal else {})
        self.table.update(Write(self._key, set=changes, remove=[] if refusal else ["refusal"]))

    @property
    def _key(self) -> dict[str, dict[str, str]]:
        return items.own_key(f"STORAGE#{self.bucket}", "STORAGE")


@dataclass(frozen=True)
class LambdaStorageChecker:
    """Calls finalize and waits for its answer; fulfils `ports.StorageChecker`."""

    client: LambdaClient
    function: str

    def __call__(self) -> None:
        """Have finalize check and record. Raises StorageUnproven."""
        try:
            answer = self.client.invoke(FunctionName=self.function, Payload=CHECK_EVENT)
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise StorageUnproven(f"submit could not call finalize, which checks the output bucket ({code})") from None
        answer["Payload"].close()
        if answer.get("FunctionError"):
            raise StorageUnproven("finalize could not check the output bucket: read its log")
